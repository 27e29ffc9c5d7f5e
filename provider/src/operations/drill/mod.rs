//! `drill`: a failover case on the cluster, by the command and a person, with evidence.

mod cases;
mod evidence;
mod expected;
mod look;
mod observation;
mod policy;
mod steps;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use pve_schemas::action::{Drill, DrillCase};

use super::{Operation, Outlook, Run};
use crate::framework::{Cause, Diagnostics, Failure, Path, Value};
use cases::Course;
use evidence::{Folder, Kind, Outcome, Record, Timing, day};
use expected::{downtimes, fence, first, recovery};
use look::Plan;
use watch::{Stopped, Watch};

impl Operation for Drill {
    type Found = Plan;
    const TIMEOUT: Duration = Duration::from_hours(2);

    fn validate(config: &Value, diagnostics: &mut Diagnostics) {
        let Some(case) = config.at("case").as_str().and_then(case) else { return };
        let mut check = |attribute: &'static str, is_needed: bool, is_fit: bool| {
            let is_given = !config.at(attribute).is_null();
            let problem = match (is_given, is_needed, is_fit) {
                (false, true, _) => "is required by",
                (true, _, false) => "does not apply to",
                _ => return,
            };
            let detail = format!("{attribute} {problem} the case {}.", case.as_str());
            diagnostics.error_at(Path::attribute(attribute), "Invalid drill", detail);
        };
        check("node", case.needs_node(), case.needs_node());
        check("target", case.needs_target(), case.needs_target());
        check("leave_down", false, case.takes_node_down());
        check("max_downtime", false, case.takes_node_down());
        check("guest", case.needs_target(), case != DrillCase::Baseline);
    }

    async fn look(&self, run: &Run<'_>) -> Result<Outlook<Plan>, Failure> {
        Box::pin(look::look(self, run)).await
    }

    async fn act(&self, run: &Run<'_>, plan: Plan) -> Result<(), Failure> {
        let folder = Folder::create(plan.evidence.clone()).map_err(|problem| {
            let text = format!(
                "{}: evidence can't be written there: {problem}. Nothing was changed.",
                plan.evidence.display()
            );
            Failure::refused(text).at(Path::attribute("evidence"))
        })?;
        let record = record(self, &plan);
        let watch = Watch::begin(run, record, folder).await?;
        let mut course = Course { drill: self, plan: &plan, watch };
        // The futures of all cases together are too large for the stack of a thread.
        let ended = match Box::pin(course.play()).await {
            Err(Stopped::Failed(_)) if run.call().stop.is_cancelled() => Err(Stopped::Interrupted),
            ended => ended,
        };
        finish(self, &plan, course.watch, ended)
    }
}

fn case(word: &str) -> Option<DrillCase> {
    serde_json::from_value(word.into()).ok()
}

/// The evidence before anything has happened.
fn record(drill: &Drill, plan: &Plan) -> Record {
    Record {
        format: 1,
        version: env!("CARGO_PKG_VERSION"),
        case: drill.case.as_str(),
        node: drill.node.as_ref().map(ToString::to_string),
        target: drill.target.as_ref().map(ToString::to_string),
        guests: drill.guest.iter().flatten().map(ToString::to_string).collect(),
        outcome: Outcome::Running,
        complete: false,
        problems: Vec::new(),
        remains: Vec::new(),
        started: 0,
        ended: 0,
        steps: plan.steps.clone(),
        expectations: plan.prediction.expectations(),
        timings: Vec::new(),
        downtimes: BTreeMap::new(),
        timeline: Vec::new(),
    }
}

/// Completes the evidence, and says how it ended.
fn finish(drill: &Drill, plan: &Plan, mut watch: Watch<'_>, ended: Result<(), Stopped>) -> Result<(), Failure> {
    let node = plan.prediction.node.clone().unwrap_or_default();
    let unmet: Vec<String> = watch
        .record
        .expectations
        .iter()
        .filter(|one| one.equal == Some(false))
        .map(|one| {
            format!(
                "{}: predicted: {}; found: {}.",
                one.subject,
                one.predicted,
                one.found.as_deref().unwrap_or_default()
            )
        })
        .collect();
    let record = &mut watch.record;
    record.problems.extend(unmet);
    record.outcome = match &ended {
        Ok(()) if record.problems.is_empty() => Outcome::AsPredicted,
        Ok(()) => Outcome::NotAsPredicted,
        Err(Stopped::Interrupted) => Outcome::Interrupted,
        Err(Stopped::OutOfTime(_)) => Outcome::OutOfTime,
        Err(Stopped::Failed(_)) => Outcome::Failed,
    };
    match &ended {
        Ok(()) => {}
        Err(Stopped::Interrupted) => record.problems.push("The drill was interrupted.".to_owned()),
        Err(Stopped::OutOfTime(what)) => record.problems.push(format!("The time for {what} has passed.")),
        Err(Stopped::Failed(failure)) => record.problems.push(failure.detail.clone()),
    }
    if let Some(problem) = watch.unread.as_ref().filter(|_| ended.is_err()) {
        record.problems.push(format!("The last poll of the cluster failed: {problem}"));
    }
    record.complete = ended.is_ok();
    record.timings = timings(drill.case, plan, record);
    record.downtimes = downtimes(&record.timeline, &node, &plan.prediction.affected);
    watch.record.remains = remains(drill, plan, &watch);
    watch.write();
    report(drill, watch, ended)
}

