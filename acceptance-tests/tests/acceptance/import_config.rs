//! `import-config`: what it writes is formatted, imports the cluster, and changes nothing in it.

use std::env::consts::EXE_SUFFIX;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use acceptance_tests::output::Run;
use acceptance_tests::plan::Plan;
use acceptance_tests::{Cluster, cli};
use pve_emulator::{Options, Release, Seed, Version};

const NEWEST: Release = Release::At(Version::new(9, 2, 6));

/// What must come out of a configuration as it went in.
const HOSTILE: &str = r#"say "hi" ${x} %{ if y } $${z} \n \ 'it' <%= end %> # // /* => "$"#;

/// A folder for what is written, and a CLI that finds the provider by `init`.
struct Folder {
    folder: tempfile::TempDir,
    cluster: Arc<Cluster>,
    /// Beside what the cluster needs.
    environment: Vec<(String, String)>,
}

impl Folder {
    fn new(cluster: &Arc<Cluster>) -> Self {
        let folder = tempfile::Builder::new().prefix("tfacc-").tempdir().unwrap();
        let rc = cli::mirror(&folder.path().join("mirror"));
        fs::write(folder.path().join("cli.tfrc"), rc).unwrap();
        Self { folder, cluster: cluster.clone(), environment: Vec::new() }
    }

    fn written(&self) -> PathBuf {
        self.folder.path().join("written")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.written().join(name)).unwrap()
    }

    fn names(&self) -> Vec<String> {
        let files = fs::read_dir(self.written()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = files.collect();
        names.sort();
        names
    }

    /// Runs `import-config`.
    fn write(&self) -> Run {
        self.write_with(&[])
    }

    fn write_with(&self, more: &[&str]) -> Run {
        let out = self.written();
        let arguments = [&["import-config", "--out", out.to_str().unwrap()], more].concat();
        import_config(&arguments, &[self.cluster.environment.as_slice(), &self.environment].concat())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = cli::command(&self.written(), &self.folder.path().join("cli.tfrc"));
        let environment = self.cluster.environment.iter().chain(&self.environment).cloned();
        command.args(arguments).envs(environment);
        command
    }

    #[track_caller]
    fn expect(&self, arguments: &[&str]) -> Run {
        let run = Run::new(&self.command(arguments).output().unwrap());
        assert_eq!(run.code, Some(0), "{arguments:?}\n{}", run.text);
        run
    }

    /// Goes the way of a person with what was written: it has to import `objects`, and to change nothing.
    #[track_caller]
    fn takes_over(&self, objects: usize) {
        let before = self.cluster.inventory();
        self.expect(&["fmt", "-check", "-diff"]);
        self.expect(&["init", "-no-color"]);
        self.expect(&["plan", "-json", "-out=plan"]);
        let shown = self.command(&["show", "-json", "plan"]).output().unwrap();
        let plan = Plan(serde_json::from_slice(&shown.stdout).unwrap());
        assert_eq!((plan.imports(), plan.changes()), (objects, vec![]));
        self.expect(&["apply", "-json", "plan"]);
        self.expect(&["plan", "-detailed-exitcode", "-no-color"]);
        assert_eq!(self.cluster.inventory(), before);
    }
}

fn program() -> PathBuf {
    cli::provider_folder().join(format!("terraform-provider-pve{EXE_SUFFIX}"))
}

/// Runs the provider by hand, with this environment and no other.
pub fn import_config(arguments: &[&str], environment: &[(String, String)]) -> Run {
    let mut command = Command::new(program());
    command.args(arguments).env_clear().envs(environment.iter().cloned());
    Run::new(&command.output().unwrap())
}

fn cluster(test: &str, release: Release) -> Option<Arc<Cluster>> {
    Cluster::own(test, Options { release, ..Options::default() }).map(Arc::new)
}

