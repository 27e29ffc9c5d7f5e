//! The parameters of backups (`PVE::VZDump::Common`, `PVE::VZDump::JobBase`): one table for requests, answers and the file.
//!
//! Invariant: this table alone defines the values of a parameter, its form in the file, and whether it can be unset.

use std::sync::LazyLock;

use super::properties;
use crate::api::replication::CALENDAR_EVENT;
use crate::schema::formats::{CONFIG_ID, Format, NODE, STORAGE_ID, VMID};
use crate::schema::{Prop, Schema};
use crate::section_config::{Codec, Opt};
use crate::world::Pve;

/// A parameter.
#[derive(Clone, Debug)]
pub(super) struct Parameter {
    /// Its name.
    pub(super) name: &'static str,
    /// What it takes.
    pub(super) prop: Prop,
    /// What it belongs to.
    pub(super) of: Of,
    /// The keys of a property string: text in a request and in the file, an object in an answer.
    pub(super) keys: Option<fn() -> &'static Schema>,
}

/// What a parameter belongs to, and with it who takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    /// A run of `vzdump`; jobs keep it, and `delete` unsets it.
    Run,
    /// The job alone.
    Job {
        /// Whether `delete` unsets it.
        deletable: bool,
    },
    /// Nothing that is kept: another parameter is made of it.
    Request,
}

/// All parameters of a release.
pub(super) fn all(pve: Pve) -> &'static [Parameter] {
    static OF_8: LazyLock<Vec<Parameter>> = LazyLock::new(|| table(Pve::V8));
    static OF_9: LazyLock<Vec<Parameter>> = LazyLock::new(|| table(Pve::V9));
    match pve {
        Pve::V8 => &OF_8,
        Pve::V9 => &OF_9,
    }
}

/// `schema` with the parameters of a job.
pub(super) fn of_job(pve: Pve, schema: Schema) -> Schema {
    let schema = schema
        .opt("starttime", Prop::string().pattern(r"\d{1,2}:\d{1,2}"))
        .opt("dow", Prop::string().format(Format::List(super::schedule::DAY_OF_WEEK)).requires("starttime"));
    all(pve).iter().fold(schema, |schema, parameter| schema.opt(parameter.name, parameter.prop.clone()))
}

/// `schema` with the parameters of a run; `node`, which is in its path, is there already.
pub(super) fn of_run(pve: Pve, schema: Schema) -> Schema {
    let own = all(pve).iter().filter(|parameter| parameter.is_of_run());
    own.fold(schema, |schema, parameter| schema.opt(parameter.name, parameter.prop.clone()))
}

/// The options of a job in the file.
pub(super) fn options(pve: Pve) -> Vec<Opt> {
    let kept = all(pve).iter().filter(|parameter| parameter.of != Of::Request);
    kept.map(|parameter| {
        let option = match parameter.name {
            "schedule" => Opt::required(parameter.name, parameter.prop.clone()),
            _ => Opt::optional(parameter.name, parameter.prop.clone()),
        };
        match (parameter.keys, parameter.name) {
            (Some(keys), _) => option.codec(Codec::Properties(keys)),
            (None, "comment") => option.codec(Codec::Text),
            (None, _) => option,
        }
    })
    .collect()
}

/// Whether a job hands an option on to its runs.
pub(super) fn is_of_run(name: &str) -> bool {
    [Pve::V8, Pve::V9].into_iter().flat_map(all).any(|parameter| parameter.name == name && parameter.of == Of::Run)
}

impl Parameter {
    /// Whether `delete` takes its name.
    pub(super) fn is_deletable(&self) -> bool {
        matches!(self.of, Of::Run | Of::Job { deletable: true } | Of::Request)
    }

    fn is_of_run(&self) -> bool {
        matches!(self.of, Of::Run | Of::Request) && self.name != "node"
    }
}

fn table(pve: Pve) -> Vec<Parameter> {
    let parameter = |of: Of| move |(name, prop): (&'static str, Prop)| Parameter { name, prop, of, keys: None };
    let mut table: Vec<Parameter> = run().into_iter().map(parameter(Of::Run)).collect();
    let object = |name: &'static str, keys: fn() -> &'static Schema| Parameter {
        name,
        prop: Prop::property_string(keys().clone()),
        of: Of::Run,
        keys: Some(keys),
    };
    table.push(object("prune-backups", properties::retention));
    table.push(object("performance", properties::performance));
    table.push(object("fleecing", properties::fleecing));
    table.push(parameter(Of::Job { deletable: false })(("enabled", Prop::boolean())));
    let schedule = Prop::string().max_length(128).format(Format::One(CALENDAR_EVENT));
    table.push(parameter(Of::Job { deletable: false })(("schedule", schedule)));
    table.push(parameter(Of::Job { deletable: true })(("comment", Prop::string().max_length(512))));
    table.push(parameter(Of::Job { deletable: true })(("repeat-missed", Prop::boolean())));
    if pve == Pve::V8 {
        // Both are accepted and do nothing; `maxfiles` becomes `prune-backups`.
        table.push(parameter(Of::Run)(("notification-policy", Prop::choice(&["always", "failure", "never"]))));
        table.push(parameter(Of::Run)(("notification-target", Prop::string().format(Format::One(CONFIG_ID)))));
        table.push(parameter(Of::Request)((properties::MAX_FILES, Prop::integer().min(1.0))));
    }
    table
}

/// What a run of `vzdump` takes, except for property strings.
fn run() -> Vec<(&'static str, Prop)> {
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
        // The existing text is kept as it is.
        ("mailto", Prop::string()),
        ("mailnotification", Prop::choice(&["always", "failure"])),
        ("notification-mode", Prop::choice(&["auto", "legacy-sendmail", "notification-system"])),
        ("tmpdir", Prop::string()),
        ("dumpdir", Prop::string()),
        ("script", Prop::string()),
        ("storage", Prop::string().format(Format::One(STORAGE_ID))),
        ("stop", Prop::boolean()),
        ("bwlimit", at_least_zero()),
        ("ionice", at_least_zero().max(8.0)),
        ("lockwait", at_least_zero()),
        ("stopwait", at_least_zero()),
        ("remove", Prop::boolean()),
        ("pool", Prop::string()),
        ("notes-template", Prop::string().max_length(1024).requires("storage")),
        ("protected", Prop::boolean().requires("storage")),
        ("pbs-change-detection-mode", Prop::choice(&["legacy", "data", "metadata"])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pve_8_has_the_old_retention() {
        let names = |pve: Pve| all(pve).iter().map(|parameter| parameter.name).collect::<Vec<_>>();
        assert!(names(Pve::V8).contains(&"maxfiles") && !names(Pve::V9).contains(&"maxfiles"));
        assert!(options(Pve::V8).iter().all(|option| option.name != "maxfiles"), "it is not kept");
    }

    #[test]
    fn a_run_takes_nothing_of_the_schedule() {
        let schema = of_run(Pve::V9, Schema::new());
        assert!(["vmid", "storage", "prune-backups"].iter().all(|name| schema.find(name).is_some()));
        assert!(["schedule", "enabled", "comment", "repeat-missed", "node"].iter().all(|n| schema.find(n).is_none()));
    }
}
