//! What an operator has to have done: backups, a restore, and a look at what was started again and again.

use std::collections::BTreeMap;

use pve_schemas::backup as backups;

use crate::simulation::live::Guest;

use super::verdict::{Verdict, fail, named, pass, skipped, unknown};
use super::{Demands, Facts, Task};
use crate::words::counted;

/// Starts within an hour beyond which a guest is in a loop.
const MAX_STARTS: usize = 3;
const DAY: i64 = 86_400;

pub(super) fn backup(facts: &Facts, _: &Demands) -> Verdict {
    let guests: Vec<&Guest> = facts.ha_guests().collect();
    if guests.is_empty() {
        return facts.unseen().unwrap_or_else(|| skipped("there are no HA guests yet"));
    }
    let of = |covered: Option<bool>| {
        let some = guests.iter().filter(|guest| facts.backups.cover(&backed_up(guest)) == covered);
        some.map(|guest| guest.sid.as_str()).collect::<Vec<_>>()
    };
    let (left, unclear) = (of(Some(false)), of(None));
    if !left.is_empty() {
        return fail(
            format!("in no backup job that is switched on: {}", named(left)),
            "Add them to a `pve_backup_job`, and pass planned ones as `backup_jobs`.",
        );
    }
    if !unclear.is_empty() {
        return unknown("the backup jobs can't be read", "Give the user Sys.Audit on /.");
    }
    // Whether a run has to have ended on the node: a planned job has made none yet.
    let mut nodes: BTreeMap<&str, bool> = BTreeMap::new();
    for guest in &guests {
        *nodes.entry(&guest.node).or_default() |= !facts.backups.plan_to_cover(&backed_up(guest));
    }
    let (mut bad, mut dark, mut to_come) = (Vec::new(), Vec::new(), Vec::new());
    for (node, has_to_have_run) in nodes {
        let Some(Some(runs)) = facts.backup_runs.get(node) else {
            dark.push(node);
            continue;
        };
        match runs.iter().find_map(|run| run.status.as_deref()) {
            Some("OK") => {}
            Some(status) => bad.push(format!("the last run on {node} ended with: {status}")),
            None if has_to_have_run => bad.push(format!("no run has ended on {node} yet")),
            None => to_come.push(node),
        }
    }
    if !bad.is_empty() {
        return fail(named(bad), "Run the job now under Datacenter → Backup, and see its log.");
    }
    if !dark.is_empty() {
        let told = named(dark.iter().map(|node| facts.untold(node, "runs")));
        return unknown(told, facts.remedy(dark, "Sys.Audit"));
    }
    facts.unseen().unwrap_or_else(|| {
        let are =
            if guests.len() == 1 { "one HA guest is".to_owned() } else { format!("{} HA guests are", guests.len()) };
        if to_come.is_empty() {
            return pass(format!("{are} in backup jobs, and the last run on each node concerned ended OK"));
        }
        pass(format!("{are} in backup jobs; no run of a planned job has ended yet on {}", to_come.join(", ")))
    })
}

/// The guest as backup jobs see it.
fn backed_up(guest: &Guest) -> backups::Guest<'_> {
    backups::Guest { vmid: guest.vmid, node: &guest.node, pool: guest.pool.as_deref() }
}

pub(super) fn restore_test(facts: &Facts, demands: &Demands) -> Verdict {
    let arguments = &demands.arguments;
    let test = Test {
        argument: "last_restore_test",
        day: arguments.last_restore_test.as_deref(),
        most: arguments.max_restore_test_age_days,
        what: "restore tests",
        remedy: "Restore a backup of an HA guest",
    };
    test.verdict(facts)
}

pub(super) fn failover_drill(facts: &Facts, demands: &Demands) -> Verdict {
    let arguments = &demands.arguments;
    let test = Test {
        argument: "last_failover_drill",
        day: arguments.last_failover_drill.as_deref(),
        most: arguments.max_failover_drill_age_days,
        what: "failover drills",
        remedy: "Take a node down on purpose and watch its HA resources recover",
    };
    test.verdict(facts)
}

/// What people test from time to time, and Proxmox does not record.
struct Test<'a> {
    /// Where the day is set.
    argument: &'static str,
    day: Option<&'a str>,
    /// How many days it counts.
    most: Option<i64>,
    what: &'static str,
    remedy: &'static str,
}

