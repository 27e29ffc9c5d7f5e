//! What is checked at all, and what silences a check.

use std::sync::Arc;

use acceptance_tests::core::{Core, errors};
use acceptance_tests::{Cluster, Workspace, runtime};
use pve_emulator::{Options, Release};
use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::Value;
use terraform_provider_pve::preflight::CHECKS;
use terraform_provider_pve::registry;

use super::{Bench, GROUP, JOB, NODE_RULE, OPTIONS, RESOURCE, RESOURCE_RULE, node_rule, resource_rule, with};

fn lonely() -> Json {
    with(node_rule("aa", &["vm:777"], json!({"pve7": 1})), json!({"strict": true}))
}

#[test]
fn what_does_not_change_is_not_checked() {
    let name = "preflight::scope::what_does_not_change_is_not_checked";
    let Some(b) = Bench::new(name, Release::V9) else { return };
    b.keep(NODE_RULE, lonely()).nothing();
    // Of an HA resource only whether its guest is there.
    b.keep(RESOURCE, json!({"sid": "vm:100", "max_relocate": 0})).nothing();
    let asked = b.cluster.emulator().counters();
    asked.reset();
    let b = b.anew();
    b.keep(RESOURCE, json!({"sid": "vm:100", "max_relocate": 0})).nothing();
    let report = b.cluster.emulator().counters().report();
    // The state above was made by a plan of its own: its lists are not these.
    assert!(report["requests"].as_object().unwrap().keys().all(|call| call.starts_with("GET ")), "{report}");
}

#[test]
fn two_resources_that_create_the_same_object_are_reported() {
    let name = "preflight::scope::two_resources_that_create_the_same_object_are_reported";
    let Some(b) = Bench::new(name, Release::V9) else { return };
    let vm = json!({"sid": "vm:100"});
    b.create(RESOURCE, vm.clone()).not("planned-twice");
    b.create(RESOURCE, vm.clone()).errs("planned-twice", "sid", &["vm:100: another resource"]);
    // Both types of rules have one space of names.
    b.create(NODE_RULE, node_rule("aa", &["vm:100"], json!({"pve1": 1, "pve2": 1}))).not("planned-twice");
    let rule = resource_rule("aa", &["vm:100", "vm:101"], "negative");
    b.create(RESOURCE_RULE, rule).errs("planned-twice", "name", &["aa: another"]);
    // A replacement is planned twice, as what it was and anew.
    let b = b.anew();
    b.keep(RESOURCE, vm.clone());
    b.create(RESOURCE, vm).not("planned-twice");
}

#[test]
fn one_object_destroyed_and_created_by_two_resources_is_reported() {
    let name = "preflight::scope::one_object_destroyed_and_created_by_two_resources_is_reported";
    let Some(b) = Bench::new(name, Release::V9) else { return };
    let check = "destroyed-and-created";
    let (vm, other) = (json!({"sid": "vm:100"}), json!({"sid": "vm:101"}));
    b.destroy(RESOURCE, vm.clone()).not(check);
    b.create(RESOURCE, other.clone()).not(check);
    b.create(RESOURCE, vm).errs(check, "sid", &["vm:100", "moved {"]);
    // In whichever order core comes to them.
    b.destroy(RESOURCE, other.clone()).errs(check, "", &["vm:101", "from = pve_ha_resource.<old>"]);
    b.create(RESOURCE, other).not(check);
    let job = json!({"guest": 100, "target": "pve2"});
    b.destroy(JOB, job.clone());
    b.create(JOB, job).errs(check, "target", &["100 to pve2"]);
    let options = json!({"console": "html5", "max_workers": 3});
    b.destroy(OPTIONS, options);
    b.create(OPTIONS, json!({"language": "de"})).not(check);
    b.create(OPTIONS, json!({"max_workers": 4})).errs(check, "max_workers", &["max_workers"]);
    // A replacement is no such thing, whether it changes the name or not.
    let b = b.anew();
    b.change(RESOURCE, json!({"sid": "vm:100"}), json!({"sid": "vm:101"})).not(check);
    b.create(RESOURCE, json!({"sid": "vm:101"})).not(check);
    b.keep(RESOURCE, json!({"sid": "vm:102"})).nothing();
    b.create(RESOURCE, json!({"sid": "vm:102"})).not(check);
    // Two resources that exchange their names are, and so is one that takes the name that another one gives up.
    b.change(RESOURCE, json!({"sid": "vm:101"}), json!({"sid": "vm:100"})).errs(check, "sid", &["vm:101"]);
    // An option that one resource gives up may be taken by another one: whichever comes first, it is set in the end.
    b.change(OPTIONS, json!({"console": "vv", "max_workers": 3}), json!({"max_workers": 3, "language": "de"}))
        .not(check);
    b.create(OPTIONS, json!({"console": "vv"})).not(check);
}

