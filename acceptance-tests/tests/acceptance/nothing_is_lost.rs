//! Whatever happens to a write, no object is lost and none is made twice, and the next apply ends where the first was going.

mod targets;

use std::io::Write as _;
use std::sync::Arc;
use std::thread;

use acceptance_tests::cluster::{is_existing, skipped};
use acceptance_tests::core::{Core, Object, errors};
use acceptance_tests::{Cluster, Workspace, runtime};
use pve_emulator::Options;
use serde_json::{Value as Json, json};

use targets::{OPTIONS, Target, targets};

/// What a request meets, and how often.
const FAULTS: [(&str, Option<u64>); 16] = [
    ("595", Some(1)),
    ("596-before", Some(1)),
    ("596-after", Some(1)),
    ("597", Some(1)),
    ("599", Some(1)),
    ("reset-before", Some(1)),
    ("reset-after", Some(1)),
    ("hang", Some(1)),
    ("lock-timeout", Some(1)),
    ("locked-command-timeout", Some(1)),
    ("no-quorum", Some(1)),
    ("no-quorum", None),
    ("401", Some(1)),
    // The write is carried out, and then no request is answered.
    ("read-back-dead", None),
    ("reset-after+read-back-dead", None),
    // The write is not carried out, and then no request is answered.
    ("reset-before+read-back-dead", None),
];

const VERBS: [&str; 3] = ["create", "update", "delete"];

#[test]
fn whatever_happens_to_any_write_of_any_resource() {
    let name = "nothing_is_lost::whatever_happens_to_any_write_of_any_resource";
    if is_existing() {
        return skipped(name, "needs the control plane of an emulator");
    }
    // Most of the time all of them wait.
    let cases = thread::scope(|scope| {
        let fires: Vec<_> =
            targets().into_iter().map(|target| scope.spawn(move || under_fire(name, &target))).collect();
        fires.into_iter().map(|fire| fire.join().expect("the panic is printed above")).sum::<u32>()
    });
    let _ = writeln!(std::io::stderr(), "{cases} faults: 0 objects lost, 0 doubled, all converged");
}

/// Puts every fault before every write; how many there were.
fn under_fire(test: &str, target: &Target) -> u32 {
    let options = Options { release: target.release, ..Options::default() };
    let cluster = Arc::new(Cluster::own(test, options).expect("a cluster of our own"));
    // What rules are about.
    for sid in ["vm:901", "vm:902"] {
        cluster.api.post("/cluster/ha/resources", &[("sid", sid)]);
    }
    if target.is_member {
        cluster.api.post("/cluster/ha/resources", &[("sid", "vm:903")]);
        let rule = [("rule", "tfacc"), ("type", "node-affinity"), ("resources", "vm:901"), ("nodes", "pve1")];
        cluster.api.post(target.collection, &rule);
    }
    let _hurry = (target.kind == "pve_replication_job").then(|| cluster.hurry());
    let mut cases = 0;
    for verb in VERBS {
        // Only a create reads back what it knows already.
        for (fault, count) in FAULTS.into_iter().filter(|(fault, _)| verb == "create" || *fault != "read-back-dead") {
            let case = Case {
                target,
                cluster: &cluster,
                name: format!("{} of {} under {fault} × {count:?}", verb, target.kind),
            };
            case.run(verb, fault, count);
            cases += 1;
        }
    }
    cases
}

/// Another client's write comes between our look and our write: Proxmox refuses ours by the digest, and nothing of theirs is
/// overwritten.
#[test]
fn what_another_client_writes_in_between_is_never_overwritten() {
    let name = "nothing_is_lost::what_another_client_writes_in_between_is_never_overwritten";
    if is_existing() {
        return skipped(name, "needs the control plane of an emulator");
    }
    for target in targets().iter().filter(|target| target.edit.is_some()) {
        let options = Options { release: target.release, ..Options::default() };
        let cluster = Arc::new(Cluster::own(name, options).expect("a cluster of our own"));
        for sid in ["vm:901", "vm:902"] {
            cluster.api.post("/cluster/ha/resources", &[("sid", sid)]);
        }
        let _hurry = (target.kind == "pve_replication_job").then(|| cluster.hurry());
        Case { target, cluster: &cluster, name: format!("an edit of {} in between", target.kind) }.edited();
    }
}

