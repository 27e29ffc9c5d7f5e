//! The file of jobs, parsed.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::parameters;
use crate::schema::property_string;
use crate::section_config::{FileType, Plugin, Section, Sections};
use crate::world::{Pve, World};

pub(super) const JOBS: &str = "/etc/pve/jobs.cfg";

fn file_type(pve: Pve) -> &'static FileType {
    fn new(pve: Pve) -> FileType {
        FileType { plugins: vec![Plugin { kind: "vzdump", options: parameters::options(pve) }], typed_ids: false }
    }
    static OF_8: LazyLock<FileType> = LazyLock::new(|| new(Pve::V8));
    static OF_9: LazyLock<FileType> = LazyLock::new(|| new(Pve::V9));
    match pve {
        Pve::V8 => &OF_8,
        Pve::V9 => &OF_9,
    }
}

/// The one type of job.
pub(super) fn plugin(world: &World) -> &'static Plugin {
    &file_type(world.profile.pve).plugins[0]
}

/// The jobs of the cluster, in file order.
pub(super) fn read(world: &World) -> Sections {
    file_type(world.profile.pve).parse(world.file(JOBS))
}

/// Writes the jobs.
///
/// # Errors
/// A value can't be written.
pub(super) fn write(world: &mut World, jobs: &Sections) -> Result<(), String> {
    let text = file_type(world.profile.pve).render(jobs)?;
    world.write_file(JOBS, text);
    Ok(())
}

/// A job as the API shows it.
pub(super) fn entry(world: &World, job: &Section) -> Map<String, Value> {
    let mut entry: Map<String, Value> = job.values.clone().into_iter().collect();
    for parameter in parameters::all(world.profile.pve) {
        let Some(keys) = parameter.keys else { continue };
        let text = job.text(parameter.name);
        if let Some(object) = text.and_then(|text| property_string::parse(keys(), &text, parameter.name).ok()) {
            entry.insert(parameter.name.to_owned(), Value::Object(object));
        }
    }
    entry.entry("enabled").or_insert(json!(1));
    entry.extend([("id".to_owned(), json!(job.id)), ("type".to_owned(), json!(job.kind))]);
    entry
}

/// Whether a job is enabled; it is by default.
pub(super) fn is_enabled(job: &Section) -> bool {
    job.text("enabled").is_none() || job.flag("enabled")
}
