//! A cluster with which nothing is wrong, for tests to spoil.

use std::collections::{BTreeMap, BTreeSet};

use pve_schemas::data::HaStatus;
use pve_schemas::data::failover_simulation::FailoverSimulationArguments;
use pve_schemas::data::planned::Safeguards;
use pve_schemas::data::readiness::{Expectation, ReadinessArguments};
use serde_json::{Value as Json, json};

use super::corosync::Corosync;
use super::verdict::Verdict;
use super::{Alerts, Backups, Demands, Facts, NodeShell, Shell, Task};
use crate::simulation::live::SimulatedCluster;
use crate::simulation::testing::{Cluster, simulate};

pub(super) const NOW: i64 = 1_800_000_000;
const NODES: [&str; 3] = ["pve1", "pve2", "pve3"];

pub(super) struct Good;

impl Good {
    pub(super) fn facts() -> Facts {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1).service(101, 2).service(102, 1);
        cluster.guest(100).tags = vec!["ha".into()];
        let rule = json!({"rule": "rr", "type": "node-affinity", "resources": "vm:100", "nodes": "pve1:2,pve2:1"});
        cluster.rules.push(rule);
        // Three nodes need no QDevice; one is there so that its check has something to say.
        cluster.lms();
        let live = cluster.live();
        let ok = |kind: &str| Task { kind: kind.into(), id: String::new(), status: Some("OK".into()), began: NOW };
        let of_all = |tasks: Vec<Task>| NODES.map(|node| (node.to_owned(), Some(tasks.clone()))).into();
        Facts {
            now: NOW,
            scenarios: simulate(&live, &FailoverSimulationArguments::default()).unwrap().scenarios,
            status: status_of(&live),
            corosync: corosync(),
            versions: NODES.map(|node| (node.to_owned(), Some("9.2.11".to_owned()))).into(),
            silent: Default::default(),
            complaints: Vec::new(),
            options: json!({"migration": {"type": "secure", "network": "10.1.0.0/24"}}),
            planned: live.config.clone(),
            backups: backups(&[json!({"all": 1, "enabled": 1})]),
            backup_runs: of_all(vec![ok("vzdump")]),
            recent: of_all(vec![ok("vzdump")]),
            alerts: alerts(
                &[json!({"name": "mail-to-root", "type": "sendmail"})],
                &[json!({"name": "default-matcher", "target": ["mail-to-root"]})],
            ),
            shell: shell(),
            live,
        }
    }

    /// The same facts of another cluster.
    pub(super) fn with(live: SimulatedCluster) -> Facts {
        Facts { planned: live.config.clone(), live, ..Self::facts() }
    }

    pub(super) fn demands() -> Demands {
        let day = jiff::Timestamp::from_second(NOW - 86_400).unwrap().to_string()[..10].to_owned();
        Demands::new(ReadinessArguments {
            expect: Some(Expectation { nodes: Some(3), ..Expectation::default() }),
            ha_tags: Some(["ha".to_owned()].into()),
            last_restore_test: Some(day.clone()),
            last_failover_drill: Some(day),
            ..ReadinessArguments::default()
        })
    }
}

fn corosync() -> Corosync {
    let rows = NODES.iter().enumerate().map(|(at, node)| {
        json!({"node": node, "nodeid": (at + 1).to_string(), "ring0_addr": "10.0.0.1", "ring1_addr": "10.1.0.1"})
    });
    Corosync::from_answers(&Json::Array(rows.collect()), json!({"config_version": "3"}))
}

/// What a check says of the good cluster once it is spoilt.
pub(super) fn status(check: fn(&Facts, &Demands) -> Verdict, spoil: impl FnOnce(&mut Facts)) -> &'static str {
    let mut facts = Good::facts();
    spoil(&mut facts);
    check(&facts, &Good::demands()).status.as_str()
}

pub(super) fn shell_of<'a>(facts: &'a mut Facts, node: &str) -> &'a mut NodeShell {
    let Shell::Asked { nodes, .. } = &mut facts.shell else { panic!("asked") };
    nodes.get_mut(node).unwrap()
}

/// Live backup jobs.
pub(super) fn backups(jobs: &[Json]) -> Backups {
    Backups::new(Some(jobs), &Safeguards::default(), &BTreeSet::new())
}

/// Live notification settings.
pub(super) fn alerts(targets: &[Json], matchers: &[Json]) -> Alerts {
    Alerts::new(Some(targets), Some(matchers), &Safeguards::default(), &BTreeSet::new())
}

fn shell() -> Shell {
    let node = |name: &str| {
        let others = NODES.into_iter().filter(|other| *other != name);
        NodeShell {
            links: Some(Ok(
                "LINK ID 0 udp\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tconnected\n\
                 LINK ID 1 udp\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tconnected\n"
                    .into(),
            )),
            counters: Some(Ok("stats.knet.node2.link0.down_count (u32) = 1\n".into())),
            modules: Some(Ok("softdog 16384 2 - Live 0x0\n".into())),
            defaults: Some(Ok(String::new())),
            device: Some(Ok(true)),
            address: Some(Ok(Some("10.1.0.1".into()))),
            pings: others.map(|other| (other.to_owned(), Ok(true))).collect(),
        }
    };
    let fences = BTreeMap::from([(("ipmi".to_owned(), "pve1".to_owned()), Ok(()))]);
    Shell::Asked { nodes: NODES.map(|name| (name.to_owned(), node(name))).into(), fences: Ok(fences) }
}

fn status_of(live: &SimulatedCluster) -> HaStatus {
    let mut rows = vec![
        json!({"type": "quorum", "id": "quorum", "node": "pve1", "quorate": 1, "status": "OK"}),
        json!({"type": "master", "node": "pve1", "timestamp": NOW, "status": "pve1 (active, x)"}),
    ];
    rows.extend(NODES.map(
        |n| json!({"type": "lrm", "node": n, "timestamp": NOW, "status": format!("{n} (active, watchdog active, x)")}),
    ));
    rows.extend(live.guests.values().map(|guest| {
        json!({"type": "service", "sid": guest.sid, "node": guest.node, "state": "started", "request_state": "started"})
    }));
    HaStatus::from_answers(&Json::Array(rows), &json!({"manager_status": live.manager})).unwrap()
}