struct Case<'a> {
    target: &'a Target,
    cluster: &'a Cluster,
    name: String,
}

impl Case<'_> {
    fn edited(&self) {
        let target = self.target;
        let (parameter, value) = target.edit.as_ref().expect("an edit");
        let core = runtime::block_on(Core::new(self.cluster, &[]));
        let mut object = Object::new(target.kind);
        let said = runtime::block_on(core.apply(&mut object, Some(&target.create)));
        assert!(!said.has_error(), "{}: {:?}", self.name, errors(&said));
        let before = self.there()[0][target.proof.0].clone();
        let mut params = json!({*parameter: value});
        if target.collection.ends_with("rules") {
            params["type"] = self.there()[0]["type"].clone();
        }
        let fault = json!({"method": "PUT", "path": format!("^{}$", target.object), "kind": "edit-before",
            "edit": {"path": target.object, "params": params}});
        let arm = || {
            let fault = serde_json::from_value(fault.clone()).expect("a fault");
            self.cluster.emulator().faults().add(fault).expect("a pattern");
        };
        arm();
        let said = runtime::block_on(core.apply(&mut object, Some(&target.update)));
        assert_eq!(self.cluster.emulator().faults().clear(), 1, "{}: the fault was not met", self.name);
        let reported = errors(&said).join("\n");
        assert!(
            reported.contains("was changed outside of Terraform") && reported.contains(parameter),
            "{}: {reported}",
            self.name
        );
        let there = &self.there()[0];
        assert_eq!(&there[*parameter], value, "{}: overwritten", self.name);
        if *parameter != target.proof.0 {
            assert_eq!(there[target.proof.0], before, "{}: written nevertheless", self.name);
        }
        assert!(!object.state.is_null(), "{}: lost", self.name);

        // The next apply has seen it. What it meets now concerns another object of the same file: ours is sent again.
        let beside = if target.collection.starts_with("/cluster/notifications") {
            "/cluster/notifications/endpoints/sendmail/mail-to-root"
        } else {
            self.cluster.api.post("/cluster/ha/resources", &[("sid", "vm:903"), ("state", "ignored")]);
            "/cluster/ha/resources/vm:903"
        };
        let other = json!({"method": "PUT", "path": format!("^{}$", target.object), "kind": "edit-before",
            "edit": {"path": beside, "params": {"comment": "by hand"}}});
        self.cluster.emulator().faults().add(serde_json::from_value(other).expect("a fault")).expect("a pattern");
        let said = runtime::block_on(core.apply(&mut object, Some(&target.update)));
        assert!(!said.has_error(), "{}: the next apply fails: {:?}", self.name, errors(&said));
        assert_eq!(self.cluster.emulator().faults().clear(), 1, "{}: the fault was not met", self.name);
        assert_eq!(self.there()[0][target.proof.0], target.proof.1, "{}", self.name);
        assert!(runtime::block_on(core.is_settled(&object, &target.update)), "{}: not settled: {object:?}", self.name);
    }

    fn run(&self, verb: &str, fault: &str, count: Option<u64>) {
        let target = self.target;
        // One request that hangs is given up soon; a fault that stays ends the operation at its timeout.
        let patience = if fault == "hang" { "700ms" } else { "20s" };
        // Proxmox removes a replication job in its own time.
        let short = if target.kind == "pve_replication_job" && verb == "delete" { "6s" } else { "2500ms" };
        let mut timeouts = if count.is_none() { json!({"read": "20s", verb: short}) } else { json!({"delete": "60s"}) };
        if target.is_member && count.is_none() {
            // An update is a delete and a create.
            timeouts["delete"] = json!(short);
            timeouts["create"] = json!(short);
        }
        let with = |config: &Json| {
            let mut config = config.clone();
            config["timeouts"] = timeouts.clone();
            if target.kind == "pve_replication_job" {
                // Whoever isn't here for the delete doesn't wait for it.
                config["force_destroy"] = Json::from(verb != "delete");
            }
            config
        };
        let (first, second) = (with(&target.create), with(&target.update));
        let core = runtime::block_on(Core::new(self.cluster, &[("request_timeout", patience)]));
        let mut object = Object::new(target.kind);
        if verb != "create" {
            let said = runtime::block_on(core.apply(&mut object, Some(&first)));
            assert!(!said.has_error(), "{}: {:?}", self.name, errors(&said));
        }
        let wanted = match verb {
            "create" => Some(&first),
            "update" => Some(&second),
            _ => None,
        };
        self.arm(verb, fault, count);
        let said = runtime::block_on(core.apply(&mut object, wanted));
        let met = self.cluster.emulator().faults().clear();
        assert!(met >= 1, "{}: the fault was not met", self.name);

        let there = self.there();
        assert!(there.len() <= 1, "{}: doubled: {there:?}", self.name);
        let is_lost = !there.is_empty() && object.state.is_null();
        assert!(!is_lost, "{}: lost: {there:?}\n{:?}", self.name, errors(&said));

        // The next apply, by another process.
        let core = runtime::block_on(Core::new(self.cluster, &[]));
        let said = runtime::block_on(core.apply(&mut object, wanted));
        assert!(!said.has_error(), "{}: the next apply fails: {:?}", self.name, errors(&said));
        let there = self.there();
        match wanted {
            Some(wanted) => {
                assert_eq!(there.len(), 1, "{}: after the next apply: {there:?}", self.name);
                assert!(runtime::block_on(core.is_settled(&object, wanted)), "{}: not settled: {object:?}", self.name);
                if verb == "update" {
                    assert_eq!(there[0][target.proof.0], target.proof.1, "{}", self.name);
                }
            }
            None => assert!(there.is_empty() && object.state.is_null(), "{}: still there: {there:?}", self.name),
        }
        let said = runtime::block_on(core.apply(&mut object, None));
        assert!(!said.has_error() && self.there().is_empty(), "{}: the end: {:?}", self.name, errors(&said));
    }

    fn arm(&self, verb: &str, fault: &str, count: Option<u64>) {
        let target = self.target;
        let method = match verb {
            _ if target.is_member => "PUT",
            "delete" if target.collection != OPTIONS => "DELETE",
            "create" if !target.is_singleton => "POST",
            _ => "PUT",
        };
        let add = |fault: Json| {
            let fault = serde_json::from_value(fault).expect("a fault");
            self.cluster.emulator().faults().add(fault).expect("a pattern");
        };
        let (write, reads_are_dead) = match fault.split_once("read-back-dead") {
            Some((write, _)) => (write.trim_end_matches('+'), true),
            None => (fault, false),
        };
        let path = format!("^{}", target.collection);
        if !write.is_empty() {
            let count = if reads_are_dead { Some(1) } else { count };
            add(json!({"method": method, "path": path, "kind": write, "count": count}));
        }
        if reads_are_dead {
            // Every read that follows the write, of the object or of the list that creates share. The reads before it are those of
            // the refresh, and the one of the update or of the options' create that compares.
            let path = format!("^({}|{})$", target.object, target.collection);
            add(json!({"method": "GET", "path": path, "kind": "596-before", "count": null, "after": method}));
        }
    }

    /// The objects of ours on the cluster.
    fn there(&self) -> Vec<Json> {
        let target = self.target;
        if target.collection == OPTIONS {
            let options = self.cluster.api.read(target.collection);
            return if options["console"].is_null() { vec![] } else { vec![options] };
        }
        let key = if target.collection.ends_with("replication") { "guest" } else { "" };
        let entries = self.cluster.api.read(target.collection);
        let wanted = target.object.rsplit('/').next().unwrap_or_default();
        if target.is_member {
            let rule = entries.as_array().into_iter().flatten().find(|entry| entry["rule"] == wanted);
            let sids = rule.and_then(|rule| rule["resources"].as_str()).unwrap_or_default().split(',');
            assert!(sids.clone().any(|sid| sid == "vm:901"), "{}: another member is lost", self.name);
            return sids.filter(|sid| *sid != "vm:901").map(|sid| json!({"resource": sid})).collect();
        }
        let ours = |entry: &&Json| match key {
            "guest" => entry["guest"].to_string().trim_matches('"') == "900" && entry["remove_job"].is_null(),
            // What Proxmox ships is there as long as it differs from that.
            _ => {
                ["id", "sid", "group", "rule", "name"].iter().any(|key| entry[*key] == wanted)
                    && entry["origin"] != "builtin"
            }
        };
        entries.as_array().into_iter().flatten().filter(ours).cloned().collect()
    }
}