impl Test<'_> {
    fn verdict(&self, facts: &Facts) -> Verdict {
        let Self { argument, what, .. } = self;
        let most = self.most.unwrap_or(90);
        let age = counted(most, "day");
        let remedy = format!("{}, and set `{argument}` to that day; every {age}.", self.remedy);
        let Some(day) = self.day else {
            return unknown(format!("`{argument}` is not set, and Proxmox does not record {what}"), remedy);
        };
        let midnight = |day: jiff::civil::Date| day.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let Some(time) = day.parse().ok().and_then(midnight) else {
            return unknown(format!("`{argument}` = {day:?} is not a date"), remedy);
        };
        let seconds = facts.now - time.timestamp().as_second();
        if seconds < -DAY {
            return fail(format!("{day} is in the future"), remedy);
        }
        if seconds > most.saturating_mul(DAY) {
            return fail(format!("{day}: more than {age} ago"), remedy);
        }
        pass(format!("{day}: within {age}"))
    }
}

pub(super) fn restart_loops(facts: &Facts, _: &Demands) -> Verdict {
    let guests: BTreeMap<String, &str> =
        facts.ha_guests().map(|guest| (guest.vmid.to_string(), guest.sid.as_str())).collect();
    if guests.is_empty() {
        return facts.unseen().unwrap_or_else(|| skipped("there are no HA guests yet"));
    }
    let silent: Vec<&str> =
        facts.recent.iter().filter(|(_, tasks)| tasks.is_none()).map(|(node, _)| node.as_str()).collect();
    let mut starts: BTreeMap<&str, Vec<Start<'_>>> = BTreeMap::new();
    for (node, tasks) in &facts.recent {
        for task in tasks.iter().flatten() {
            if let Some(sid) = guests.get(&task.id).filter(|_| matches!(task.kind.as_str(), "qmstart" | "vzstart")) {
                starts.entry(sid).or_default().push(Start { began: task.began, node, failed: has_failed(task) });
            }
        }
    }
    let looping = starts.into_iter().filter(|(_, starts)| repeated(starts.clone()) > MAX_STARTS);
    let loops: Vec<&str> = looping.map(|(sid, _)| sid).collect();
    if !loops.is_empty() {
        return fail(
            format!("started more than {MAX_STARTS} times within the last hour: {}", named(loops)),
            "See the tasks of these guests; set their state to disabled until they are repaired.",
        );
    }
    if !silent.is_empty() {
        let told = named(silent.iter().map(|node| facts.untold(node, "tasks")));
        return unknown(told, facts.remedy(silent, "Sys.Audit"));
    }
    facts
        .unseen()
        .unwrap_or_else(|| pass(format!("no HA guest was started more than {MAX_STARTS} times within the last hour")))
}

/// A start of a guest.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Start<'a> {
    began: i64,
    node: &'a str,
    failed: bool,
}

/// How a task that did its work ends: `WARNINGS: 2` is no failure.
fn has_failed(task: &Task) -> bool {
    task.status.as_deref().is_some_and(|status| status != "OK" && !status.starts_with("WARNINGS"))
}

/// The starts that failed, and those on the node of the start before. One on another node is a move: a container that fails
/// back or is relocated is started anew there.
fn repeated(mut starts: Vec<Start<'_>>) -> usize {
    starts.sort();
    let again = |index: usize| index == 0 || starts[index - 1].node == starts[index].node;
    (0..starts.len()).filter(|index| starts[*index].failed || again(*index)).count()
}

#[cfg(test)]
mod tests {
    use pve_schemas::data::readiness::ReadinessArguments;
    use serde_json::{Value as Json, json};

    use super::super::Backups;
    use super::super::testing::{Good, NOW, backups, status};
    use super::*;

