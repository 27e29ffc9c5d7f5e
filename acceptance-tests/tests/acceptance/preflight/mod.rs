//! Plan-time checks: each once where it has something to say and once where it has not.

mod cost;
mod guests;
mod messages;
mod placement;
mod rules;
mod safeguards;
mod scope;

use acceptance_tests::core::Core;
use acceptance_tests::{Cluster, runtime};
use pve_emulator::{Options, Release, Seed};
use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::{Diagnostic, Severity, Value};
use terraform_provider_pve::preflight::CHECKS;

pub const RESOURCE: &str = "pve_ha_resource";
pub const NODE_RULE: &str = "pve_ha_node_affinity_rule";
pub const RESOURCE_RULE: &str = "pve_ha_resource_affinity_rule";
pub const GROUP: &str = "pve_ha_group";
pub const JOB: &str = "pve_replication_job";
pub const OPTIONS: &str = "pve_datacenter_options";

/// A configured provider beside an emulated cluster, and what was planned with it.
pub struct Bench {
    pub cluster: Cluster,
    core: Core,
}

/// What a plan of one object said.
pub struct Said(Vec<Diagnostic>);

impl Bench {
    /// On a cluster of our own; none where another one is under test.
    pub fn new(test: &str, release: Release) -> Option<Self> {
        Self::on(test, Options { release, ..Options::default() }, &[])
    }

    /// As [`Bench::new`], with further arguments of the provider block.
    pub fn on(test: &str, options: Options, arguments: &[(&str, Json)]) -> Option<Self> {
        let cluster = Cluster::own(test, options)?;
        let core = runtime::block_on(Core::with(&cluster, arguments));
        Some(Self { cluster, core })
    }

    /// The next run of the CLI: nothing is planned yet.
    pub fn anew(self) -> Self {
        let core = runtime::block_on(Core::with(&self.cluster, &[]));
        Self { core, ..self }
    }

    /// Plans a new object.
    pub fn create(&self, kind: &'static str, config: Json) -> Said {
        self.plan(kind, Value::Null, &config, &[])
    }

    /// Plans two new objects at a time, as core does.
    pub fn create_both(&self, one: (&'static str, Json), other: (&'static str, Json)) -> [Said; 2] {
        let plan = async |(kind, config): (&'static str, Json)| {
            let config = self.core.value(kind, &config);
            Said(self.core.plan_of(kind, &Value::Null, &config).await.diagnostics.into_iter().collect())
        };
        let (one, other) = runtime::block_on(async { futures_util::join!(plan(one), plan(other)) });
        [one, other]
    }

    /// Plans a new object of which some attributes are not known yet.
    pub fn create_partly(&self, kind: &'static str, config: Json, unknown: &[&str]) -> Said {
        self.plan(kind, Value::Null, &config, unknown)
    }

    /// Plans a change.
    pub fn change(&self, kind: &'static str, prior: Json, config: Json) -> Said {
        let prior = self.state(kind, &prior);
        self.plan(kind, prior, &config, &[])
    }

    /// Refreshes and plans an object that is as it should be.
    pub fn keep(&self, kind: &'static str, object: Json) -> Said {
        let prior = self.state(kind, &object);
        runtime::block_on(self.core.provider().resource(kind).unwrap().refresh(prior.clone()));
        self.plan(kind, prior, &object, &[])
    }

    /// Plans to destroy an object.
    pub fn destroy(&self, kind: &'static str, prior: Json) -> Said {
        let prior = self.state(kind, &prior);
        Said(runtime::block_on(self.core.plan_of(kind, &prior, &Value::Null)).diagnostics.into_iter().collect())
    }

    /// Adds an HA resource outside of Terraform.
    pub fn manage(&self, sid: &str) {
        self.cluster.api.post("/cluster/ha/resources", &[("sid", sid)]);
    }

    /// Adds a rule outside of Terraform.
    pub fn rule(&self, name: &str, kind: &str, resources: &str, more: (&str, &str)) {
        let parameters = [("rule", name), ("type", kind), ("resources", resources), more];
        self.cluster.api.post("/cluster/ha/rules", &parameters);
    }

    fn plan(&self, kind: &'static str, prior: Value, config: &Json, unknown: &[&str]) -> Said {
        let mut config = self.core.value(kind, config);
        for name in unknown {
            config.insert(*name, Value::Unknown);
        }
        Said(runtime::block_on(self.core.plan_of(kind, &prior, &config)).diagnostics.into_iter().collect())
    }