#[test]
fn an_existing_object_is_reported_at_plan() {
    let name = "preflight::scope::an_existing_object_is_reported_at_plan";
    let Some(b) = Bench::new(name, Release::V9) else { return };
    let check = "exists-already";
    b.manage("vm:100");
    b.rule("web", "node-affinity", "vm:100", ("nodes", "pve1,pve2"));
    b.cluster.api.post("/cluster/replication", &[("id", "900-3"), ("target", "pve2"), ("type", "local")]);
    let b = b.anew();
    b.create(RESOURCE, json!({"sid": "vm:100"})).warns(check, "sid", &["vm:100: it exists", "to = pve_ha_resource"]);
    b.create(RESOURCE, json!({"sid": "vm:101"})).not(check);
    // Both types of rules share their names.
    b.create(RESOURCE_RULE, json!({"name": "web", "resources": ["vm:100", "vm:101"], "affinity": "positive"})).warns(
        check,
        "name",
        &["web: it exists"],
    );
    b.create(JOB, json!({"guest": 900, "target": "pve3", "job_number": 3})).warns(check, "job_number", &["900-3"]);
    b.create(JOB, json!({"guest": 900, "target": "pve3", "job_number": 4})).not(check);
    b.create(JOB, json!({"guest": 900, "target": "pve1"})).not(check);
    // Destroyed, kept or replaced by the same plan, it is in the state.
    let vm = json!({"sid": "vm:100"});
    let b = b.anew();
    b.destroy(RESOURCE, vm.clone());
    b.create(RESOURCE, vm.clone()).not(check);
    let b = b.anew();
    b.keep(RESOURCE, vm.clone());
    b.create(RESOURCE, vm.clone()).not(check);
    let b = b.anew();
    b.change(RESOURCE, vm.clone(), with(vm.clone(), json!({"comment": "x"}))).not(check);
    let adopts = [("adopt_existing", json!(true))];
    let Some(b) = Bench::on(name, Options::default(), &adopts) else { return };
    b.manage("vm:100");
    b.create(RESOURCE, vm).not(check);

    let Some(b) = Bench::new(name, Release::V8) else { return };
    b.cluster.api.post("/cluster/ha/groups", &[("group", "web"), ("nodes", "pve1,pve2")]);
    let b = b.anew();
    let group = |name: &str| json!({"name": name, "nodes": {"pve1": 1, "pve2": 1}});
    b.create(GROUP, group("web")).warns(check, "name", &["web: it exists"]);
    b.create(GROUP, group("other")).not(check);
}

