//! The arguments of the command, and its help.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use pve_schemas::data::readiness::Profile;

use super::NAME;
use crate::terminal::{self, Node, ssh_node};

/// How long the reads of one cluster may take, unless the command line says otherwise.
const DEFAULT_TIMEOUT: &str = "2m";

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Html,
    Markdown,
    Json,
    Openmetrics,
    Junit,
}

const FORMATS: [(&str, Format); 5] = [
    ("html", Format::Html),
    ("markdown", Format::Markdown),
    ("json", Format::Json),
    ("openmetrics", Format::Openmetrics),
    ("junit", Format::Junit),
];

const PROFILES: [(&str, Profile); 2] = [("production", Profile::Production), ("lab", Profile::Lab)];

/// What the command is asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) format: Format,
    /// The file to write to; stdout without one.
    pub(super) out: Option<PathBuf>,
    /// Write the verdict only.
    pub(super) check_only: bool,
    pub(super) profile: Profile,
    /// The file that lists the clusters; without one there is one cluster, from the environment.
    pub(super) clusters: Option<PathBuf>,
    /// The JSON form of a plan.
    pub(super) plan: Option<PathBuf>,
    /// How long the reads of one cluster may take.
    pub(super) timeout: Duration,
    pub(super) nodes: Vec<Node>,
}

impl Request {
    pub(super) fn of(matches: &ArgMatches) -> Self {
        Self {
            format: matches.get_one("format").copied().unwrap_or(Format::Markdown),
            out: matches.get_one("out").cloned(),
            check_only: matches.get_flag("check-only"),
            profile: matches.get_one("profile").copied().unwrap_or_default(),
            clusters: matches.get_one("clusters").cloned(),
            plan: matches.get_one("plan").cloned(),
            timeout: matches.get_one("timeout").copied().unwrap_or_default(),
            nodes: terminal::nodes(matches),
        }
    }

    /// Why these arguments can't be combined; nothing where they can.
    pub(super) fn conflict(&self) -> Option<&'static str> {
        let is_text = matches!(self.format, Format::Markdown | Format::Json);
        (self.plan.is_some() && !is_text && !self.check_only)
            .then_some("--plan has the formats markdown and json: the others describe the cluster as it is")
    }
}

/// The command.
pub fn command() -> Command {
    let file = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("FILE").value_parser(value_parser!(PathBuf)).help(help)
    };
    let timeout = |text: &str| {
        pve_schemas::value::timeout(text).ok_or("it has to be a duration greater than zero, such as 30s or 2m")
    };
    Command::new(NAME)
        .about("Reports whether clusters are ready for production, and what the failure of each node would do")
        .long_about(LONG)
        .arg(
            Arg::new("format")
                .long("format")
                .value_name("FORMAT")
                .value_parser(one_of(FORMATS))
                .default_value("markdown")
                .help("The format of the report"),
        )
        .arg(file("out", "The file to write to, replaced as a whole; stdout without it"))
        .arg(
            Arg::new("profile")
                .long("profile")
                .value_name("PROFILE")
                .value_parser(one_of(PROFILES))
                .default_value("production")
                .help("Which readiness checks are mandatory, as the argument of `pve_ha_readiness`"),
        )
        .arg(
            Arg::new("check-only")
                .long("check-only")
                .action(ArgAction::SetTrue)
                .conflicts_with_all(["format", "out"])
                .help("Write only the verdict of each cluster and its reasons"),
        )
        .arg(
            file("clusters", "A JSON file with the names, endpoints and fingerprints of several clusters")
                .conflicts_with(terminal::SSH_NODE),
        )
        .arg(
            file("plan", "A plan, as `terraform show -json` prints it: report what it does to failover")
                .conflicts_with_all(["clusters", "profile"]),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("DURATION")
                .value_parser(timeout)
                .default_value(DEFAULT_TIMEOUT)
                .help("How long the reads of one cluster may take"),
        )
        .arg(ssh_node())
        .after_help(EXAMPLE)
        .after_long_help(format!("{EXAMPLE}\n\n{CODES}"))
}

fn one_of<T: Copy + Clone + Send + Sync + 'static, const N: usize>(
    all: [(&'static str, T); N],
) -> impl TypedValueParser<Value = T> {
    let names = PossibleValuesParser::new(all.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    names.try_map(move |given| all.iter().find(|(name, _)| *name == given).map(|(_, value)| *value).ok_or("unknown"))
}

const LONG: &str = "\
Reads one or more Proxmox VE clusters and reports the readiness checks, what the failure of each node would do, the \
votes, the state of HA and the replication. It sends only requests that read.

The endpoint and the credentials come from the environment, as for the provider block: PROXMOX_VE_ENDPOINT, \
PROXMOX_VE_API_TOKEN and so on. With PROXMOX_VE_SSH_* the checks that need the nodes are made, too.

--clusters reads several clusters: {\"clusters\": [{\"name\": \"berlin\", \"endpoint\": \"https://…:8006\", \
\"tls_fingerprint\": \"AA:BB:…\"}]}. Credentials are never in that file: the token of berlin is \
PROXMOX_VE_API_TOKEN_BERLIN, or PROXMOX_VE_API_TOKEN for all.

--plan compares the failures of the cluster as it is with those after a plan: terraform show -json PLAN > plan.json.";

const EXAMPLE: &str = "Example: terraform-provider-pve report --format html --out report.html";

/// The exit codes, for the help and the documentation.
pub(super) const CODES: &str = "\
Exit codes:
  0    ready: no mandatory check failed; with --plan: every failure is survived after it
  1    not ready; with --plan: a failure is not survived after it
  2    undecided: a cluster could not be read, a mandatory check or a planned value is unknown, or the report
       could not be written
  64   an invalid command line
Of several clusters the highest of these codes counts.";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Option<Request> {
        let matches = command().try_get_matches_from([&[NAME], arguments].concat()).ok()?;
        Some(Request::of(&matches))
    }

    #[test]
    fn defaults_and_each_format() {
        let request = parse(&[]).unwrap();
        assert_eq!((request.format, request.profile), (Format::Markdown, Profile::Production));
        assert_eq!((request.check_only, request.timeout), (false, Duration::from_secs(120)));
        for (name, format) in FORMATS {
            assert_eq!(parse(&["--format", name]).unwrap().format, format);
        }
        assert_eq!(parse(&["--profile", "lab"]).unwrap().profile, Profile::Lab);
    }

    #[test]
    fn what_excludes_each_other_is_refused() {
        let wrong: [&[&str]; 7] = [
            &["--format", "pdf"],
            &["--check-only", "--format", "json"],
            &["--check-only", "--out", "x"],
            &["--plan", "p", "--clusters", "c"],
            &["--plan", "p", "--profile", "lab"],
            &["--clusters", "c", "--ssh-node", "a=b"],
            &["--timeout", "0s"],
        ];
        for wrong in wrong {
            assert!(parse(wrong).is_none(), "{wrong:?}");
        }
        assert!(parse(&["--plan", "p", "--format", "html"]).unwrap().conflict().is_some());
        for right in [&["--plan", "p"][..], &["--plan", "p", "--format", "json"], &["--plan", "p", "--check-only"]] {
            assert_eq!(parse(right).unwrap().conflict(), None, "{right:?}");
        }
    }

    #[test]
    fn the_help_has_every_exit_code() {
        let help = command().render_long_help().to_string();
        for code in [0, 1, 2, 64] {
            assert!(help.lines().any(|line| line.trim().starts_with(&format!("{code} "))), "{code}: {help}");
        }
    }
}