/// What both releases have: resources, replication, options.
pub fn furnish(cluster: &Cluster) {
    let api = &cluster.api;
    api.post("/cluster/ha/resources", &[("sid", "vm:100"), ("comment", HOSTILE), ("max_restart", "3")]);
    api.post("/cluster/ha/resources", &[("sid", "vm:101"), ("state", "stopped"), ("comment", "ünïcödé ✓")]);
    api.post("/cluster/ha/resources", &[("sid", "ct:950"), ("state", "ignored"), ("max_relocate", "0")]);
    let job = [("id", "100-0"), ("type", "local"), ("target", "pve3"), ("rate", "10.5"), ("comment", HOSTILE)];
    api.post("/cluster/replication", &job);
    api.post(
        "/cluster/replication",
        &[("id", "102-7"), ("type", "local"), ("target", "pve2"), ("schedule", "mon..fri 2:30")],
    );
    let options = [
        ("ha", "shutdown_policy=migrate"),
        ("crs", "ha=basic"),
        ("description", "# Notes\n\n```\n${not} %{a} template\n```\n\\ \"end\"\n"),
        ("tag-style", "color-map=web-1:ff0000:ffffff;1st:00ff00,shape=full"),
        ("bwlimit", "clone=100,default=5000.5"),
        ("registered-tags", "b;a"),
    ];
    api.put("/cluster/options", &options);
    let endpoint = |kind: &str, parameters: &[(&str, &str)]| {
        api.post(&format!("/cluster/notifications/endpoints/{kind}"), parameters);
    };
    endpoint("sendmail", &[("name", "mail"), ("mailto", "root"), ("mailto-user", "root@pam"), ("comment", HOSTILE)]);
    let relay =
        [("server", "mx"), ("username", "pve"), ("password", "canary"), ("from-address", "a@b.c"), ("mailto", "a@b.c")];
    endpoint("smtp", &[&[("name", "relay"), ("port", "2525"), ("mode", "starttls")][..], &relay].concat());
    endpoint("gotify", &[("name", "push"), ("server", "http://x"), ("token", "canary"), ("disable", "0")]);
    let header = ("header", "name=X-Auth,value=QmVhcmVyIHt7IHNlY3JldHMudG9rIH19");
    let body = ("body", "ewogICJhIjogInt7IGVzY2FwZSBtZXNzYWdlIH19IiwgIiR7YX0iOiAiJXtifSIKfQo=");
    let hook =
        [("name", "hook"), ("url", "http://x/{{ title }}"), ("method", "post"), ("secret", "name=tok,value=Y2FuYXJ5")];
    endpoint("webhook", &[&hook[..], &[header, body]].concat());
    let matcher =
        [("name", "alerts"), ("target", "mail"), ("match-field", "exact:type=fencing"), ("match-severity", "error")];
    api.post("/cluster/notifications/matchers", &[&matcher[..], &[("match-calendar", "mon..fri 8-17")]].concat());
}

