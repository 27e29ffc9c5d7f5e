//! The file of jobs, parsed.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::{CALENDAR_EVENT, parse_job_id};
use crate::schema::Prop;
use crate::schema::formats::{Format, NODE};
use crate::section_config::{Codec, FileType, Opt, Plugin, Section, Sections};
use crate::world::World;

pub(super) const REPLICATION: &str = "/etc/pve/replication.cfg";

static JOB_TYPE: LazyLock<FileType> = LazyLock::new(|| {
    let options = vec![
        Opt::required("target", node()).fixed(),
        Opt::optional("source", node()),
        Opt::optional("schedule", schedule()),
        Opt::optional("rate", rate()),
        Opt::optional("comment", comment()).codec(Codec::Text),
        Opt::optional("disable", Prop::boolean()),
        Opt::optional("remove_job", remove_job()),
    ];
    FileType { plugins: vec![Plugin { kind: "local", options }], typed_ids: false }
});

/// The one type of job.
pub(super) fn plugin() -> &'static Plugin {
    &JOB_TYPE.plugins[0]
}

/// The jobs of the cluster.
pub(super) fn read(world: &World) -> Sections {
    let mut jobs = JOB_TYPE.parse(world.file(REPLICATION));
    jobs.list.retain(|job| parse_job_id(&job.id).is_some());
    jobs
}

/// Writes the jobs.
///
/// # Errors
/// A value can't be written.
pub(super) fn write(world: &mut World, jobs: &Sections) -> Result<(), String> {
    let text = JOB_TYPE.render(jobs)?;
    world.write_file(REPLICATION, text);
    Ok(())
}

/// A job as the API shows it.
pub(super) fn entry(job: &Section) -> Map<String, Value> {
    let mut entry: Map<String, Value> = job.values.clone().into_iter().collect();
    if let Some((guest, number)) = parse_job_id(&job.id) {
        entry.extend([("guest".to_owned(), json!(guest)), ("jobnum".to_owned(), json!(number))]);
    }
    entry.extend([("id".to_owned(), json!(job.id)), ("type".to_owned(), json!(job.kind))]);
    entry
}

/// The schema of a node.
pub(super) fn node() -> Prop {
    Prop::string().format(Format::One(NODE))
}

/// The schema of a schedule.
pub(super) fn schedule() -> Prop {
    Prop::string().max_length(128).format(Format::One(CALENDAR_EVENT))
}

/// The schema of a rate limit.
pub(super) fn rate() -> Prop {
    Prop::number().min(1.0)
}

/// The schema of a comment.
pub(super) fn comment() -> Prop {
    Prop::string().max_length(4096)
}

/// The schema of the mark that a job is to be removed.
pub(super) fn remove_job() -> Prop {
    Prop::choice(&["local", "full"])
}
