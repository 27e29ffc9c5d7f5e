//! Replication jobs that Proxmox refuses: reported at plan, and no job is deleted for one that can't be created.

use std::sync::Arc;

use acceptance_tests::output::Message;
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::Options;
use serde_json::{Value as Json, json};

const KIND: &str = "pve_replication_job";

/// Guest 100 is on pve1, guest 101 on pve2.
struct Bench {
    cluster: Arc<Cluster>,
    w: Workspace,
}

impl Bench {
    fn new(test: &str) -> Option<Self> {
        let cluster = Arc::new(Cluster::own(test, Options::default())?);
        let bench = Self { w: Workspace::new(&cluster), cluster };
        // The clock is stopped, some seconds after the schedulers ran.
        bench.world(|world| world.advance((65 - world.now().rem_euclid(60)) as f64));
        Some(bench)
    }

    /// The one job of the configuration.
    fn configure(&self, guest: u32, target: &str, more: &str) {
        let timeouts = "  timeouts {\n    create = \"20s\"\n    delete = \"20s\"\n  }\n";
        self.w.configure(&format!(
            "resource \"{KIND}\" \"a\" {{\n  guest = {guest}\n  target = {target:?}\n{more}{timeouts}}}\n"
        ));
    }

    /// The job 100-0 from pve1 to pve2 in the state.
    fn with_job(test: &str) -> Option<Self> {
        let bench = Self::new(test)?;
        bench.configure(100, "pve2", "");
        bench.w.apply();
        Some(bench)
    }

    fn post(&self, id: &str, target: &str) {
        self.cluster.api.post("/cluster/replication", &[("id", id), ("type", "local"), ("target", target)]);
    }

    fn world(&self, act: impl FnOnce(&mut pve_emulator::world::World)) {
        act(&mut self.cluster.emulator().cluster().world());
    }

    /// HA has recovered guest 100 on a node, and its scheduler has turned the jobs round.
    fn recover(&self, node: &str) {
        self.world(|world| {
            world.move_guest(100, node);
            world.advance(65.0);
        });
    }

    fn job(&self, id: &str) -> Json {
        self.cluster.api.list("/cluster/replication", "id").remove(id).unwrap_or_default()
    }

    /// No request to remove the job was sent.
    #[track_caller]
    fn is_kept(&self, id: &str) {
        let job = self.job(id);
        assert!(job.is_object() && job["remove_job"].is_null(), "{job}");
    }

    /// The plan warns; the apply is refused, and nothing is left in the state.
    #[track_caller]
    fn is_warned_of_and_refused(&self, check: &str, words: &[&str]) {
        let plan = self.w.expect(0, &["plan", "-json"]);
        let warned = plan.warnings().into_iter().map(Message::flat).find(|text| text.contains(check));
        let warned = warned.unwrap_or_else(|| panic!("no warning\n{}", plan.text));
        let refused = self.w.apply_fails();
        let refused = refused.only_error();
        for word in words {
            assert!(warned.contains(word), "{word}: {warned}");
            assert!(refused.flat().contains(word), "{word}: {}", refused.flat());
        }
        assert!(refused.flat().contains("Nothing was changed"), "{}", refused.flat());
        assert!(refused.line.contains("target = "), "{}", refused.line);
        assert!(self.w.state().is_empty());
    }

    /// The plan is refused with these words.
    #[track_caller]
    fn plan_is_refused(&self, more: &[&str], words: &[&str]) {
        let refused = self.w.expect(1, &[&["plan", "-json"], more].concat());
        let refused = refused.only_error();
        for word in words {
            assert!(refused.flat().contains(word), "{word}: {}", refused.flat());
        }
        self.is_kept("100-0");
    }
}

#[test]
fn a_create_to_the_guest_s_own_node() {
    let Some(bench) = Bench::new("replication_replaced::a_create_to_the_guest_s_own_node") else { return };
    bench.configure(100, "pve1", "");
    bench.is_warned_of_and_refused("replication-to-own-node", &["guest 100 is on pve1 itself"]);
    // The job of a state that was lost, turned round: it is the one that is meant.
    bench.post("100-4", "pve2");
    let refused = bench.w.apply_fails();
    assert!(refused.only_error().flat().contains("id = \"100-4\""), "{}", refused.text);
}

#[test]
fn a_create_where_another_job_copies_to() {
    let Some(bench) = Bench::new("replication_replaced::a_create_where_another_job_copies_to") else { return };
    bench.post("100-5", "pve2");
    bench.configure(100, "pve2", "");
    bench.is_warned_of_and_refused("replication-target-taken", &["100-5", "100 to pve2"]);
}

#[test]
fn a_replacement_that_could_not_be_created_is_no_plan() {
    let name = "replication_replaced::a_replacement_that_could_not_be_created_is_no_plan";
    let Some(bench) = Bench::with_job(name) else { return };
    const DELETED: &str = "100-0 would be deleted first";
    bench.configure(101, "pve2", "");
    bench.plan_is_refused(&[], &["guest 101 is on pve2 itself", DELETED]);
    bench.post("101-3", "pve3");
    bench.configure(101, "pve3", "");
    bench.plan_is_refused(&[], &["101-3", DELETED]);
    bench.post("100-5", "pve3");
    bench.configure(100, "pve3", "");
    bench.plan_is_refused(&[], &["100-5", DELETED]);
    // To where it copies already, a new job can be created once the old one is gone.
    bench.configure(100, "pve2", "");
    let again = format!("-replace={KIND}.a");
    let plan = bench.w.expect(0, &["plan", "-json", &again]);
    assert!(plan.warnings().is_empty(), "{}", plan.text);
    // But not while it copies from there.
    bench.recover("pve2");
    bench.plan_is_refused(&[&again], &["guest 100 is on pve2 itself", DELETED]);
    bench.configure(100, "pve2", "  job_number = 3\n");
    bench.plan_is_refused(&[], &["guest 100 is on pve2 itself", DELETED]);
}