    /// The state that a plan of `object` leads to, so that another plan of it finds nothing to do.
    fn state(&self, kind: &'static str, object: &Json) -> Value {
        let config = self.core.value(kind, object);
        let fresh = runtime::block_on(Core::with(&self.cluster, &[]));
        let planned = runtime::block_on(fresh.plan_of(kind, &Value::Null, &config)).state;
        let Value::Map(members) = planned else { panic!("an object") };
        Value::object(members.into_iter().map(|(name, value)| {
            let value = if value.is_unknown() { Value::Null } else { value };
            (name, value)
        }))
    }
}

impl Said {
    /// What the check `name` says.
    #[track_caller]
    pub fn of(&self, name: &str) -> Option<&Diagnostic> {
        let check = CHECKS.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no check {name}"));
        // `Unknown node pve7 in rule web` names the node as well.
        let is_it = |rest: &str| rest.is_empty() || rest.starts_with([':', ' ']);
        // A check may have a head line of its own, but a warning says how it is silenced.
        let silenced = format!("ignore_preflight = [{name:?}]");
        let found = |reported: &&Diagnostic| {
            reported.summary.strip_prefix(check.summary).is_some_and(is_it) || reported.detail.contains(&silenced)
        };
        self.0.iter().find(found)
    }

    #[track_caller]
    fn reported(&self, name: &str, severity: Severity, path: &str) -> &str {
        let found = self.of(name).unwrap_or_else(|| panic!("{name} says nothing: {:?}", self.0));
        assert_eq!(found.severity, severity, "{found:?}");
        assert_eq!(found.path.as_ref().map(ToString::to_string).unwrap_or_default(), path, "{found:?}");
        &found.detail
    }

    /// The check `name` warns of the attribute at `path`, with these words.
    #[track_caller]
    pub fn warns(&self, name: &str, path: &str, words: &[&str]) {
        let detail = self.reported(name, Severity::Warning, path);
        assert!(detail.contains(&format!("ignore_preflight = [{name:?}]")), "{detail}");
        for word in words {
            assert!(detail.contains(word), "{word} is missing in {detail}");
        }
    }

    /// The check `name` refuses the attribute at `path`, with these words.
    #[track_caller]
    pub fn errs(&self, name: &str, path: &str, words: &[&str]) {
        let detail = self.reported(name, Severity::Error, path);
        for word in words {
            assert!(detail.contains(word), "{word} is missing in {detail}");
        }
    }

    /// The check `name` says nothing.
    #[track_caller]
    pub fn not(&self, name: &str) -> &Self {
        assert!(self.of(name).is_none(), "{:?}", self.0);
        self
    }

    /// No check says anything.
    #[track_caller]
    pub fn nothing(&self) {
        assert!(self.0.is_empty(), "{:?}", self.0);
    }
}

pub fn node_rule(name: &str, sids: &[&str], nodes: Json) -> Json {
    json!({"name": name, "resources": sids, "nodes": nodes})
}

pub fn resource_rule(name: &str, sids: &[&str], affinity: &str) -> Json {
    json!({"name": name, "resources": sids, "affinity": affinity})
}

/// `base` with some members set otherwise.
pub fn with(mut base: Json, more: Json) -> Json {
    for (name, value) in more.as_object().into_iter().flatten() {
        base[name] = value.clone();
    }
    base
}

/// A cluster of two nodes with a virtual machine and a container on each, and a user with a token who has the given roles.
pub fn two_nodes(roles: &[(&str, &str)]) -> Seed {
    let acl: Vec<Json> =
        roles.iter().map(|(path, role)| json!({"path": path, "ugid": "a@pve", "roleid": role})).collect();
    let node = |i: u32| json!({"node": format!("pve{i}"), "nodeid": i, "ring0_addr": format!("10.0.0.{i}")});
    let guest = |vmid: u32, kind: &str, node: &str| json!({"vmid": vmid, "type": kind, "node": node, "name": format!("tfacc-{vmid}"), "cores": 1, "memory": 512});
    let seed = json!({
        "nodes": [node(1), node(2)],
        "guests": [guest(100, "qemu", "pve1"), guest(101, "qemu", "pve2"), guest(200, "lxc", "pve1")],
        "users": [
            {"userid": "root@pam", "password": "p", "tokens": [{"tokenid": "terraform", "privsep": 0, "secret": "s"}]},
            {"userid": "a@pve", "tokens": [{"tokenid": "t", "privsep": 0, "secret": "s"}]}
        ],
        "acl": acl,
    });
    Seed::parse(&seed.to_string()).unwrap()
}