#[test]
fn a_replacement_under_a_taken_id_is_no_plan() {
    let name = "preflight::scope::a_replacement_under_a_taken_id_is_no_plan";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let resource = |name: &str, sid: &str| format!("resource \"pve_ha_resource\" {name:?} {{\n  sid = {sid:?}\n}}\n");
    let job = |guest: u32| {
        format!(
            "resource \"pve_replication_job\" \"j\" {{\n  guest = {guest}\n  job_number = 3\n  target = \"pve3\"\n}}\n"
        )
    };
    w.configure(&(resource("a", "vm:100") + &job(100)));
    w.apply();
    cluster.api.post("/cluster/ha/resources", &[("sid", "vm:101")]);
    cluster.api.post("/cluster/replication", &[("id", "101-3"), ("target", "pve1"), ("type", "local")]);
    let refused = |words: &[&str], path: &str| {
        let run = w.plan_fails();
        let error = run.only_error();
        for word in words {
            assert!(error.flat().contains(word), "{word}: {}", run.text);
        }
        assert!(error.line.contains(path), "{}", error.line);
        assert!(!run.warnings().iter().any(|warning| warning.flat().contains("exists-already")), "{}", run.text);
    };
    w.configure(&(resource("a", "vm:101") + &job(100)));
    let words = ["The id of the replacement is taken: vm:101", "vm:100: its replacement vm:101"];
    refused(&words, "sid = ");
    // A create in the place of nothing is only warned of, since this apply may remove what is there.
    w.configure(&(resource("a", "vm:100") + &resource("b", "vm:101") + &job(100)));
    let run = w.expect(0, &["plan", "-json"]);
    assert!(run.warnings().iter().any(|warning| warning.flat().contains("exists-already")), "{}", run.text);
    w.configure(&(resource("a", "vm:100") + &job(101)));
    refused(&["100-3: its replacement 101-3"], "");
    // What the state has may make room; that is another check's.
    w.configure(&(resource("a", "vm:100") + &resource("b", "vm:102") + &job(100)));
    w.apply();
    w.configure(&(resource("a", "vm:102") + &resource("b", "ct:950") + &job(100)));
    assert!(!w.plan_fails().text.contains("The id of the replacement is taken"));
    // Not reported without a refresh.
    w.configure(&(resource("a", "vm:101") + &resource("b", "vm:102") + &job(100)));
    w.expect(0, &["plan", "-json", "-refresh=false"]);
}

#[test]
fn one_object_destroyed_and_kept_by_two_resources_is_reported() {
    let name = "preflight::scope::one_object_destroyed_and_kept_by_two_resources_is_reported";
    let Some(b) = Bench::new(name, Release::V9) else { return };
    let (check, vm, options) = ("destroyed-and-created", json!({"sid": "vm:100"}), json!({"console": "html5"}));
    // In whichever order core comes to them, and although the one that stays does not change.
    b.destroy(RESOURCE, vm.clone()).not(check);
    b.keep(RESOURCE, vm).errs(check, "sid", &["vm:100: kept by one", "removed {", "deposed", "terraform state rm"]);
    b.keep(OPTIONS, options.clone()).not(check);
    b.destroy(OPTIONS, options).errs(check, "", &["console: kept by one"]);
    b.destroy(RESOURCE, json!({"sid": "vm:101"})).not(check);
}

#[test]
fn options_set_by_two_resources_or_outside_of_terraform_are_reported() {
    let name = "preflight::scope::options_set_by_two_resources_or_outside_of_terraform_are_reported";
    let Some(b) = Bench::new(name, Release::V9) else { return };
    b.create(OPTIONS, json!({"max_workers": 3})).not("planned-twice");
    b.create(OPTIONS, json!({"language": "de"})).not("planned-twice");
    b.create(OPTIONS, json!({"max_workers": 4})).errs("planned-twice", "max_workers", &["overwrite each other"]);

    let set = [("max_workers", "10"), ("migration", "insecure,network=10.0.0.0/24"), ("console", "vv")];
    b.cluster.api.put("/cluster/options", &set);
    let check = "option-already-set";
    let b = b.anew();
    b.create(OPTIONS, json!({"max_workers": 3})).warns(
        check,
        "max_workers",
        &["it is 10 on the cluster", "datacenter/max_workers"],
    );
    let set = b.create(OPTIONS, json!({"max_workers": 3}));
    assert_eq!(set.of(check).unwrap().summary, "Already set on the cluster: option max_workers");
    b.create(OPTIONS, json!({"console": "vv"})).not(check);
    b.create(OPTIONS, json!({"language": "de"})).not(check);
    b.create(OPTIONS, json!({"migration": {"type": "secure"}})).warns(check, "migration", &["network", "secure"]);
    // What was managed before shows as drift.
    b.change(OPTIONS, json!({"max_workers": 3}), json!({"max_workers": 4})).not(check);
    b.change(OPTIONS, json!({"language": "de"}), json!({"language": "de", "max_workers": 4})).warns(
        check,
        "max_workers",
        &[],
    );
}