/// What is true at plan need not be so at apply.
#[test]
fn the_same_is_looked_at_again_before_the_delete() {
    let name = "replication_replaced::the_same_is_looked_at_again_before_the_delete";
    type Meanwhile = fn(&Bench);
    let meanwhile: [(Meanwhile, &str); 3] = [
        (|bench| bench.post("100-5", "pve3"), "100-5"),
        (|bench| bench.recover("pve3"), "guest 100 is on pve3 itself"),
        (|bench| bench.world(|world| world.power("pve2", false)), "node pve2 is down"),
    ];
    for (happens, word) in meanwhile {
        let Some(bench) = Bench::with_job(name) else { return };
        bench.configure(100, "pve3", "");
        assert_eq!(bench.w.plan().changes(), [format!("{KIND}.a delete+create")]);
        happens(&bench);
        bench.world(|world| world.advance(30.0));
        let refused = bench.w.expect(1, &["apply", "-json", "plan"]);
        let refused = refused.only_error();
        assert_eq!(refused.summary, "Cannot replace replication job");
        assert!(refused.detail.contains(word) && refused.detail.contains("Nothing was changed"), "{}", refused.detail);
        bench.is_kept("100-0");
        assert_eq!(bench.w.attributes(&format!("{KIND}.a"))["target"], "pve2");
    }
}

#[test]
fn an_object_deleted_but_not_created_again_is_named() {
    let name = "replication_replaced::an_object_deleted_but_not_created_again_is_named";
    let Some(bench) = Bench::with_job(name) else { return };
    bench.configure(100, "pve3", "");
    bench.w.plan();
    let disk = |disk: &str| {
        let config = vec![("scsi0".to_owned(), disk.to_owned())];
        bench.world(|world| world.guests.get_mut(&100).unwrap().config = config);
    };
    disk("local:100/a.qcow2,size=1G");
    let _hurry = bench.cluster.hurry();
    let refused = bench.w.expect(1, &["apply", "-json", "plan"]);
    let refused = refused.only_error();
    assert_eq!(refused.summary, "The replication job 100-0 was deleted but could not be recreated");
    let reported = refused.flat();
    for words in [
        "`guest = 100` and `target = \"pve2\"`",
        "its copies on pve2 were removed",
        "apply again",
        "missing replicate feature",
    ] {
        assert!(reported.contains(words), "{words}: {reported}");
    }
    assert!(!reported.to_lowercase().contains("nothing was"), "{reported}");
    assert!(bench.w.state().is_empty());
    // The way out that it names.
    disk("local-zfs:vm-100-disk-0");
    bench.w.apply();
    assert_eq!(bench.job("100-0")["target"], "pve3");
}

#[test]
fn a_create_waits_for_the_job_that_is_being_removed() {
    let name = "replication_replaced::a_create_waits_for_the_job_that_is_being_removed";
    let Some(bench) = Bench::new(name) else { return };
    bench.post("100-0", "pve2");
    bench.cluster.api.delete("/cluster/replication/100-0", &[]);
    bench.configure(100, "pve2", "");
    // While one of its nodes is down, it never goes.
    bench.world(|world| world.answering_node = "pve3".to_owned());
    for node in ["pve2", "pve1"] {
        bench.world(|world| {
            world.power(node, false);
            world.advance(30.0);
        });
        let refused = bench.w.apply_fails();
        let reported = refused.only_error().flat();
        assert!(reported.contains(&format!("node {node} is down")) && reported.contains("100-0"), "{reported}");
        bench.world(|world| world.power(node, true));
        // Before the scheduler of pve1 has come to it.
        assert_eq!(bench.job("100-0")["remove_job"], "full");
    }
    let _hurry = bench.cluster.hurry();
    bench.w.apply();
    assert_eq!((&bench.job("100-0")["target"], &bench.job("100-0")["remove_job"]), (&json!("pve2"), &Json::Null));
    bench.w.plan_is_empty();
}

/// After a failover the target of a job is the node that failed.
#[test]
fn a_delete_that_waits_names_the_node_that_is_down() {
    let name = "replication_replaced::a_delete_that_waits_names_the_node_that_is_down";
    let Some(bench) = Bench::with_job(name) else { return };
    bench.recover("pve2");
    bench.world(|world| {
        world.answering_node = "pve2".to_owned();
        world.power("pve1", false);
        world.advance(30.0);
    });
    let run = bench.w.expect(1, &["destroy", "-auto-approve", "-json"]);
    let reported = run.only_error().flat();
    assert!(reported.contains("node pve1 is down") && reported.contains("--delete remove_job"), "{reported}");
    assert!(!reported.contains("pve2"), "{reported}");
    // The way back that it names.
    bench.cluster.api.put("/cluster/replication/100-0", &[("delete", "remove_job")]);
    bench.w.plan_is_empty();
    bench.is_kept("100-0");
}
