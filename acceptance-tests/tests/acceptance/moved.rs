//! From the bpg provider to this one by a `moved` block for each object.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use acceptance_tests::{Cluster, Workspace, cli};
use pve_emulator::{Options, Release, Version};
use serde_json::{Value as Json, json};

#[test]
fn what_another_provider_has_made_plans_empty() {
    let Some(cluster) = Cluster::of("moved::what_another_provider_has_made_plans_empty", Release::V9).map(Arc::new)
    else {
        return;
    };
    let sids = cluster.guests(2, 0).sids();
    let listed = sids.join(",");
    let node = &cluster.nodes()[0];
    for sid in &sids {
        cluster.api.post("/cluster/ha/resources", &[("sid", sid), ("state", "ignored"), ("comment", "web")]);
    }
    let rule = |name: &str, kind: &str, more: (&str, &str)| {
        cluster.api.post("/cluster/ha/rules", &[("rule", name), ("type", kind), ("resources", &listed), more]);
    };
    rule("tfacc-near", "node-affinity", ("nodes", &format!("{node}:2")));
    rule("tfacc-apart", "resource-affinity", ("affinity", "positive"));

    let w = Workspace::new(&cluster);
    let resource =
        |sid: &str| json!({"id": sid, "resource_id": sid, "state": "ignored", "comment": "web", "type": "vm"});
    let near = json!({"id": "tfacc-near", "rule": "tfacc-near", "type": "node-affinity", "resources": sids, "nodes": {node: 2}, "strict": false, "disable": false});
    let apart = json!({"id": "tfacc-apart", "rule": "tfacc-apart", "type": "resource-affinity", "resources": sids, "affinity": "positive", "disable": false});
    let objects = [
        ("proxmox_virtual_environment_haresource", "a", resource(&sids[0])),
        ("proxmox_haresource", "b", resource(&sids[1])),
        ("proxmox_harule", "near", near),
        ("proxmox_virtual_environment_harule", "apart", apart),
    ];
    write_state(&w, &objects);
    let moves = [
        ("proxmox_virtual_environment_haresource.a", "pve_ha_resource.a"),
        ("proxmox_haresource.b", "pve_ha_resource.b"),
        ("proxmox_harule.near", "pve_ha_node_affinity_rule.near"),
        ("proxmox_virtual_environment_harule.apart", "pve_ha_resource_affinity_rule.apart"),
    ];
    let moves = moves.map(|(from, to)| format!("moved {{\n  from = {from}\n  to   = {to}\n}}\n")).concat();
    let resources = |name: &str, sid: &str| {
        format!(
            "resource \"pve_ha_resource\" \"{name}\" {{\n  sid = {sid:?}\n  state = \"ignored\"\n  comment = \"web\"\n}}\n"
        )
    };
    w.configure(&format!(
        "{moves}{}{}resource \"pve_ha_node_affinity_rule\" \"near\" {{\n  name = \"tfacc-near\"\n  resources = {sids:?}\n  nodes = {{ {node} = 2 }}\n}}\n\
         resource \"pve_ha_resource_affinity_rule\" \"apart\" {{\n  name = \"tfacc-apart\"\n  resources = {sids:?}\n  affinity = \"positive\"\n  \
         depends_on = [pve_ha_resource.a, pve_ha_resource.b]\n}}\n",
        resources("a", &sids[0]),
        resources("b", &sids[1]),
    ));
    let plan = w.plan();
    assert!(plan.changes().is_empty(), "{:?}", plan.changes());
    w.apply_plan();
    w.plan_is_empty();
    let kinds: Vec<String> = w.state().into_iter().map(|(address, _)| address).collect();
    assert!(kinds.len() == 4 && kinds.iter().all(|address| address.starts_with("pve_")), "{kinds:?}");
    w.destroy();
}

/// The types of the other provider, each under its short and its long name.
const PREFIXES: [&str; 2] = ["proxmox_", "proxmox_virtual_environment_"];