/// The same with the real CLI, for the three outcomes that matter most.
#[test]
fn with_the_real_cli() {
    let name = "nothing_is_lost::with_the_real_cli";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let fault = |fault: Json| cluster.emulator().faults().add(serde_json::from_value(fault).unwrap()).unwrap();
    // Carried out, and the answer is lost: the create succeeds.
    fault(json!({"method": "POST", "path": "resources$", "kind": "reset-after"}));
    w.configure(
        "resource \"pve_ha_resource\" \"a\" {\n  sid = \"vm:900\"\n  timeouts {\n    create = \"6s\"\n  }\n}\n",
    );
    w.apply();
    w.plan_is_empty();
    w.destroy();
    // Carried out, and no read succeeds: in the state, tainted, and the error names the way out.
    fault(json!({"method": "POST", "path": "resources$", "kind": "reset-after"}));
    fault(json!({"method": "GET", "path": "/vm:900$", "kind": "596-before", "count": null}));
    let run = w.apply_fails();
    assert!(run.only_error().flat().contains("untaint"), "{}", run.text);
    assert!(w.is_tainted("pve_ha_resource.a"));
    cluster.emulator().faults().clear();
    w.apply();
    w.plan_is_empty();
    assert!(!w.is_tainted("pve_ha_resource.a"));
    // Done, and only the look at it fails: a warning.
    w.destroy();
    fault(
        json!({"method": "GET", "path": "/resources(/vm:900)?$", "kind": "596-before", "count": null, "after": "POST"}),
    );
    let run = w.apply();
    assert!(run.warnings().iter().any(|warning| warning.summary.contains("could not be read back")), "{}", run.text);
    cluster.emulator().faults().clear();
    w.plan_is_empty();
    w.destroy();
}

/// 595: pveproxy of the asked node can't connect to the one that should answer.
#[test]
fn a_node_that_the_endpoint_cannot_reach_is_named() {
    let name = "nothing_is_lost::a_node_that_the_endpoint_cannot_reach_is_named";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    w.configure(
        "resource \"pve_ha_resource\" \"a\" {\n  sid = \"vm:900\"\n  timeouts {\n    create = \"3s\"\n  }\n}\n",
    );
    let fault = json!({"method": "POST", "path": "/cluster/ha/resources$", "kind": "595", "count": null});
    cluster.emulator().faults().add(serde_json::from_value(fault).unwrap()).unwrap();
    let failed = w.apply_fails();
    let failed = failed.only_error().flat();
    for part in
        ["vm:900: the endpoint can't forward the request to the node concerned", "If that node is online", "PVE: 595"]
    {
        assert!(failed.contains(part), "{part}: {failed}");
    }
    assert!(!failed.contains("privilege"), "{failed}");
    assert!(w.state().is_empty());
}
