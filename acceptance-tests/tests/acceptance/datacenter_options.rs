//! `pve_datacenter_options`

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use acceptance_tests::life::{Life, Object};
use acceptance_tests::{Cluster, Workspace};
use pve_emulator::{Options, Release};
use serde_json::Value as Json;

const KIND: &str = "pve_datacenter_options";
const PATH: &str = "/cluster/options";

#[test]
fn a_life_on_pve_9() {
    life_on("datacenter_options::a_life_on_pve_9", Release::V9);
}

#[test]
fn a_life_on_pve_8() {
    life_on("datacenter_options::a_life_on_pve_8", Release::V8);
}

/// Each option is managed by a resource of its own.
fn life_on(test: &str, release: Release) {
    let Some(cluster) = Cluster::of(test, release).map(Arc::new) else { return };
    let _kept = Kept::new(&cluster);
    // Destroy returns each option to its default, and that is where this begins.
    cluster.api.put(PATH, &[("delete", "keyboard")]);
    let option = |name: &'static str, value: &str, changed: &str, drift: (&'static str, &str)| {
        let option = name.split("__").next().unwrap_or(name);
        let value = Object::new(name, &format!("datacenter/{option}"), &[(option, value)]);
        value.becomes(changed).drifts(&[drift])
    };
    let mut objects = vec![
        option(
            "ha",
            "block { shutdown_policy = \"migrate\" }",
            "block { shutdown_policy = \"freeze\" }",
            ("ha", "shutdown_policy=failover"),
        ),
        option(
            "crs",
            "block { ha = \"static\" }",
            "block {\n    ha = \"static\"\n    ha_rebalance_on_start = true\n  }",
            ("crs", "ha=basic,ha-rebalance-on-start=1"),
        ),
        option(
            "migration",
            "block { type = \"secure\" }",
            "block {\n    type = \"insecure\"\n    network = \"10.1.0.0/24\"\n  }",
            ("migration", "type=insecure,network=10.2.0.0/24"),
        ),
        option(
            "bwlimit",
            "block { migration = 1024 }",
            "block {\n    default = 500\n    clone = 0.5\n    move = 7\n    restore = 3\n  }",
            ("bwlimit", "default=500,clone=0.5,move=8,restore=3"),
        ),
        option(
            "next_id",
            "block { lower = 200 }",
            "block {\n    lower = 300\n    upper = 400\n  }",
            ("next-id", "lower=300,upper=500"),
        ),
        option(
            "notify",
            "block { package_updates = \"never\" }",
            "block {\n    package_updates = \"always\"\n    fencing = \"never\"\n    replication = \"always\"\n    target_fencing = \"aa\"\n    target_replication = \"bb\"\n    target_package_updates = \"cc\"\n  }",
            ("notify", "package-updates=auto"),
        ),
        option(
            "tag_style",
            "block { shape = \"full\" }",
            "block {\n    shape = \"dense\"\n    ordering = \"config\"\n    case_sensitive = true\n    color_map = { web = \"00ff00\", db = \"0000ff:ffffff\" }\n  }",
            ("tag-style", "shape=dense,ordering=config,case-sensitive=1,color-map=web:00ff01;db:0000ff:ffffff"),
        ),
        option(
            "user_tag_access",
            "block { user_allow = \"list\" }",
            "block {\n    user_allow = \"existing\"\n    user_allow_list = [\"b\", \"a\"]\n  }",
            ("user-tag-access", "user-allow=existing,user-allow-list=a;b;c"),
        ),
        option(
            "webauthn",
            "block { rp = \"example.com\" }",
            "block {\n    rp = \"example.com\"\n    origin = \"https://example.com:8006\"\n    id = \"example.com\"\n    allow_subdomains = false\n  }",
            ("webauthn", "rp=example.org"),
        ),
        option(
            "u2f",
            "block { appid = \"https://a.example.com\" }",
            "block {\n    appid = \"https://b.example.com\"\n    origin = \"https://c.example.com\"\n  }",
            ("u2f", "appid=https://b.example.com"),
        ),
        option("fencing", "\"watchdog\"", "\"both\"", ("fencing", "hardware")),
        option("max_workers", "3", "5", ("max_workers", "6")),
        option("console", "\"html5\"", "\"xtermjs\"", ("console", "vv")),
        option("consent_text", "\"YQ==\"", "\"Yg==\"", ("consent-text", "Yw==")),
        option("description", "\"one\"", "\"one: 100%\\ntwo\"", ("description", "three")),
        option("email_from", "\"a@example.com\"", "\"b@example.com\"", ("email_from", "c@example.com")),
        option(
            "http_proxy",
            "\"http://a.example.com:3128\"",
            "\"http://b.example.com\"",
            ("http_proxy", "http://c.example.com"),
        ),
        option("keyboard", "\"de\"", "\"en-gb\"", ("keyboard", "fr")),
        option("language", "\"de\"", "\"pt_BR\"", ("language", "fr")),
        option("mac_prefix", "\"BC:24:12\"", "\"02:00\"", ("mac_prefix", "02:01")),
        option("registered_tags", "[\"a\"]", "[\"b\", \"a\"]", ("registered-tags", "a;b;c")),
    ];
    if release == Release::V9 {
        objects.extend([
            option(
                "replication",
                "block { type = \"secure\" }",
                "block {\n    type = \"insecure\"\n    network = \"10.1.0.0/24\"\n  }",
                ("replication", "type=secure"),
            ),
            option(
                "location",
                "block {\n    latitude = 48.2\n    longitude = 16.25\n  }",
                "block {\n    latitude = -1.5\n    longitude = 16\n    name = \"Wien\"\n  }",
                ("location", "latitude=-1.5,longitude=16,name=Graz"),
            ),
        ]);
    }
    let life = Life { kind: KIND, collection: PATH, objects, is_singleton: true, ..Life::default() };
    life.live(&cluster);
}