/// An object of the other provider, what it becomes, and how that is written.
struct Move {
    /// Its type without the prefix, and its attributes.
    was: (String, Json),
    becomes: &'static str,
    body: &'static str,
}

impl Move {
    fn new(kind: &str, was: Json, becomes: &'static str, body: &'static str) -> Self {
        Self { was: (kind.to_owned(), was), becomes, body }
    }

    /// The instance at `index` of a state that the other provider has written.
    fn of(states: &str, index: usize, becomes: &'static str, body: &'static str) -> Self {
        let states: Json = serde_json::from_str(states).unwrap();
        let kind = states[index]["type"].as_str().unwrap();
        let kind = PREFIXES.iter().rev().find_map(|prefix| kind.strip_prefix(prefix)).unwrap();
        Self::new(kind, states[index]["attributes"].clone(), becomes, body)
    }
}

const OF_8: &str = include_str!("states/bpg-pve8.json");
const OF_9: &str = include_str!("states/bpg-pve9.json");

/// Plans all moves under both names of their types: nothing is to change, and nothing but state is written.
#[track_caller]
fn plan_empty(cluster: &Arc<Cluster>, moves: &[Move]) {
    for shift in 0..PREFIXES.len() {
        let w = Workspace::new(cluster);
        let kinds: Vec<String> =
            (0..).zip(moves).map(|(i, m)| format!("{}{}", PREFIXES[(i + shift) % 2], m.was.0)).collect();
        let names: Vec<String> = (0..moves.len()).map(|i| format!("m{i}")).collect();
        let objects: Vec<(&str, &str, Json)> = kinds
            .iter()
            .zip(&names)
            .zip(moves)
            .map(|((kind, name), m)| (kind.as_str(), name.as_str(), m.was.1.clone()))
            .collect();
        write_state(&w, &objects);
        let blocks = kinds.iter().zip(&names).zip(moves).map(|((kind, name), m)| {
            format!(
                "moved {{\n  from = {kind}.{name}\n  to   = {becomes}.{name}\n}}\nresource \"{becomes}\" \"{name}\" {{\n{}}}\n",
                m.body,
                becomes = m.becomes
            )
        });
        w.configure(&blocks.collect::<String>());
        let before = cluster.inventory();
        let plan = w.plan();
        assert!(plan.changes().is_empty(), "{kinds:?}: {:?}\n{}", plan.changes(), plan.0["resource_changes"]);
        w.apply_plan();
        w.plan_is_empty();
        assert_eq!(cluster.inventory(), before);
        assert!(w.state().iter().all(|(address, _)| address.starts_with("pve_")) && w.state().len() == moves.len());
    }
}

/// Jobs and options as the other provider has them, on either release.
fn on_both() -> [Move; 3] {
    let job = json!({"id": "900-0", "target": "pve2", "type": "local", "source": "pve1", "guest": 900, "jobnum": 0,
                     "schedule": "*/30", "rate": 10.5, "disable": null, "comment": "nightly"});
    let options = json!({
        "id": "cluster", "bandwidth_limit_clone": null, "bandwidth_limit_default": 666666, "bandwidth_limit_migration": 555555,
        "bandwidth_limit_move": null, "bandwidth_limit_restore": null, "console": null, "crs_ha": "static",
        "crs_ha_rebalance_on_start": true, "description": null, "email_from": "a@example.com", "ha_shutdown_policy": "migrate",
        "http_proxy": null, "keyboard": "pl", "language": "en", "mac_prefix": null, "max_workers": 5,
        "migration_cidr": "10.0.0.0/8", "migration_type": "secure", "next_id": {"lower": 200, "upper": 5000},
        "notify": {"ha_fencing_mode": "never", "ha_fencing_target": null, "package_updates": "always",
                   "package_updates_target": null, "replication": null, "replication_target": null}
    });
    [
        Move::new("backup_job", backup_job(), "pve_backup_job", BACKUP_JOB),
        Move::new(
            "replication",
            job,
            "pve_replication_job",
            "  guest = 900\n  target = \"pve2\"\n  schedule = \"*/30\"\n  rate = 10.5\n  comment = \"nightly\"\n",
        ),
        Move::new(
            "cluster_options",
            options,
            "pve_datacenter_options",
            "  email_from = \"a@example.com\"\n  keyboard = \"pl\"\n  language = \"en\"\n  max_workers = 5\n  bwlimit {\n    \
             default = 666666\n    migration = 555555\n  }\n  crs {\n    ha = \"static\"\n    ha_rebalance_on_start = true\n  }\n  \
             ha {\n    shutdown_policy = \"migrate\"\n  }\n  migration {\n    type = \"secure\"\n    network = \"10.0.0.0/8\"\n  }\n  \
             next_id {\n    lower = 200\n    upper = 5000\n  }\n  notify {\n    fencing = \"never\"\n    package_updates = \
             \"always\"\n  }\n",
        ),
    ]
}

