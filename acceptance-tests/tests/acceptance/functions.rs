//! Functions: called by the real CLI, without a cluster and without credentials.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance_tests::cli;
use acceptance_tests::output::Run;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use pve_emulator::api::replication::CalendarEvent;
use pve_schemas::value::Schedule;
use serde_json::{Value as Json, json};

const REQUIRED: &str =
    "terraform {\n  required_providers {\n    pve = {\n      source = \"pve-ha/pve\"\n    }\n  }\n}\n";

/// A folder with a configuration that no cluster is there for.
struct Offline {
    folder: tempfile::TempDir,
    cli: PathBuf,
}

impl Offline {
    fn new(test: &str) -> Option<Self> {
        let cli = cli::with_functions(test)?;
        let folder = tempfile::Builder::new().prefix("tfacc-").tempdir().unwrap();
        fs::write(folder.path().join("cli.tfrc"), cli::configuration(&cli::provider_folder())).unwrap();
        Some(Self { folder, cli })
    }

    fn configure(&self, text: &str) {
        fs::write(self.folder.path().join("main.tf"), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cli::command_of(&self.cli, self.folder.path(), &self.folder.path().join("cli.tfrc"));
        command.args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::new(&self.command(arguments).output().unwrap())
    }

    /// The outputs of the configuration, applied.
    #[track_caller]
    fn outputs(&self) -> Json {
        let applied = self.run(&["apply", "-auto-approve", "-no-color"]);
        assert_eq!(applied.code, Some(0), "{}", applied.text);
        let outputs: Json =
            serde_json::from_slice(&self.command(&["output", "-json"]).output().unwrap().stdout).unwrap();
        let outputs = outputs.as_object().unwrap();
        Json::Object(outputs.iter().map(|(name, output)| (name.clone(), output["value"].clone())).collect())
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn example(name: &str) -> String {
    fs::read_to_string(root().join(format!("examples/functions/{name}/function.tf"))).unwrap()
}

/// The rules contradict each other once pve1 is gone.
const LOST: &str = "vm:100: no node is left: rule 'web' names pve2; kept apart from vm:101 on pve2; nodes outside of it are \
                    not considered while another node of rule 'web' is online";

#[test]
fn each_example_has_the_result_that_it_says() {
    let Some(w) = Offline::new("functions::each_example_has_the_result_that_it_says") else { return };
    for (name, output, expected) in [
        ("sid", "sids", json!(["vm:100", "vm:101"])),
        ("parse_sid", "guest", json!({"type": "ct", "id": 200})),
        ("quorum", "tolerated", json!(1)),
        (
            "next_runs",
            "backups",
            json!(["2026-01-02T22:00:00+01:00", "2026-01-05T22:00:00+01:00", "2026-01-06T22:00:00+01:00"]),
        ),
        ("expand_nodes", "nodes", json!({"pve1": 2, "pve2": 2, "pve3": 1, "backup": 0})),
        ("expand_nodes", "nodes_of_a_variable", json!({"pve1": 2, "pve2": 0})),
        ("placement", "lost", json!({"pve1": [LOST], "pve2": [], "pve3": []})),
    ] {
        w.configure(&example(name));
        assert_eq!(w.outputs()[output], expected, "{name}");
    }
    assert!(example("next_runs").contains("plantimestamp()"), "that result changes with every run");
}

#[test]
fn an_error_names_the_parameter() {
    let Some(w) = Offline::new("functions::an_error_names_the_parameter") else { return };
    for (call, parameter, problem) in [
        ("provider::pve::sid(\"host\", 100)", "type", "must be one of vm, qemu, ct, lxc"),
        ("provider::pve::sid(\"vm\", 99)", "id", "must be at least 100"),
        ("provider::pve::sid(\"vm\", null)", "id", "must not be null"),
        ("provider::pve::parse_sid(\"100\")", "text", "must be vm:ID or ct:ID"),
        ("provider::pve::quorum({ votes = { a = 0 } })", "cluster", "at least one node must have a vote"),
        ("provider::pve::next_runs(\"never\", 1, \"2026-01-01T00:00:00Z\")", "schedule", "calendar event of Proxmox"),
        ("provider::pve::next_runs(\"daily\", 1, \"today\")", "from", "must be a time with its offset"),
        ("provider::pve::expand_nodes(\"pve1\", \"pve_2\")", "nodes", "must be a node name"),
        (
            "provider::pve::placement({ nodes = [\"pve1\", \"pve2\"], resources = [], failed = [\"pve9\"] })",
            "cluster",
            "pve9 is not one of `nodes`",
        ),
    ] {
        w.configure(&format!("{REQUIRED}output \"it\" {{\n  value = {call}\n}}\n"));
        let run = w.run(&["plan", "-no-color"]);
        // The CLI breaks lines.
        let words = run.text.replace(['│', '\n'], " ");
        let text = words.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(run.code, Some(1), "{text}");
        for part in [format!("Invalid value for \"{parameter}\" parameter"), problem.to_owned()] {
            assert!(text.contains(&part), "{call}: {text}");
        }
    }
}

/// The resource is of core itself.
#[test]
fn what_is_known_after_the_apply_is_computed_then() {
    let Some(w) = Offline::new("functions::what_is_known_after_the_apply_is_computed_then") else { return };
    w.configure(&format!(
        "{REQUIRED}resource \"terraform_data\" \"new\" {{\n  input = \"ct:101\"\n}}\noutput \"id\" {{\n  value = \
         provider::pve::parse_sid(terraform_data.new.output).id\n}}\noutput \"quorum\" {{\n  value = \
         provider::pve::quorum({{ votes = {{ pve1 = length(terraform_data.new.output) }} }}).expected_votes\n}}\n"
    ));
    let plan = w.run(&["plan", "-no-color"]);
    assert!(plan.text.contains("id     = (known after apply)"), "{}", plan.text);
    assert_eq!(w.outputs(), json!({"id": 101, "quorum": 6}));
}

/// The tests of the module run with a mock of the provider, and its functions are the real ones.
#[test]
fn the_module_for_either_release_passes_its_own_tests() {
    let Some(w) = Offline::new("functions::the_module_for_either_release_passes_its_own_tests") else { return };
    let module = root().join("examples/modules/ha-either-release");
    fs::create_dir(w.folder.path().join("tests")).unwrap();
    for file in ["main.tf", "variables.tf", "outputs.tf", "tests/pve8.tftest.hcl", "tests/pve9.tftest.hcl"] {
        fs::copy(module.join(file), w.folder.path().join(file)).unwrap();
    }
    let run = w.run(&["test", "-no-color"]);
    assert_eq!(run.code, Some(0), "{}", run.text);
    assert!(run.text.contains("6 passed, 0 failed"), "{}", run.text);
}

/// The emulator has a scheduler of its own, so that one proves something about the other.
#[test]
fn the_runs_are_those_of_the_emulators_scheduler() {
    let times =
        ["*/15", "22", "22:00", "8..17,22:0/15", "12/2:5", "25:00", "59:10/20", "10:20:30", "*:*", "0/24:00", "30/10"];
    let days =
        ["", "mon ", "sat..mon ", "mon,wed..fri ", "*-1..7 ", "sat *-1..7 ", "2-29 ", "2027/2-1,7-31 ", "*/2-1/10 "];
    let words = ["minutely", "hourly", "daily", "weekly", "monthly", "quarterly", "semiannually", "yearly"];
    let lists = days.iter().flat_map(|day| times.iter().map(move |time| format!("{day}{time}")));
    let schedules: Vec<String> = lists.chain(words.map(str::to_owned)).collect();
    assert_eq!(schedules.len(), 107);
    for schedule in schedules {
        let ours: Schedule = schedule.parse().unwrap();
        let event = ours.event().unwrap();
        let theirs = CalendarEvent::parse(&schedule).unwrap();
        // Times between leap years, days and minutes, that none of the lists is aligned with.
        for step in 0..40 {
            let from = Timestamp::from_second(1_767_225_599 + step * 7_654_321).unwrap();
            let found = event.next_after(Offset::UTC.to_datetime(from));
            let found = found.map(|time| time.to_zoned(TimeZone::UTC).unwrap().timestamp().as_second());
            assert_eq!(found, theirs.next_after(from.as_second()), "{schedule} after {from}");
        }
    }
}

/// The published example of a module's CI: the module is applied on an emulated cluster of either release, and the prediction of its
/// functions comes true.
#[test]
fn the_ci_of_a_module_runs_as_published() {
    let Some(w) = Offline::new("functions::the_ci_of_a_module_runs_as_published") else { return };
    let examples = w.folder.path().join("examples");
    let copy = |folder: &str| {
        fs::create_dir_all(examples.join(folder)).unwrap();
        for entry in fs::read_dir(root().join("examples").join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::copy(&path, examples.join(folder).join(path.file_name().unwrap())).unwrap();
            }
        }
    };
    copy("emulator");
    copy("modules/ha-either-release");
    let mirror = w.folder.path().join("mirror");
    fs::write(w.folder.path().join("cli.tfrc"), cli::mirror(&mirror)).unwrap();
    let programs = cli::program("pve-emulator").parent().unwrap().to_owned();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(programs).chain(std::env::split_paths(&path))).unwrap();
    for release in ["9", "8"] {
        let configuration = w.folder.path().join("cli.tfrc");
        let mut script = cli::command_of(Path::new("sh"), &examples.join("emulator"), &configuration);
        script.arg("ci.sh").env("PATH", &path).env("PVE", release).env("CLI", &w.cli);
        let run = Run::new(&script.output().unwrap());
        assert_eq!(run.code, Some(0), "PVE {release}: {}", run.text);
        assert!(run.text.contains("\"vm:100\":\"pve3\""), "{}", run.text);
    }
}