    #[test]
    fn every_guest_is_in_a_job_that_ran() {
        assert_eq!(status(backup, |_| ()), "pass");
        let job = |job: Json| status(backup, move |facts| facts.backups = backups(std::slice::from_ref(&job)));
        assert_eq!(job(json!({"vmid": "100,101,102"})), "pass");
        assert_eq!(job(json!({"vmid": "100,101"})), "fail");
        assert_eq!(job(json!({"all": 1, "exclude": "102"})), "fail");
        assert_eq!(job(json!({"all": 1, "enabled": 0})), "fail");
        assert_eq!(job(json!({"all": 1, "node": "pve1"})), "fail");
        assert_eq!(job(json!({"pool": "web"})), "fail");
        let ended = |text: &'static str| {
            status(backup, move |facts| {
                let run = Task { kind: "vzdump".into(), id: String::new(), status: Some(text.into()), began: NOW };
                facts.backup_runs.insert("pve1".into(), Some(vec![run]));
            })
        };
        assert_eq!((ended("OK"), ended("job errors")), ("pass", "fail"));
        assert_eq!(status(backup, |facts| drop(facts.backup_runs.insert("pve1".into(), Some(vec![])))), "fail");
        assert_eq!(status(backup, |facts| drop(facts.backup_runs.insert("pve1".into(), None))), "unknown");
        assert_eq!(status(backup, |facts| facts.backups = Backups::default()), "unknown");
    }

    #[test]
    fn a_planned_job_needs_no_run_yet_but_none_that_failed() {
        let judge = |live: Option<&[Json]>, jobs: Json, removed: &[&str], ended: Option<&'static str>| {
            let planned = serde_json::from_value(json!({"backup_jobs": jobs})).unwrap();
            let removed = removed.iter().map(|name| (*name).to_owned()).collect();
            let plans = Backups::new(live, &planned, &removed);
            status(backup, |facts| {
                facts.backups = plans;
                let run = |status: &str| Task {
                    kind: "vzdump".into(),
                    id: String::new(),
                    status: Some(status.into()),
                    began: NOW,
                };
                facts.backup_runs.values_mut().for_each(|runs| *runs = Some(ended.map(run).into_iter().collect()));
            })
        };
        let all = |more: Json| {
            let mut job = json!({"name": "nightly", "schedule": "21:00", "all": true});
            job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!([job])
        };
        let live = [json!({"id": "nightly", "all": 1}), json!({"id": "weekly", "vmid": "100"})];
        assert_eq!(judge(Some(&[]), all(json!({})), &[], None), "pass");
        assert_eq!(judge(Some(&[]), all(json!({})), &[], Some("job errors")), "fail");
        assert_eq!(judge(None, all(json!({})), &[], None), "pass");
        assert_eq!(judge(None, all(json!({"exclude": [100]})), &[], None), "unknown");
        // It takes the place of the live one of its name.
        assert_eq!(judge(Some(&live), json!([]), &[], Some("OK")), "pass");
        assert_eq!(judge(Some(&live), json!([]), &[], None), "fail");
        assert_eq!(judge(Some(&live), all(json!({"enabled": false})), &[], Some("OK")), "fail");
        assert_eq!(judge(Some(&live), json!([]), &["nightly"], Some("OK")), "fail");
    }

    #[test]
    fn planned_ha_resources_need_a_backup_before_they_exist() {
        let with = |jobs: &[Json]| {
            status(backup, |facts| {
                let mut cluster = crate::simulation::testing::Cluster::of(3);
                cluster.vm(100, 1);
                let live = cluster.live();
                let plans = serde_json::from_value(json!({"resources": [{"sid": "vm:100"}]})).unwrap();
                let planned = live.config.clone().with(&plans, live.mode).unwrap();
                *facts = Facts { planned, backups: backups(jobs), ..Good::with(live) };
            })
        };
        assert_eq!((with(&[]), with(&[json!({"vmid": "100"})])), ("fail", "pass"));
    }

    #[test]
    fn what_holds_for_the_guests_that_are_seen_says_nothing_of_the_others() {
        let hide = |facts: &mut Facts| facts.live.hidden.services = ["vm:200".to_owned()].into();
        assert_eq!((status(backup, hide), status(restart_loops, hide)), ("unknown", "unknown"));
        let bare = |facts: &mut Facts| {
            facts.live.hidden.services.insert("vm:200".to_owned());
            facts.backups = backups(&[]);
        };
        assert_eq!(status(backup, bare), "fail");
    }

    #[test]
    fn a_restore_was_tested_not_long_ago() {
        let on = |day: Option<&str>| {
            let arguments = ReadinessArguments { last_restore_test: day.map(str::to_owned), ..Default::default() };
            restore_test(&Good::facts(), &Demands::new(arguments)).status.as_str()
        };
        let day = |ago: i64| jiff::Timestamp::from_second(NOW - ago * DAY).unwrap().to_string()[..10].to_owned();
        assert_eq!((on(Some(&day(10))), on(Some(&day(100))), on(None)), ("pass", "fail", "unknown"));
        assert_eq!(on(Some("2999-01-01")), "fail");
        let arguments = ReadinessArguments {
            last_restore_test: Some(day(100)),
            max_restore_test_age_days: Some(i64::MAX),
            ..Default::default()
        };
        assert_eq!(restore_test(&Good::facts(), &Demands::new(arguments)).status.as_str(), "pass");
    }

    #[test]
    fn a_failover_was_tried_not_long_ago() {
        let on = |day: Option<&str>, most| {
            let arguments = ReadinessArguments {
                last_failover_drill: day.map(str::to_owned),
                max_failover_drill_age_days: most,
                // The other test is none.
                last_restore_test: Some("2020-01-01".to_owned()),
                ..Default::default()
            };
            failover_drill(&Good::facts(), &Demands::new(arguments)).status.as_str()
        };
        let day = |ago: i64| jiff::Timestamp::from_second(NOW - ago * DAY).unwrap().to_string()[..10].to_owned();
        assert_eq!((on(Some(&day(10)), None), on(Some(&day(100)), None), on(None, None)), ("pass", "fail", "unknown"));
        assert_eq!((on(Some(&day(10)), Some(5)), on(Some(&day(100)), Some(120))), ("fail", "pass"));
        assert_eq!(on(Some("2999-01-01"), None), "fail");
    }

    #[test]
    fn a_guest_that_starts_again_and_again_is_in_a_loop() {
        let starts = |count: usize| {
            status(restart_loops, move |facts| {
                let task = Task { kind: "qmstart".into(), id: "100".into(), status: Some("OK".into()), began: NOW };
                facts.recent.insert("pve1".into(), Some(vec![task; count]));
            })
        };
        assert_eq!((starts(3), starts(4)), ("pass", "fail"));
        // Six starts that were moves between two nodes, and the same that failed.
        let moves = |end: &'static str| {
            status(restart_loops, move |facts| {
                for (index, node) in ["pve1", "pve2"].into_iter().enumerate() {
                    let task = |turn: i64| Task {
                        kind: "vzstart".into(),
                        id: "100".into(),
                        status: Some(end.into()),
                        began: NOW + 2 * turn + index as i64,
                    };
                    facts.recent.insert(node.into(), Some((0..3).map(task).collect()));
                }
            })
        };
        assert_eq!((moves("OK"), moves("WARNINGS: 1"), moves("start failed: exit code 1")), ("pass", "pass", "fail"));
        assert_eq!(status(restart_loops, |facts| drop(facts.recent.insert("pve1".into(), None))), "unknown");
    }

    #[test]
    fn a_node_whose_proxy_does_not_answer_lacks_no_privilege() {
        let silent = |check: fn(&Facts, &Demands) -> Verdict, is_silent: bool| {
            let mut facts = Good::facts();
            for lists in [&mut facts.backup_runs, &mut facts.recent] {
                lists.insert("pve1".into(), None);
            }
            facts.versions.insert("pve1".into(), None);
            facts.silent.extend(is_silent.then(|| "pve1".to_owned()));
            let verdict = check(&facts, &Good::demands());
            assert_eq!(verdict.status.as_str(), "unknown", "{}", verdict.detail);
            format!("{}\n{}", verdict.detail, verdict.remedy.unwrap())
        };
        for check in [backup, restart_loops, super::super::cluster::versions_equal] {
            let (quiet, refused) = (silent(check, true), silent(check, false));
            assert!(quiet.contains("status pveproxy pvedaemon` on pve1") && !quiet.contains("Audit"), "{quiet}");
            assert!(!refused.contains("proxy") && refused.contains("Sys.Audit on pve1"), "{refused}");
        }
    }
}
