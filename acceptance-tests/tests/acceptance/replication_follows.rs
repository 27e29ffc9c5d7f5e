//! A replication job follows its guest, and nothing is planned of that.

use std::fs;
use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};
use serde_json::Value as Json;

const KIND: &str = "pve_replication_job";

/// Guest 100, which is on pve1, and its jobs to the nodes in `targets`.
struct Bench {
    cluster: Arc<Cluster>,
    w: Workspace,
    targets: Vec<&'static str>,
}

impl Bench {
    fn new(test: &str, release: Release, targets: &[&'static str]) -> Option<Self> {
        let cluster = Arc::new(Cluster::own(test, Options { release, ..Options::default() })?);
        let w = Workspace::new(&cluster);
        let bench = Self { w, cluster, targets: targets.to_vec() };
        bench.configure("");
        Some(bench)
    }

    /// One block for each target; `more` goes into each.
    fn configure(&self, more: &str) {
        let block = |(number, target): (usize, &&str)| {
            format!(
                "resource \"{KIND}\" \"j{number}\" {{\n  guest = 100\n  job_number = {number}\n  target = {target:?}\n{more}}}\n"
            )
        };
        self.w.configure(&self.targets.iter().enumerate().map(block).collect::<String>());
    }

    /// The guest comes to a node as by HA's recovery.
    fn recover(&self, node: &str) {
        self.cluster.emulator().cluster().world().move_guest(100, node);
    }

    /// The guest is migrated by an operator.
    fn migrate(&self, node: &str) {
        let from = self.cluster.node_of("100");
        self.cluster.api.post(&format!("/nodes/{from}/qemu/100/migrate"), &[("target", node), ("online", "1")]);
        self.advance(10.0);
        assert_eq!(self.cluster.node_of("100"), node);
    }

    fn advance(&self, seconds: f64) {
        self.cluster.emulator().cluster().world().advance(seconds);
    }

    /// What a plan that changes nothing says of targets that get no copies.
    #[track_caller]
    fn reported(&self) -> Vec<String> {
        let run = self.w.expect(0, &["plan", "-json", "-detailed-exitcode"]);
        run.warnings().iter().map(|warning| warning.flat()).filter(|text| text.contains("does not copy")).collect()
    }

    fn jobs(&self) -> Vec<Json> {
        self.cluster.api.list("/cluster/replication", "id").into_values().collect()
    }

    /// Nothing is planned, the state says where the copies go, and Proxmox still has each job.
    #[track_caller]
    fn is_at_home_on(&self, node: &str) {
        self.w.apply();
        self.w.plan_is_empty();
        let jobs = self.jobs();
        assert_eq!(jobs.len(), self.targets.len());
        for (number, (job, target)) in jobs.iter().zip(&self.targets).enumerate() {
            assert!(job["remove_job"].is_null(), "{job}");
            let state = self.w.attributes(&format!("{KIND}.j{number}"));
            assert_eq!((&state["target"], &state["source"]), (&(*target).into(), &node.into()), "{state}");
            assert_eq!((&state["source"], &state["copies_to"]), (&job["source"], &job["target"]), "{state}");
        }
    }
}

#[test]
fn wherever_the_guest_goes() {
    let name = "replication_follows::wherever_the_guest_goes";
    for (release, targets) in [(Release::V9, &["pve2"][..]), (Release::V8, &["pve2"]), (Release::V9, &["pve2", "pve3"])]
    {
        let Some(bench) = Bench::new(name, release, targets) else { return };
        bench.w.apply();
        bench.is_at_home_on("pve1");
        for node in ["pve2", "pve1", "pve2", "pve3", "pve1", "pve3"] {
            bench.recover(node);
            // The scheduler has not turned the jobs round yet.
            bench.w.plan_is_empty();
            bench.advance(65.0);
            bench.is_at_home_on(node);
        }
        for node in ["pve1", "pve2", "pve3"] {
            bench.migrate(node);
            bench.is_at_home_on(node);
        }
    }
}

/// What one plan has not seen: the state is as it was before several moves.
#[test]
fn after_several_moves_at_once() {
    let name = "replication_follows::after_several_moves_at_once";
    let Some(bench) = Bench::new(name, Release::V9, &["pve2", "pve3"]) else { return };
    bench.w.apply();
    for node in ["pve2", "pve3", "pve1"] {
        bench.migrate(node);
        bench.w.plan_is_empty();
    }
    // The two have changed their targets with one another.
    assert_eq!(bench.jobs()[0]["target"], "pve3");
    bench.is_at_home_on("pve1");
}

#[test]
fn the_target_while_the_scheduler_has_not_turned_the_job_round() {
    let name = "replication_follows::the_target_while_the_scheduler_has_not_turned_the_job_round";
    let Some(bench) = Bench::new(name, Release::V9, &["pve2"]) else { return };
    bench.w.apply();
    bench.recover("pve2");
    bench.w.apply();
    assert_eq!(bench.jobs()[0]["target"], "pve2");
    let state = bench.w.attributes(&format!("{KIND}.j0"));
    assert_eq!((&state["source"], &state["copies_to"]), (&"pve2".into(), &"pve1".into()));
}

#[test]
fn an_update_that_was_planned_before_the_move() {
    let name = "replication_follows::an_update_that_was_planned_before_the_move";
    let Some(bench) = Bench::new(name, Release::V9, &["pve2"]) else { return };
    bench.w.apply();
    bench.configure("  comment = \"new\"\n");
    let plan = bench.w.plan();
    assert_eq!(plan.changed(&format!("{KIND}.j0")), ["comment".to_owned()].into());
    bench.migrate("pve2");
    bench.w.apply_plan();
    assert_eq!(bench.jobs()[0]["comment"], "new");
    bench.is_at_home_on("pve2");
}

#[test]
fn a_state_of_an_older_version() {
    let name = "replication_follows::a_state_of_an_older_version";
    let Some(bench) = Bench::new(name, Release::V9, &["pve2"]) else { return };
    bench.w.apply();
    let mut state: Json =
        serde_json::from_str(&fs::read_to_string(bench.w.path("terraform.tfstate")).unwrap()).unwrap();
    let attributes = &mut state["resources"][0]["instances"][0]["attributes"];
    attributes.as_object_mut().unwrap().remove("copies_to").unwrap();
    bench.w.write("terraform.tfstate", &state.to_string());
    bench.w.expect(0, &["plan", "-detailed-exitcode", "-refresh=false"]);
    bench.w.plan_is_empty();
    bench.migrate("pve2");
    bench.w.expect(0, &["plan", "-detailed-exitcode", "-refresh=false"]);
    bench.is_at_home_on("pve2");
}

#[test]
fn an_import_of_a_job_that_was_turned_round() {
    let name = "replication_follows::an_import_of_a_job_that_was_turned_round";
    let Some(bench) = Bench::new(name, Release::V9, &["pve2"]) else { return };
    bench.w.apply();
    bench.migrate("pve2");
    bench.w.expect(0, &["state", "rm", &format!("{KIND}.j0")]);
    bench.w.write("import.tf", &format!("import {{\n  to = {KIND}.j0\n  id = \"100-0\"\n}}\n"));
    let plan = bench.w.plan();
    assert_eq!((plan.changes(), plan.imports()), (Vec::<String>::new(), 1));
    bench.w.apply_plan();
    fs::remove_file(bench.w.path("import.tf")).unwrap();
    bench.w.plan_is_empty();
    bench.migrate("pve1");
    bench.w.plan_is_empty();
}

#[test]
fn either_node_of_the_pair_is_the_same_target_and_a_third_one_is_not() {
    let name = "replication_follows::either_node_of_the_pair_is_the_same_target_and_a_third_one_is_not";
    let Some(mut bench) = Bench::new(name, Release::V9, &["pve2"]) else { return };
    bench.w.apply();
    bench.migrate("pve2");
    let address = format!("{KIND}.j0");
    bench.targets = vec!["pve1"];
    bench.configure("");
    bench.w.plan_is_empty();
    bench.targets = vec!["pve3"];
    bench.configure("");
    let plan = bench.w.plan();
    assert_eq!(plan.changes(), [format!("{address} delete+create")]);
    assert_eq!(plan.replaced_by(&address), ["target"]);
    let _hurry = bench.cluster.hurry();
    bench.w.apply_plan();
    bench.is_at_home_on("pve2");
}

/// Where the nodes of a job have nothing to do with its target any more, the plan says so and leaves it as it is.
#[test]
fn a_job_recreated_with_another_target_is_reported_and_left_unchanged() {
    let name = "replication_follows::a_job_recreated_with_another_target_is_reported_and_left_unchanged";
    let Some(bench) = Bench::new(name, Release::V9, &["pve2"]) else { return };
    bench.w.apply();
    bench.cluster.api.delete("/cluster/replication/100-0", &[("force", "1")]);
    bench.cluster.api.post("/cluster/replication", &[("id", "100-0"), ("type", "local"), ("target", "pve3")]);
    let reported = bench.reported();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(reported[0].starts_with("Replication job 100-0 does not copy to its target pve2 "), "{reported:?}");
    for part in ["from pve1 to pve3", "nothing to the configured target pve2", "-replace="] {
        assert!(reported[0].contains(part), "{part}: {reported:?}");
    }
    bench.w.apply();
    let state = bench.w.attributes(&format!("{KIND}.j0"));
    assert_eq!(
        (&state["target"], &state["source"], &state["copies_to"]),
        (&"pve2".into(), &"pve1".into(), &"pve3".into())
    );
    // The state has the nodes by now.
    assert_eq!(bench.reported(), Vec::<String>::new());
    bench.configure("  comment = \"kept\"\n");
    assert_eq!(bench.w.plan().changes(), [format!("{KIND}.j0 update")]);
    bench.w.apply_plan();
    assert_eq!((&bench.jobs()[0]["target"], &bench.jobs()[0]["comment"]), (&"pve3".into(), &"kept".into()));
    let _hurry = bench.cluster.hurry();
    bench.w.expect(0, &["apply", "-auto-approve", &format!("-replace={KIND}.j0")]);
    assert_eq!(bench.jobs()[0]["target"], "pve2");
}

/// After three moves that no plan has seen, neither node of the job is its target.
#[test]
fn unseen_moves_do_not_replace_a_job() {
    let name = "replication_follows::unseen_moves_do_not_replace_a_job";
    let Some(mut bench) = Bench::new(name, Release::V9, &["pve2"]) else { return };
    bench.w.apply();
    for node in ["pve2", "pve3"] {
        bench.migrate(node);
        assert_eq!(bench.reported(), Vec::<String>::new(), "on {node}");
    }
    bench.migrate("pve1");
    let reported = bench.reported();
    assert!(
        reported[0].contains("100-0: it copies from pve1 to pve3, and nothing to the configured target pve2"),
        "{reported:?}"
    );
    bench.is_at_home_on("pve1");
    // A target that is neither node of the pair replaces it, once it is configured.
    bench.targets = vec!["pve3"];
    bench.configure("");
    bench.w.plan_is_empty();
    bench.migrate("pve2");
    bench.w.apply();
    bench.targets = vec!["pve1"];
    bench.configure("");
    assert_eq!(bench.w.plan().replaced_by(&format!("{KIND}.j0")), ["target"]);
}

/// Only a state keeps its target: a create takes no other job for its own.
#[test]
fn a_job_to_another_node_is_not_adopted() {
    let name = "replication_follows::a_job_to_another_node_is_not_adopted";
    let Some(bench) = Bench::new(name, Release::V9, &["pve2"]) else { return };
    bench.w.write("provider.tf", "provider \"pve\" {\n  adopt_existing = true\n}\n");
    bench.cluster.api.post("/cluster/replication", &[("id", "100-0"), ("type", "local"), ("target", "pve3")]);
    let refused = bench.w.apply_fails();
    assert!(
        refused.only_error().flat().contains("It was not adopted, because it differs in target"),
        "{}",
        refused.text
    );
    assert_eq!(bench.jobs()[0]["target"], "pve3");
    // Turned round, it is the one that is planned.
    bench.cluster.api.delete("/cluster/replication/100-0", &[("force", "1")]);
    bench.cluster.api.post("/cluster/replication", &[("id", "100-0"), ("type", "local"), ("target", "pve2")]);
    bench.migrate("pve2");
    bench.w.apply();
    bench.w.plan_is_empty();
}

const FORETOLD: &str = r#"
data "pve_ha_failover_simulation" "this" {}
data "pve_ha_readiness" "this" {}
output "scenarios" { value = data.pve_ha_failover_simulation.this.scenarios }
output "checks" { value = data.pve_ha_readiness.this.checks }
"#;

/// Where vm:100 comes to when a node fails, and what it finds of its disk there; none where that is no matter to it.
fn fate(outputs: &Json, node: &str) -> Option<(String, String)> {
    let scenarios = outputs["scenarios"]["value"].as_array().unwrap();
    let scenario = scenarios.iter().find(|scenario| scenario["name"] == node).unwrap();
    let fate = scenario["services"].as_array().unwrap().iter().find(|fate| fate["sid"] == "vm:100")?;
    let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
    Some((text(&fate["to"]), text(&fate["disk"])))
}

/// The simulation and the readiness checks go by where the copies are now, not by where the configuration has them go.
#[test]
fn after_a_failover_the_copies_are_known_to_be_on_the_other_node() {
    let name = "replication_follows::after_a_failover_the_copies_are_known_to_be_on_the_other_node";
    let Some(bench) = Bench::new(name, Release::V9, &["pve2"]) else { return };
    // The rule keeps the guest on the two nodes that have its disk.
    let ha = "resource \"pve_ha_resource\" \"a\" {\n  sid = \"vm:100\"\n}\nresource \"pve_ha_node_affinity_rule\" \"a\" {\n  \
              name = \"two\"\n  resources = [pve_ha_resource.a.sid]\n  nodes = { pve1 = 1, pve2 = 1 }\n  strict = true\n}\n";
    let job = "resource \"pve_replication_job\" \"j0\" {\n  guest = 100\n  job_number = 0\n  target = \"pve2\"\n}\n";
    bench.w.configure(&format!("{ha}{job}"));
    bench.w.apply();
    // Long enough for the first copy.
    bench.advance(2000.0);
    bench.w.configure(&format!("{ha}{job}{FORETOLD}"));
    let outputs = |bench: &Bench| -> Json {
        bench.w.apply();
        serde_json::from_str(&bench.w.run(&["output", "-json"]).text).unwrap()
    };
    let storage = |outputs: &Json| {
        let checks = outputs["checks"]["value"].as_array().unwrap().clone();
        checks.into_iter().find(|check| check["id"] == "storage").unwrap()["status"].clone()
    };
    let replica = |node: &str| Some((node.to_owned(), "replica".to_owned()));
    let before = outputs(&bench);
    assert_eq!((fate(&before, "pve1"), fate(&before, "pve2")), (replica("pve2"), None));
    assert_eq!(storage(&before), "pass");
    let power = |up: bool| bench.cluster.emulator().cluster().world().power("pve1", up);
    power(false);
    bench.advance(400.0);
    assert_eq!(bench.cluster.node_of("100"), "pve2");
    power(true);
    // The job turns round, and makes its first copy the other way.
    bench.advance(2000.0);
    assert_eq!(bench.jobs()[0]["target"], "pve1");
    let after = outputs(&bench);
    assert_eq!((fate(&after, "pve1"), fate(&after, "pve2")), (None, replica("pve1")));
    assert_eq!(storage(&after), "pass");
    bench.is_at_home_on("pve2");
}