/// A backup job as the other provider has it.
fn backup_job() -> Json {
    json!({
        "id": "nightly", "schedule": "21:00", "vmid": "101,100", "storage": "local", "all": null, "pool": null, "node": null,
        "enabled": true, "mode": "snapshot", "compress": "zstd", "prune_backups": "keep-last=3,keep-daily=7", "remove": null,
        "mailto": "root@pam,a@b.cd", "mailnotification": "failure", "notes_template": null, "maxfiles": null, "script": null,
        "exclude_path": ["/var/tmp", "*.iso"], "fleecing": {"enabled": false, "storage": null}, "zstd": 2,
        "performance": {"max_workers": 4, "pbs_entries_max": null}, "starttime": null, "tmpdir": null, "protected": null
    })
}

const BACKUP_JOB: &str = "  name = \"nightly\"\n  schedule = \"21:00\"\n  guests = [100, 101]\n  storage = \"local\"\n  mode = \
                          \"snapshot\"\n  compress = \"zstd\"\n  zstd = 2\n  mailto = [\"a@b.cd\", \"root@pam\"]\n  \
                          mailnotification = \"failure\"\n  exclude_paths = [\"/var/tmp\", \"*.iso\"]\n  prune {\n    \
                          keep_last = 3\n    keep_daily = 7\n  }\n  performance {\n    max_workers = 4\n  }\n  fleecing \
                          {\n    enabled = false\n  }\n";

#[test]
fn an_option_of_a_backup_job_that_has_no_counterpart_is_refused_by_name() {
    let name = "moved::an_option_of_a_backup_job_that_has_no_counterpart_is_refused_by_name";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    set_up(&cluster);
    let mut state = backup_job();
    state["script"] = json!("/usr/local/bin/hook");
    let w = Workspace::new(&cluster);
    write_state(&w, &[("proxmox_backup_job", "a", state)]);
    w.configure(&format!(
        "moved {{\n  from = proxmox_backup_job.a\n  to   = pve_backup_job.a\n}}\nresource \"pve_backup_job\" \"a\" {{\n{BACKUP_JOB}}}\n"
    ));
    let run = w.plan_fails();
    assert!(run.text.contains("`script`"), "{}", run.text);
}

/// What the objects of [`on_both`] have made of the cluster.
fn set_up(cluster: &Cluster) {
    cluster.emulator().cluster().world().clock.stop();
    let job = [
        ("id", "900-0"),
        ("type", "local"),
        ("target", "pve2"),
        ("schedule", "*/30"),
        ("rate", "10.5"),
        ("comment", "nightly"),
    ];
    cluster.api.post("/cluster/replication", &job);
    let backup_job = [
        ("id", "nightly"),
        ("schedule", "21:00"),
        ("vmid", "101,100"),
        ("storage", "local"),
        ("mode", "snapshot"),
        ("compress", "zstd"),
        ("zstd", "2"),
        ("prune-backups", "keep-last=3,keep-daily=7"),
        ("mailto", "root@pam,a@b.cd"),
        ("mailnotification", "failure"),
        ("exclude-path", "/var/tmp"),
        ("exclude-path", "*.iso"),
        ("fleecing", "enabled=0"),
        ("performance", "max-workers=4"),
    ];
    cluster.api.post("/cluster/backup", &backup_job);
    cluster.api.put(
        "/cluster/options",
        &[
            ("bwlimit", "default=666666,migration=555555"),
            ("crs", "ha=static,ha-rebalance-on-start=1"),
            ("email_from", "a@example.com"),
            ("ha", "shutdown_policy=migrate"),
            ("keyboard", "pl"),
            ("language", "en"),
            ("max_workers", "5"),
            ("migration", "secure,network=10.0.0.0/8"),
            ("next-id", "lower=200,upper=5000"),
            ("notify", "fencing=never,package-updates=always"),
        ],
    );
}

