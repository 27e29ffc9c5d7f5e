//! The cluster of an example, and how it goes on.

use pve_ha_manager::config::{
    Affinity, Config, Engine, Name, NodeAffinity, Policy, Requested, Resource, Rule, RuleKind, ShutdownPolicy,
};
use pve_ha_manager::testbed::{Setup, StartFailure, Testbed};

pub const SETTLE: i64 = 600;

pub struct Example {
    pub setup: Setup,
    pub config: Config,
}

impl Example {
    pub fn nodes(count: usize) -> Self {
        let setup = Setup { nodes: (1..=count).map(node).collect(), round: 20, ..Setup::default() };
        Self { setup, config: Config::default() }
    }

    /// Services as `vm:101@1`, requested started.
    pub fn on(mut self, services: &str) -> Self {
        for word in services.split_whitespace() {
            let (sid, at) = word.split_once('@').unwrap();
            self.setup.guests.insert(sid.into(), node(at.parse().unwrap()));
            let resource = Resource::default();
            self.config.resources.insert(sid.into(), resource);
        }
        self
    }

    pub fn with(mut self, sid: &str, change: impl FnOnce(&mut Resource)) -> Self {
        change(self.config.resources.get_mut(sid).unwrap());
        self
    }

    /// Decided by the newer manager.
    pub fn newer(mut self) -> Self {
        self.config.engine = Engine::V5_2_5;
        self
    }

    /// A node affinity rule, nodes as `2:1,3`.
    pub fn prefer(self, sids: &str, nodes: &str, strict: bool) -> Self {
        self.bind(sids, Affinity::Positive, nodes, strict)
    }

    /// A negative one, nodes as `2,3`.
    pub fn avoid(self, sids: &str, nodes: &str, strict: bool) -> Self {
        self.bind(sids, Affinity::Negative, nodes, strict)
    }

    pub fn bind(self, sids: &str, affinity: Affinity, nodes: &str, strict: bool) -> Self {
        let nodes = nodes
            .split(',')
            .map(|word| {
                let (number, priority) = word.split_once(':').unwrap_or((word, "0"));
                (node(number.parse().unwrap()), priority.parse().unwrap())
            })
            .collect();
        self.rule(sids, RuleKind::NodeAffinity(NodeAffinity { affinity, nodes, strict }))
    }

    pub fn together(self, sids: &str) -> Self {
        self.rule(sids, RuleKind::ResourceAffinity(Affinity::Positive))
    }

    pub fn separate(self, sids: &str) -> Self {
        self.rule(sids, RuleKind::ResourceAffinity(Affinity::Negative))
    }

    pub fn rule(mut self, sids: &str, kind: RuleKind) -> Self {
        let Policy::Rules(rules) = &mut self.config.policy else { unreachable!() };
        let id = format!("rule{}", rules.len()).into();
        rules.push(Rule { id, resources: sids.split_whitespace().map(Name::from).collect(), disabled: false, kind });
        self
    }

    pub fn shutdown_policy(mut self, policy: ShutdownPolicy) -> Self {
        self.config.shutdown_policy = policy;
        self
    }

    pub fn fails(mut self, sid: &str, number: usize, failure: StartFailure) -> Self {
        self.setup.start_failures.insert((sid.into(), node(number)), failure);
        self
    }

    pub fn run(self) -> Running {
        let nodes = self.setup.nodes.clone();
        let mut testbed = Testbed::new(self.setup, self.config);
        nodes.iter().for_each(|name| testbed.power_on(name));
        testbed.advance(SETTLE);
        Running(testbed)
    }
}

pub struct Running(pub Testbed);

impl Running {
    pub fn fail(mut self, number: usize) -> Self {
        self.0.cut_network(&node(number));
        self.converge()
    }

    pub fn back(mut self, number: usize) -> Self {
        self.0.power_on(&node(number));
        self.converge()
    }

    pub fn shut_down(mut self, number: usize, reboot: bool) -> Self {
        self.0.shut_down(&node(number), reboot);
        self.converge()
    }

    pub fn command(mut self, line: &str) -> Self {
        self.0.command(line.parse().unwrap());
        self.converge()
    }

    pub fn request(mut self, sid: &str, state: Requested) -> Self {
        let resource = Resource { state, ..self.0.config().resources[sid].clone() };
        self.0.set_resource(sid, resource);
        self.converge()
    }

    pub fn converge(mut self) -> Self {
        self.0.advance(SETTLE);
        self
    }

    /// Places as `vm:101@1`, or `vm:101@1:error` when not started.
    pub fn expect(self, places: &str) -> Self {
        for word in places.split_whitespace() {
            let (sid, at) = word.split_once('@').unwrap();
            let (number, state) = at.split_once(':').unwrap_or((at, "started"));
            let found = &self.0.status().services[sid];
            let expected = format!("{state} on node{number}");
            let log = self.0.log().join("\n");
            assert_eq!(format!("{} on {}", found.state.as_str(), found.node), expected, "{sid}\n{log}");
        }
        self
    }

    pub fn logged(&self, text: &str) -> usize {
        self.0.log().iter().filter(|line| line.contains(text)).count()
    }
}

pub fn node(number: usize) -> Name {
    format!("node{number}").into()
}