#[test]
fn what_is_not_managed_is_not_touched() {
    let name = "datacenter_options::what_is_not_managed_is_not_touched";
    let Some(cluster) = Cluster::of(name, Release::V9).map(Arc::new) else { return };
    let _kept = Kept::new(&cluster);
    cluster
        .api
        .put(PATH, &[("console", "vv"), ("crs", "ha=static"), ("keyboard", "de"), ("delete", "ha,language,migration")]);
    let before = cluster.api.read(PATH);
    let w = Workspace::new(&cluster);
    let with = |text: &str| format!("resource \"{KIND}\" \"a\" {{\n{text}}}\n");
    w.configure(&with("  language = \"fr\"\n  ha {\n    shutdown_policy = \"migrate\"\n  }\n"));
    w.apply();
    let others = |mut options: Json| {
        for name in ["ha", "language"] {
            options.as_object_mut().unwrap().remove(name);
        }
        options
    };
    assert_eq!(others(cluster.api.read(PATH)), before);
    // What others do to options that aren't managed is no drift.
    cluster.api.put(PATH, &[("console", "html5")]);
    w.plan_is_empty();
    // An option that is removed from the configuration returns to Proxmox's default, and the plan shows it.
    w.configure(&with("  ha {\n    shutdown_policy = \"freeze\"\n  }\n"));
    let plan = w.plan();
    let address = format!("{KIND}.a");
    assert_eq!(plan.changed(&address), ["ha", "language"].map(str::to_owned).into());
    w.apply_plan();
    w.plan_is_empty();
    let now = cluster.api.read(PATH);
    assert_eq!(
        (&now["language"], &now["ha"]["shutdown_policy"], &now["console"]),
        (&Json::Null, &"freeze".into(), &"html5".into())
    );
    w.destroy();
    cluster.api.put(PATH, &[("console", "vv")]);
    assert_eq!(cluster.api.read(PATH), before);
}

#[test]
fn a_number_may_have_more_digits_than_proxmox_keeps() {
    let name = "datacenter_options::a_number_may_have_more_digits_than_proxmox_keeps";
    let Some(cluster) = Cluster::of(name, Release::V9).map(Arc::new) else { return };
    let _kept = Kept::new(&cluster);
    cluster.api.put(PATH, &[("delete", "bwlimit")]);
    let w = Workspace::new(&cluster);
    let limit = |clone: &str| {
        format!(
            "resource \"{KIND}\" \"a\" {{\n  bwlimit {{\n    clone   = {clone}\n    default = 9007199254740993\n  }}\n}}\n"
        )
    };
    w.configure(&limit("100 / 3"));
    w.apply();
    w.plan_is_empty();
    w.configure(&limit("200 / 3"));
    w.apply();
    w.plan_is_empty();
    assert!(cluster.api.read(PATH)["bwlimit"].as_str().unwrap().contains("clone=66.66666666666667"));
    w.destroy();
}

#[test]
fn an_import_takes_all_options_or_those_it_names() {
    let name = "datacenter_options::an_import_takes_all_options_or_those_it_names";
    let Some(cluster) = Cluster::of(name, Release::V9).map(Arc::new) else { return };
    let _kept = Kept::new(&cluster);
    cluster.api.put(
        PATH,
        &[
            ("console", "vv"),
            ("ha", "shutdown_policy=migrate"),
            ("migration", "insecure,network=10.0.0.0/24"),
            ("keyboard", "de"),
            ("bwlimit", "clone=10"),
        ],
    );
    for (id, some, other) in
        [("datacenter", "console", "language"), ("datacenter/ha,migration", "migration", "console")]
    {
        let w = Workspace::new(&cluster);
        w.configure(&format!("import {{\n  to = {KIND}.a\n  id = {id:?}\n}}\n"));
        let plan = w.plan_with(&["-generate-config-out=generated.tf"]);
        assert!(plan.changes().is_empty(), "{id}: {:?}", plan.changes());
        let after = plan.after(&format!("{KIND}.a"));
        assert!(!after[some].is_null() && after[other].is_null(), "{id}: {after}");
        assert_eq!(after["ha"]["shutdown_policy"], "migrate");
    }
    let w = Workspace::new(&cluster);
    w.configure(&format!(
        "import {{\n  to = {KIND}.a\n  id = \"datacenter/nonsense\"\n}}\nresource \"{KIND}\" \"a\" {{}}\n"
    ));
    assert!(w.plan_fails().only_error().flat().contains("\"nonsense\" is not an option"));
}