#[test]
fn a_pve_9_cluster_becomes_configuration_that_plans_empty() {
    let name = "import_config::a_pve_9_cluster_becomes_configuration_that_plans_empty";
    let Some(cluster) = cluster(name, Release::V9) else { return };
    furnish(&cluster);
    let many: Vec<String> = (900..908).map(|id| format!("vm:{id}")).collect();
    for sid in &many {
        cluster.api.post("/cluster/ha/resources", &[("sid", sid), ("state", "ignored"), ("failback", "0")]);
    }
    let ascii = HOSTILE.to_owned();
    let rule = |more: &[(&str, &str)]| cluster.api.post("/cluster/ha/rules", more);
    let (near, far) = ("vm:100,vm:101", many.join(","));
    rule(&[
        ("rule", "near"),
        ("type", "node-affinity"),
        ("resources", near),
        ("nodes", "pve1:2,pve2"),
        ("comment", &ascii),
    ]);
    rule(&[
        ("rule", "apart"),
        ("type", "resource-affinity"),
        ("resources", &far),
        ("affinity", "positive"),
        ("disable", "1"),
    ]);
    let folder = Folder::new(&cluster);
    let run = folder.write();
    assert_eq!(run.code, Some(0), "{}", run.text);
    assert!(run.text.contains("11 x HA resource") && run.text.contains("2 x replication job"), "{}", run.text);
    let jobs = folder.read("replication_job.tf");
    for guest in [100, 102] {
        assert_eq!(jobs.matches(&format!("  # Guest {guest} is on ")).count(), 1, "{jobs}");
    }
    // Comments that apply to both are written once at the top.
    assert!(jobs.starts_with("# When a guest moves to the target of its job, Proxmox reverses the job,"), "{jobs}");
    assert_eq!(jobs.matches("reverses the job").count(), 1, "{jobs}");
    let expected = [
        "cluster.tf",
        "cluster_member.tf",
        "datacenter_options.tf",
        "ha_node_affinity_rule.tf",
        "ha_resource.tf",
        "ha_resource_affinity_rule.tf",
        "notification_gotify.tf",
        "notification_matcher.tf",
        "notification_sendmail.tf",
        "notification_smtp.tf",
        "notification_webhook.tf",
        "provider.tf",
        "replication_job.tf",
    ];
    assert_eq!(folder.names(), expected);
    for (name, remark) in [("smtp", "the password"), ("gotify", "the token"), ("webhook", "the secrets")] {
        let text = folder.read(&format!("notification_{name}.tf"));
        assert!(text.contains(&format!("Proxmox does not return {remark}")), "{text}");
        assert!(!text.contains("canary") && !text.contains("Y2FuYXJ5"), "{text}");
    }
    let matchers = folder.read("notification_matcher.tf");
    assert!(matchers.contains("[pve_notification_sendmail.mail.name]"), "{matchers}");
    let rules = folder.read("ha_node_affinity_rule.tf");
    assert!(rules.contains("resources = [pve_ha_resource.vm_100.sid, pve_ha_resource.vm_101.sid]"), "{rules}");
    assert!(rules.contains("nodes     = { pve1 = 2, pve2 = 0 }"), "{rules}");
    let resources = folder.read("ha_resource.tf");
    assert!(!resources.contains("max_restart = 1") && !resources.contains("purge_rules"), "defaults go without saying");
    folder.takes_over(24);

    // What is there is never overwritten, not even by the same.
    let again = folder.write();
    assert_eq!(again.code, Some(1));
    assert!(again.text.contains("exists already in") && again.text.contains("Nothing was written"), "{}", again.text);
}

#[test]
fn what_proxmox_9_2_6_brought_is_imported() {
    let Some(cluster) = cluster("import_config::what_proxmox_9_2_6_brought_is_imported", NEWEST) else { return };
    cluster.api.post("/cluster/ha/resources", &[("sid", "vm:100"), ("auto-rebalance", "0"), ("state", "ignored")]);
    let rule = [("rule", "away"), ("type", "node-affinity"), ("resources", "vm:100"), ("nodes", "pve3")];
    cluster.api.post("/cluster/ha/rules", &[&rule[..], &[("affinity", "negative")]].concat());
    let folder = Folder::new(&cluster);
    assert_eq!(folder.write().code, Some(0));
    let flat = |name: &str| folder.read(name).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat("ha_node_affinity_rule.tf").contains("affinity = \"negative\""),
        "{}",
        flat("ha_node_affinity_rule.tf")
    );
    assert!(flat("ha_resource.tf").contains("auto_rebalance = false"), "{}", flat("ha_resource.tf"));
    // And the keyboard layout, the cluster and two members.
    folder.takes_over(6);
}