#[test]
fn every_type_of_another_provider_on_pve_8() {
    let options = Options { release: Release::V8, ..Options::default() };
    let Some(cluster) = Cluster::own("moved::every_type_of_another_provider_on_pve_8", options).map(Arc::new) else {
        return;
    };
    set_up(&cluster);
    let group = [
        ("group", "web"),
        ("nodes", "pve1:2,pve2:1,pve3"),
        ("nofailback", "1"),
        ("restricted", "1"),
        ("comment", "tier 1"),
    ];
    cluster.api.post("/cluster/ha/groups", &group);
    cluster.api.post("/cluster/ha/groups", &[("group", "old"), ("nodes", "pve1")]);
    let web = [("sid", "vm:100"), ("group", "web"), ("max_relocate", "2"), ("max_restart", "3"), ("comment", "c")];
    cluster.api.post("/cluster/ha/resources", &web);
    let moves = [
        Move::of(
            OF_8,
            0,
            "pve_ha_group",
            "  name = \"web\"\n  nodes = { pve1 = 2, pve2 = 1, pve3 = null }\n  restricted = true\n  nofailback = true\n  comment = \
             \"tier 1\"\n",
        ),
        Move::of(
            OF_8,
            1,
            "pve_ha_resource",
            "  sid = \"vm:100\"\n  group = \"web\"\n  max_relocate = 2\n  max_restart = 3\n  comment = \"c\"\n",
        ),
        Move::of(OF_8, 2, "pve_ha_group", "  name = \"old\"\n  nodes = { pve1 = null }\n"),
    ];
    plan_empty(&cluster, &moves.into_iter().chain(on_both()).collect::<Vec<_>>());
}

#[test]
fn every_type_of_another_provider_on_pve_9() {
    let name = "moved::every_type_of_another_provider_on_pve_9";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    set_up(&cluster);
    {
        // As a cluster is that has been at work for longer than its rules are checked.
        let mut world = cluster.emulator().cluster().world();
        let resources = "vm: 100\n\tfailback 0\n\tstate stopped\n\nct: 101\n\n";
        let rules = "node-affinity: na\n\tcomment x\n\tnodes pve1:2,pve2\n\tresources vm:100\n\tstrict 1\n\n\
                     resource-affinity: ra\n\taffinity negative\n\tresources ct:101,vm:100\n\n\
                     node-affinity: ha-group-web\n\tcomment tier 1\n\tnodes pve1:2,pve2:1,pve3\n\tresources vm:102\n\tstrict 1\n\n";
        world.write_file("/etc/pve/ha/resources.cfg", resources.to_owned());
        world.write_file("/etc/pve/ha/rules.cfg", rules.to_owned());
    }
    let moves = [
        Move::of(OF_9, 0, "pve_ha_resource", "  sid = \"vm:100\"\n  state = \"stopped\"\n  failback = false\n"),
        Move::of(
            OF_9,
            1,
            "pve_ha_node_affinity_rule",
            "  name = \"na\"\n  resources = [\"vm:100\"]\n  nodes = { pve1 = 2, pve2 = null }\n  strict = true\n  comment = \"x\"\n",
        ),
        Move::of(
            OF_9,
            2,
            "pve_ha_resource_affinity_rule",
            "  name = \"ra\"\n  resources = [\"vm:100\", \"ct:101\"]\n  affinity = \"negative\"\n",
        ),
        Move::of(OF_9, 3, "pve_ha_resource", "  sid = \"ct:101\"\n"),
        // A group of before the cluster's upgrade.
        Move::of(
            OF_8,
            0,
            "pve_ha_node_affinity_rule",
            "  name = \"ha-group-web\"\n  resources = [\"vm:102\"]\n  nodes = { pve1 = 2, pve2 = 1, pve3 = null }\n  strict = true\n  \
             comment = \"tier 1\"\n",
        ),
    ];
    plan_empty(&cluster, &moves.into_iter().chain(on_both()).collect::<Vec<_>>());
}