/// The last messages, and the failure of a drill that was not as predicted, or did not come to its end.
fn report(drill: &Drill, watch: Watch<'_>, ended: Result<(), Stopped>) -> Result<(), Failure> {
    let (run, record, folder) = (watch.run, &watch.record, watch.folder());
    let as_predicted = record.expectations.iter().filter(|one| one.equal == Some(true)).count();
    run.say(format!("As predicted: {as_predicted} of {}.", record.expectations.len()));
    let evidence = match &watch.unwritten {
        None => format!("The evidence is in {folder}."),
        Some(problem) => format!("The evidence in {folder} is not complete: {problem}."),
    };
    run.say(&evidence);
    let rest = record.problems.iter().chain(&record.remains).map(|line| format!("- {line}")).collect::<Vec<_>>();
    let text = |head: String| format!("{head}\n{}\n{evidence}", rest.join("\n"));
    let case = drill.case.as_str();
    match ended {
        Ok(()) if record.outcome == Outcome::AsPredicted && watch.unwritten.is_none() => {
            record.remains.iter().for_each(|line| run.say(line));
            if drill.case != DrillCase::Baseline {
                run.say(format!("For `pve_ha_readiness`: last_failover_drill = \"{}\"", day(record.ended)));
            }
            Ok(())
        }
        Ok(()) => Err(Failure::new(Cause::Stale, text(format!("{case}: not everything was as predicted.")))
            .summarised("The drill was not as predicted")),
        Err(Stopped::Failed(failure)) => {
            // Something may have been changed, whatever the failed step itself has done.
            let cause = if failure.cause == Cause::Ambiguous { Cause::Ambiguous } else { Cause::Stale };
            Err(Failure { cause, detail: text(format!("{case}: a step of the drill failed.")), ..failure })
        }
        Err(_) => Err(Failure::new(Cause::Ambiguous, text(format!("{case}: the drill has not come to its end.")))
            .summarised("The drill has not ended")),
    }
}

/// How long it took against what is documented.
fn timings(case: DrillCase, plan: &Plan, record: &Record) -> Vec<Timing> {
    let log = &record.timeline;
    let node = plan.prediction.node.as_deref().unwrap_or_default();
    let is_failure = case != DrillCase::CleanShutdown;
    if !case.takes_node_down() {
        return Vec::new();
    }
    // Guests that stop are an earlier sign of a failure than the membership, which takes some seconds.
    let stop = log.iter().find(|event| {
        is_failure
            && event.kind == Kind::Guest
            && plan.prediction.affected.contains(&event.subject)
            && event.to.is_none()
    });
    let left = first(log, Kind::Left, node).map(|left| stop.map_or(left, |stop| left.min(stop.time)));
    let since = |time: Option<i64>| Some(time? - left?);
    let expected = match (is_failure, plan.is_master) {
        (false, _) => "about 60 to 80 s",
        (true, true) => "about 180 to 200 s",
        (true, false) => "about 120 to 140 s",
    };
    let timing =
        |what: &str, expected: &str, found| Timing { what: what.to_owned(), expected: expected.to_owned(), found };
    vec![
        timing("the HA manager fences the node", "about 60 s", since(fence(log, node))),
        timing(
            "the first HA resource has another node",
            expected,
            since(recovery(log, node, &plan.prediction.affected)),
        ),
    ]
}

/// What is not as it was before the drill, and how it is brought back.
fn remains(drill: &Drill, plan: &Plan, watch: &Watch<'_>) -> Vec<String> {
    let (now, mut remains) = (&watch.now, Vec::new());
    if !now.quorate {
        remains.push("The cluster has no quorum: bring its nodes back.".to_owned());
    }
    for (node, _) in
        now.members.iter().filter(|(node, is_member)| !**is_member && plan.prediction.node.as_ref() != Some(node))
    {
        remains.push(format!("{node} is not a member of the cluster: restore its power and network."));
    }
    if let Some(node) = &plan.prediction.node {
        let state = now.nodes.get(node).map_or("unknown", String::as_str);
        if !now.is_member(node) {
            remains.push(format!(
                "{node} is not a member of the cluster: restore its power and network. `do drill failback --node {node}` \
                 watches its return."
            ));
        } else if state == "maintenance" || (drill.case == DrillCase::Maintenance && state != "online") {
            remains.push(format!("{node} is in maintenance: `do restore {node}` ends that."));
        } else if state != "online" {
            remains.push(format!("{node}: its state in the HA manager is {state}; it changes by itself."));
        }
    }
    for one in &plan.moves {
        let place = now.place(one.sid.as_str());
        if place != observation::place("started", one.home.as_str()) {
            remains.push(format!("{}: {place}. `do ha-migrate {} {}` moves it back.", one.sid, one.sid, one.home));
        }
    }
    for (sid, (state, node)) in &now.services {
        if !matches!(state.as_str(), "started" | "stopped") && now.is_member(node) {
            remains.push(format!("{sid}: {state} on {node}. See `pve_ha_status`."));
        }
    }
    remains
}