#[test]
fn a_pve_8_cluster_becomes_configuration_that_plans_empty() {
    let name = "import_config::a_pve_8_cluster_becomes_configuration_that_plans_empty";
    let Some(cluster) = cluster(name, Release::V8) else { return };
    let groups = [
        [("group", "all-3"), ("nodes", "pve1:2,pve2:1,pve3"), ("restricted", "1"), ("comment", HOSTILE)],
        [("group", "two_2"), ("nodes", "pve3,pve1"), ("nofailback", "1"), ("comment", "x")],
    ];
    for group in groups {
        cluster.api.post("/cluster/ha/groups", &group);
    }
    furnish(&cluster);
    cluster.api.put("/cluster/ha/resources/vm:100", &[("group", "all-3")]);
    let folder = Folder::new(&cluster);
    assert_eq!(folder.write().code, Some(0));
    assert!(folder.read("ha_resource.tf").contains("= pve_ha_group.all-3.name"));
    folder.takes_over(16);
}

#[test]
fn what_cannot_be_configured_is_left_to_the_cluster() {
    let name = "import_config::what_cannot_be_configured_is_left_to_the_cluster";
    let Some(cluster) = cluster(name, Release::V9) else { return };
    cluster.api.post("/cluster/ha/resources", &[("sid", "vm:100"), ("state", "ignored")]);
    // Written by an editor: the API would have refused it, and returns it as U+FFFD.
    cluster.api.post("/cluster/ha/resources", &[("sid", "vm:101"), ("state", "ignored")]);
    let rules = "node-affinity: odd\n\tcomment %FC\n\tnodes pve1\n\tresources vm:100\n\n\
                 node-affinity: also\n\tcomment %FC\n\tnodes pve1\n\tresources vm:101\n\n";
    cluster.emulator().cluster().world().write_file("/etc/pve/ha/rules.cfg", rules);
    let folder = Folder::new(&cluster);
    assert_eq!(folder.write().code, Some(0));
    let text = folder.read("ha_node_affinity_rule.tf");
    assert!(text.contains("ignore_changes = [comment]") && !text.contains("\n  comment "), "{text}");
    assert!(text.starts_with("# comment is left as it is in the cluster: "), "{text}");
    assert_eq!(text.matches("is left as it is").count(), 1, "{text}");
    folder.takes_over(8);
}