/// What 9.2 and 9.2.6 brought: a state of the other provider has it, or the read that follows the move fills it in.
#[test]
fn nodes_to_avoid_and_a_resource_that_is_not_rebalanced() {
    let name = "moved::nodes_to_avoid_and_a_resource_that_is_not_rebalanced";
    let release = Release::At(Version::new(9, 2, 6));
    let Some(cluster) = Cluster::own(name, Options { release, ..Options::default() }).map(Arc::new) else { return };
    cluster.api.post(
        "/cluster/ha/resources",
        &[("sid", "vm:100"), ("state", "stopped"), ("auto-rebalance", "0"), ("failback", "0")],
    );
    let rule = [("rule", "na"), ("type", "node-affinity"), ("resources", "vm:100"), ("nodes", "pve3")];
    cluster.api.post("/cluster/ha/rules", &[&rule[..], &[("affinity", "negative")]].concat());
    for (affinity, auto_rebalance) in [(json!("negative"), json!(false)), (Json::Null, Json::Null)] {
        let resource = json!({"id": "vm:100", "resource_id": "vm:100", "type": "vm", "state": "stopped", "group": null,
            "failback": false, "max_restart": null, "max_relocate": null, "comment": null, "auto_rebalance": auto_rebalance});
        let rule = json!({"id": "na", "rule": "na", "type": "node-affinity", "resources": ["vm:100"], "nodes": {"pve3": null},
            "strict": null, "disable": false, "comment": null, "affinity": affinity});
        let resource_body = "  sid = \"vm:100\"\n  state = \"stopped\"\n  failback = false\n  auto_rebalance = false\n";
        let rule_body =
            "  name = \"na\"\n  resources = [\"vm:100\"]\n  nodes = { pve3 = null }\n  affinity = \"negative\"\n";
        let moves = [
            Move::new("haresource", resource, "pve_ha_resource", resource_body),
            Move::new("harule", rule, "pve_ha_node_affinity_rule", rule_body),
        ];
        plan_empty(&cluster, &moves);
    }
}

/// A state as the other provider leaves it. Core needs that provider to be installed, but never calls it.
fn write_state(w: &Workspace, objects: &[(&str, &str, Json)]) {
    let resources: Vec<Json> = objects
        .iter()
        .map(|(kind, name, attributes)| {
            json!({"mode": "managed", "type": kind, "name": name, "provider": "provider[\"registry.terraform.io/bpg/proxmox\"]",
                   "instances": [{"schema_version": 0, "attributes": attributes, "private": "b3RoZXI="}]})
        })
        .collect();
    let state = json!({"version": 4, "terraform_version": "1.5.0", "serial": 1, "lineage": "a", "outputs": {}, "resources": resources});
    w.write("terraform.tfstate", &state.to_string());
    let folder = w.path("other");
    std::fs::create_dir(&folder).unwrap();
    symlink(cli::provider_folder().join("terraform-provider-pve"), folder.join("terraform-provider-proxmox")).unwrap();
    let both = cli::configuration(&cli::provider_folder())
        .replace("dev_overrides {\n", &format!("dev_overrides {{\n    \"bpg/proxmox\" = {folder:?}\n"));
    w.write("cli.tfrc", &both);
}
