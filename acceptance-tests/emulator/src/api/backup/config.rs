//! The file of jobs, parsed, and the options a job may have (`PVE::VZDump::Common`, `PVE::Job::Registry`).

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::api::replication::CALENDAR_EVENT;
use crate::schema::formats::{CONFIG_ID, EMAIL, Format, NODE, Named, STORAGE_ID, USER_ID, VMID};
use crate::schema::{Prop, Schema, property_string};
use crate::section_config::{Codec, FileType, Opt, Plugin, Section, Sections};
use crate::world::World;

pub(super) const JOBS: &str = "/etc/pve/jobs.cfg";
/// The options that are property strings: text in a request and in the file, objects in an answer.
const OBJECTS: [&str; 3] = ["prune-backups", "performance", "fleecing"];

const EMAIL_OR_USERNAME: Named = Named {
    name: "email-or-username",
    check: |value| {
        let refuse = |_| "value does not look like a valid email address or user name".to_owned();
        (EMAIL.check)(value).or_else(|_| (USER_ID.check)(value)).map_err(refuse)
    },
};

static JOB_TYPE: LazyLock<FileType> = LazyLock::new(|| {
    let mut options = vec![
        Opt::optional("enabled", Prop::boolean()),
        Opt::required("schedule", schedule()),
        Opt::optional("comment", comment()).codec(Codec::Text),
        Opt::optional("repeat-missed", Prop::boolean()),
    ];
    options.extend(vzdump_options().into_iter().map(|(name, prop)| {
        let option = Opt::optional(name, prop);
        match name {
            "prune-backups" => option.codec(Codec::Properties(retention)),
            "performance" => option.codec(Codec::Properties(performance)),
            "fleecing" => option.codec(Codec::Properties(fleecing)),
            _ => option,
        }
    }));
    FileType { plugins: vec![Plugin { kind: "vzdump", options }], typed_ids: false }
});

/// The one type of job.
pub(super) fn plugin() -> &'static Plugin {
    &JOB_TYPE.plugins[0]
}

/// The jobs of the cluster, in file order.
pub(super) fn read(world: &World) -> Sections {
    JOB_TYPE.parse(world.file(JOBS))
}

/// Writes the jobs.
///
/// # Errors
/// A value can't be written.
pub(super) fn write(world: &mut World, jobs: &Sections) -> Result<(), String> {
    let text = JOB_TYPE.render(jobs)?;
    world.write_file(JOBS, text);
    Ok(())
}

/// A job as the API shows it.
pub(super) fn entry(job: &Section) -> Map<String, Value> {
    let mut entry: Map<String, Value> = job.values.clone().into_iter().collect();
    for name in OBJECTS {
        let keys = match name {
            "prune-backups" => retention(),
            "performance" => performance(),
            _ => fleecing(),
        };
        if let Some(object) = job.text(name).and_then(|text| property_string::parse(keys, &text, name).ok()) {
            entry.insert(name.to_owned(), Value::Object(object));
        }
    }
    entry.entry("enabled").or_insert(json!(1));
    entry.extend([("id".to_owned(), json!(job.id)), ("type".to_owned(), json!(job.kind))]);
    entry
}

/// Whether a job is switched on; it is unless told otherwise.
pub(super) fn is_enabled(job: &Section) -> bool {
    job.text("enabled").is_none() || job.flag("enabled")
}

/// The schema of a new job's id.
pub(super) fn new_id() -> Prop {
    Prop::string().format(Format::One(CONFIG_ID)).max_length(64)
}

/// The schema of a schedule.
pub(in crate::api) fn schedule() -> Prop {
    Prop::string().max_length(128).format(Format::One(CALENDAR_EVENT))
}

/// The schema of a comment.
pub(super) fn comment() -> Prop {
    Prop::string().max_length(512)
}

/// Whether `vzdump` has an option of that name.
pub(super) fn is_vzdump_option(name: &str) -> bool {
    vzdump_options().iter().any(|(option, _)| *option == name)
}

/// Everything `vzdump` can be told.
pub(super) fn vzdump_options() -> Vec<(&'static str, Prop)> {
    let vmids = || Prop::string().format(Format::List(VMID));
    let at_least_zero = || Prop::integer().min(0.0);
    vec![
        ("vmid", vmids()),
        ("node", Prop::string().format(Format::One(NODE))),
        ("all", Prop::boolean()),
        ("stdexcludes", Prop::boolean()),
        ("compress", Prop::choice(&["0", "1", "gzip", "lzo", "zstd"])),
        ("pigz", Prop::integer()),
        ("zstd", Prop::integer()),
        ("quiet", Prop::boolean()),
        ("mode", Prop::choice(&["snapshot", "suspend", "stop"])),
        ("exclude", vmids()),
        ("exclude-path", Prop::array(Prop::string())),
        ("mailto", Prop::string().format(Format::List(EMAIL_OR_USERNAME))),
        ("mailnotification", Prop::choice(&["always", "failure"])),
        ("notification-mode", Prop::choice(&["auto", "legacy-sendmail", "notification-system"])),
        ("tmpdir", Prop::string()),
        ("dumpdir", Prop::string()),
        ("script", Prop::string()),
        ("storage", Prop::string().format(Format::One(STORAGE_ID))),
        ("stop", Prop::boolean()),
        ("bwlimit", at_least_zero()),
        ("ionice", at_least_zero().max(8.0)),
        ("performance", Prop::property_string(performance().clone())),
        ("lockwait", at_least_zero()),
        ("stopwait", at_least_zero()),
        ("prune-backups", Prop::property_string(retention().clone())),
        ("fleecing", Prop::property_string(fleecing().clone())),
        ("remove", Prop::boolean()),
        ("pool", Prop::string()),
        ("notes-template", Prop::string().max_length(1024).requires("storage")),
        ("protected", Prop::boolean().requires("storage")),
        ("pbs-change-detection-mode", Prop::choice(&["legacy", "data", "metadata"])),
    ]
}

fn retention() -> &'static Schema {
    static KEYS: LazyLock<Schema> = LazyLock::new(|| {
        let kept = ["keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly"];
        let keys = Schema::new().opt("keep-all", Prop::boolean());
        kept.into_iter().fold(keys, |keys, name| keys.opt(name, Prop::integer().min(0.0)))
    });
    &KEYS
}

fn performance() -> &'static Schema {
    static KEYS: LazyLock<Schema> = LazyLock::new(|| {
        Schema::new()
            .opt("max-workers", Prop::integer().min(1.0).max(256.0))
            .opt("pbs-entries-max", Prop::integer().min(1.0))
    });
    &KEYS
}

fn fleecing() -> &'static Schema {
    static KEYS: LazyLock<Schema> = LazyLock::new(|| {
        Schema::new()
            .opt("enabled", Prop::boolean().default_key())
            .opt("storage", Prop::string().format(Format::One(STORAGE_ID)))
    });
    &KEYS
}