#[test]
fn what_only_pve_9_has_is_refused_at_plan() {
    let name = "datacenter_options::what_only_pve_9_has_is_refused_at_plan";
    let Some(cluster) = Cluster::of(name, Release::V8).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let text = "  location {\n    latitude = 1\n    longitude = 2\n  }\n  replication {\n    type = \"secure\"\n  }\n  crs {\n    ha = \"dynamic\"\n  }\n";
    w.configure(&format!("resource \"{KIND}\" \"a\" {{\n{text}}}\n"));
    let run = w.plan_fails();
    assert_eq!(run.errors().len(), 3, "{}", run.text);
    assert!(run.errors().iter().all(|error| error.summary.starts_with("Option needs PVE 9.")), "{}", run.text);
}

#[test]
fn a_deprecated_option_that_returns_is_reported() {
    let name = "datacenter_options::a_deprecated_option_that_returns_is_reported";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let w = Workspace::new(&cluster);
    let both = "  console = \"vv\"\n  migration {\n    type = \"secure\"\n  }\n";
    let configure = |body: &str| w.configure(&format!("resource \"{KIND}\" \"a\" {{\n{body}}}\n"));
    configure(both);
    w.apply();
    let reported = |run: &acceptance_tests::output::Run| {
        run.warnings()
            .iter()
            .filter(|warning| warning.summary == "Migrations remain unencrypted: option migration")
            .count()
    };
    // What there is no deprecated option behind, and what one doesn't matter to.
    assert_eq!(reported(&w.expect(0, &["plan", "-destroy", "-json"])), 0);
    let file = "/etc/pve/datacenter.cfg";
    let text = format!("{}migration_unsecure: 1\n", cluster.shared_file(file).unwrap());
    cluster.write_shared_file(file, &text);
    assert_eq!(reported(&w.expect(0, &["plan", "-json"])), 0);
    // Given up by a destroy, and by an update.
    let run = w.expect(0, &["plan", "-destroy", "-json"]);
    assert_eq!(reported(&run), 1, "{}", run.text);
    configure("  console = \"vv\"\n");
    let run = w.expect(0, &["plan", "-json"]);
    assert_eq!(reported(&run), 1, "{}", run.text);
    w.apply();
    assert!(run.text.contains("pvesh set /cluster/options --delete migration_unsecure"), "{}", run.text);
    // As it says.
    assert_eq!(cluster.api.read(PATH)["migration"]["type"], "insecure");
    w.plan_is_empty();
    w.destroy();
    // Its way out.
    configure(both);
    w.apply();
    cluster.write_shared_file(file, &text);
    cluster.api.put(PATH, &[("delete", "migration_unsecure")]);
    let run = w.destroy();
    assert_eq!(reported(&run), 0, "{}", run.text);
    assert!(cluster.api.read(PATH)["migration"].is_null());
}

/// The options of the cluster, put back when the test is over. One test at a time changes them.
struct Kept {
    cluster: Arc<Cluster>,
    before: Json,
    _turn: Option<MutexGuard<'static, ()>>,
}

static TURN: Mutex<()> = Mutex::new(());

impl Kept {
    fn new(cluster: &Arc<Cluster>) -> Self {
        let turn = (!cluster.is_own()).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner));
        Self { cluster: cluster.clone(), before: cluster.api.read(PATH), _turn: turn }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if self.cluster.is_own() {
            return;
        }
        let now = self.cluster.api.read(PATH);
        let computed = |name: &str| name == "allowed-tags" || name == "digest";
        let (before, now) = (self.before.as_object().unwrap(), now.as_object().unwrap());
        let mut parameters: Vec<(&str, String)> = Vec::new();
        for (name, value) in before.iter().filter(|(name, value)| !computed(name) && now.get(*name) != Some(value)) {
            parameters.push((name, written(value)));
        }
        let gone: Vec<&str> =
            now.keys().filter(|name| !computed(name) && !before.contains_key(*name)).map(String::as_str).collect();
        if !gone.is_empty() {
            parameters.push(("delete", gone.join(",")));
        }
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        if !parameters.is_empty() {
            self.cluster.api.put(PATH, &parameters);
        }
    }
}

/// An option as PUT takes it.
fn written(value: &Json) -> String {
    match value {
        Json::String(text) => text.strip_suffix('\n').unwrap_or(text).to_owned(),
        Json::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(";"),
        Json::Object(members) => {
            members.iter().map(|(name, value)| format!("{name}={}", written(value))).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}