#[test]
fn each_check_is_silenced_by_its_name() {
    let name = "preflight::scope::each_check_is_silenced_by_its_name";
    let all: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
    let Some(b) = Bench::on(name, Options::default(), &[("ignore_preflight", json!(all))]) else { return };
    b.create(NODE_RULE, lonely()).nothing();
    let some = [("ignore_preflight", json!(["single-node-placement", "unknown-node"]))];
    let Some(b) = Bench::on(name, Options::default(), &some) else { return };
    let said = b.create(NODE_RULE, lonely());
    said.not("single-node-placement").not("unknown-node");
    said.warns("unmanaged-resource", "resources", &["vm:777"]);
}

#[test]
fn a_name_that_is_no_check_s_is_refused_with_the_list() {
    let provider = registry::provider();
    let block = json!({"ignore_preflight": ["single-node-placement", "single-node"]});
    let block = Value::from_json(&block, &provider.schema().ty()).unwrap();
    let said = provider.validate(&block);
    let found: Vec<_> = said.iter().filter(|diagnostic| diagnostic.summary == "Unknown check").collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].path.as_ref().unwrap().to_string(), "ignore_preflight");
    assert!(CHECKS.iter().all(|check| found[0].detail.contains(check.name)), "{}", found[0].detail);
}

#[test]
fn without_an_answer_from_the_cluster_nothing_is_claimed() {
    let name = "preflight::scope::without_an_answer_from_the_cluster_nothing_is_claimed";
    let Some(cluster) = Cluster::own(name, Options::default()) else { return };
    let core = runtime::block_on(Core::with(&cluster, &[]));
    // From now on all reads are refused.
    let fault = json!({"method": "GET", "kind": "401", "count": null});
    cluster.emulator().faults().add(serde_json::from_value(fault).unwrap()).unwrap();
    let config = core.value(NODE_RULE, &node_rule("aa", &["vm:777"], json!({"pve7": 1, "pve8": 1})));
    let planned = runtime::block_on(core.plan_of(NODE_RULE, &Value::Null, &config));
    assert!(planned.diagnostics.is_empty(), "{:?}", planned.diagnostics);
}

#[test]
fn while_the_provider_block_is_unknown_nothing_is_checked() {
    let provider = registry::provider();
    let mut block = Value::from_json(&json!({"api_token": "a@pve!t=s"}), &provider.schema().ty()).unwrap();
    block.insert("endpoint", Value::Unknown);
    assert!(runtime::block_on(provider.configure(&block)).is_empty());
    let ty = provider.resource(NODE_RULE).unwrap().schema().ty();
    let config = Value::from_json(&lonely(), &ty).unwrap();
    let request = terraform_provider_pve::framework::PlanRequest {
        prior: Value::Null,
        proposed: config.clone(),
        config,
        link: Default::default(),
    };
    let planned = runtime::block_on(provider.resource(NODE_RULE).unwrap().plan(request));
    assert!(planned.diagnostics.is_empty(), "{:?}", planned.diagnostics);
}

#[test]
fn an_apply_repeats_no_warning_once_it_writes() {
    let name = "preflight::scope::an_apply_repeats_no_warning_once_it_writes";
    let Some(cluster) = Cluster::own(name, Options::default()) else { return };
    let core = runtime::block_on(Core::with(&cluster, &[]));
    let mut first = acceptance_tests::core::Object::new(RESOURCE);
    let wanted = json!({"sid": "vm:100", "max_relocate": 0});
    let said = runtime::block_on(core.apply(&mut first, Some(&wanted)));
    assert!(said.iter().any(|diagnostic| diagnostic.detail.contains("no-relocation")) && errors(&said).is_empty());
    let mut second = acceptance_tests::core::Object::new(RESOURCE);
    let said = runtime::block_on(core.apply_too(&mut second, Some(&json!({"sid": "vm:101", "max_relocate": 0}))));
    assert!(said.is_empty(), "{said:?}");
}