#[test]
fn what_only_nodes_know_is_imported_without_its_secrets() {
    let name = "import_config::what_only_nodes_know_is_imported_without_its_secrets";
    let Some(cluster) = Cluster::with_ssh(name, Release::V9).map(Arc::new) else { return };
    let fence = "# by hand\ndevice power fence_ipmilan ip=10.0.9.1 'password=hunter2 ${x}' lanplus\nconnect power node=pve1 plug=1\n\
                 connect power node=pve2 passwd=hunter3\ndevice second fence_apc ip=10.0.9.2\nconnect second node=pve3 plug=3\n";
    cluster.write_shared_file("/etc/pve/ha/fence.cfg", fence);
    cluster.write_node_file("pve2", "/etc/default/pve-ha-manager", "WATCHDOG_MODULE=ipmi_watchdog\n");
    cluster.run("pve1", "ha-manager crm-command node-maintenance enable pve3");
    cluster.api.control("qdevice", &serde_json::json!({"on": true}));
    cluster.emulator().cluster().world().advance(30.0);

    let access = cluster.ssh().unwrap();
    let host_keys: Vec<&str> =
        access["host_keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    let mut folder = Folder::new(&cluster);
    let variables = [
        ("PROXMOX_VE_SSH_PRIVATE_KEY_FILE", access["private_key_file"].as_str().unwrap().to_owned()),
        ("PROXMOX_VE_SSH_HOST_KEYS", host_keys.join("\n")),
        // A map in the environment is an expression.
        ("TF_VAR_fence_device_power_secret_options", r#"{"password": "hunter2 $${x}"}"#.to_owned()),
        ("TF_VAR_fence_device_power_connect_2_secret_options", r#"{"passwd": "hunter3"}"#.to_owned()),
    ];
    folder.environment = variables.map(|(name, value)| (name.to_owned(), value)).to_vec();
    let place = |node: &serde_json::Value| {
        let text = |name: &str| node[name].as_str().unwrap().to_owned();
        ["--ssh-node".to_owned(), format!("{}={}:{}", text("name"), text("address"), node["port"])]
    };
    let nodes: Vec<String> = access["node"].as_array().unwrap().iter().flat_map(place).collect();
    let run = folder.write_with(&nodes.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(run.code, Some(0), "{}", run.text);
    assert!(run.text.contains("Set a value for each variable in variables.tf (count: 2)"), "{}", run.text);
    for name in folder.names() {
        assert!(!folder.read(&name).contains("hunter"), "{name}");
    }
    let devices = folder.read("fence_device.tf");
    assert!(devices.contains("= pve_fence_device.power.name"), "{devices}");
    assert!(!devices.contains("_wo"), "a value that is written once has no place in it: {devices}");
    assert!(folder.read("node_maintenance.tf").contains("\"pve3\""));
    assert!(folder.read("node_watchdog.tf").contains("ipmi_watchdog"));
    // Three nodes: no QDevice could be planned without.
    let qdevice = folder.read("qdevice.tf");
    assert!(
        qdevice.lines().any(|line| line.split_whitespace().collect::<Vec<_>>() == ["force", "=", "true"]),
        "{qdevice}"
    );
    // Two devices, a node in maintenance, a watchdog, the QDevice, the keyboard layout, the cluster and two members.
    folder.takes_over(9);
    // What is left out is named.
    cluster.emulator().cluster().world().power("pve2", false);
    cluster.emulator().cluster().world().advance(30.0);
    let again = Folder { environment: folder.environment.clone(), ..Folder::new(&cluster) };
    let run = again.write_with(&nodes.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(run.text.contains("Left out: the watchdog of pve2"), "{}", run.text);
    assert_eq!(cluster.shared_file("/etc/pve/ha/fence.cfg").as_deref(), Some(fence));
}

#[test]
fn nothing_is_written_where_something_is_wrong_or_there_is_nothing() {
    let name = "import_config::nothing_is_written_where_something_is_wrong_or_there_is_nothing";
    // A node on its own: a cluster would be something to import.
    let seed = Seed::alone(&["pve1".to_owned()]);
    let Some(cluster) = Cluster::own(name, Options { seed: Some(seed), ..Options::default() }) else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let run = |environment: &[(String, String)]| {
        let run = import_config(&["import-config", "--out", out.to_str().unwrap()], environment);
        assert!(!Path::new(&out).exists());
        (run.code, run.text)
    };
    let (code, text) = run(&[]);
    assert!(code == Some(1) && text.contains("Missing endpoint"), "{text}");
    let mut wrong = cluster.environment.clone();
    wrong.iter_mut().filter(|(name, _)| name.ends_with("API_TOKEN")).for_each(|(_, token)| token.push('0'));
    let (code, text) = run(&wrong);
    assert!(code == Some(1) && text.starts_with("Error: Cannot use the Proxmox VE API"), "{text}");
    assert!(!text.contains(cluster.variable("PROXMOX_VE_API_TOKEN").split('=').nth(1).unwrap()), "{text}");

    cluster.emulator().cluster().world().write_file("/etc/pve/datacenter.cfg", "");
    let (code, text) = run(&cluster.environment);
    assert!(code == Some(0) && text.starts_with("There is nothing to import"), "{text}");

    let help = import_config(&["import-config", "--help"], &[]);
    assert!(
        help.code == Some(0) && help.text.contains("\nUsage: terraform-provider-pve import-config "),
        "{}",
        help.text
    );
    let wrong = import_config(&["import-config", "--force"], &[]);
    assert!(wrong.code == Some(2) && wrong.text.contains("unexpected argument '--force'"), "{}", wrong.text);
}
