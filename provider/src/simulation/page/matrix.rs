//! Every service under every failure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pve_schemas::data::HaFailoverSimulation;
use pve_schemas::data::failover_simulation::{Fate, Placed, Scenario};

use super::super::UNKNOWN;
use super::text::Text;

/// So many rows and columns are shown, the harmed ones first.
const MAX_SERVICES: usize = 200;
const MAX_FAILURES: usize = 40;

pub(super) fn render(page: &mut String, simulation: &HaFailoverSimulation) {
    let (failures, more_failures) = first(&simulation.scenarios, MAX_FAILURES, |scenario| !scenario.survived);
    let harmed =
        |placed: &Placed| simulation.scenarios.iter().flat_map(Scenario::lost).any(|fate| fate.sid == placed.sid);
    let (services, more_services) = first(&simulation.placement, MAX_SERVICES, harmed);
    if failures.is_empty() || services.is_empty() {
        return;
    }
    let fates: Vec<BTreeMap<&str, &Fate>> = failures
        .iter()
        .map(|scenario| scenario.services.iter().map(|fate| (fate.sid.as_str(), fate)).collect())
        .collect();
    page.push_str(
        "<section id=\"matrix\">\n<h2>Who goes where</h2>\n<p class=\"key\"><span class=\"stays\">stays</span> \
         <span class=\"moves\">→ node</span> recovered there <span class=\"replica\">→ node (copy)</span> from a replica \
         <span class=\"shifts\">⇢ node</span> moves along <span class=\"lost\">✕ lost</span></p>\n\
         <div class=\"scroll\" role=\"region\" aria-label=\"Failover matrix\" tabindex=\"0\">\n<table>\n<thead><tr>\
         <th scope=\"col\">HA resource</th><th scope=\"col\">now on</th>",
    );
    for scenario in &failures {
        let mark = if scenario.survived { "" } else { " ✕" };
        let _ = write!(page, "<th scope=\"col\">{}<small>fails{mark}</small></th>", Text(&scenario.name));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for placed in &services {
        row(page, placed, &failures, &fates);
    }
    page.push_str("</tbody>\n</table>\n</div>\n");
    for (more, what) in [(more_services, "services"), (more_failures, "failures")] {
        if more > 0 {
            let _ = writeln!(
                page,
                "<p class=\"more\">{more} more {what} are not shown; none of them comes to harm that is not \
                                    listed above.</p>"
            );
        }
    }
    page.push_str("</section>\n");
}

fn row(page: &mut String, placed: &Placed, failures: &[&Scenario], fates: &[BTreeMap<&str, &Fate>]) {
    let name = placed.name.as_deref().unwrap_or_default();
    let _ = write!(
        page,
        "<tr><th scope=\"row\">{}<small>{}</small></th><td class=\"now\">{}",
        Text(&placed.sid),
        Text(name),
        Text(&placed.node)
    );
    if placed.state != "started" {
        let _ = write!(page, "<small>{}</small>", Text(&placed.state));
    }
    page.push_str("</td>");
    for (scenario, fates) in failures.iter().zip(fates) {
        match fates.get(placed.sid.as_str()) {
            Some(fate) => cell(page, fate, scenario),
            None => page.push_str("<td class=\"stays\">stays</td>"),
        }
    }
    page.push_str("</tr>\n");
}

fn cell(page: &mut String, fate: &Fate, scenario: &Scenario) {
    let hit = scenario.failed_nodes.contains(&fate.from);
    let told = Text(fate.disk_detail.as_deref().filter(|_| fate.problem.is_some()).unwrap_or(&fate.reason)).to_string();
    let (class, mark) = match (&fate.to, &fate.problem) {
        _ if fate.state == UNKNOWN => ("lost", "? unknown".to_owned()),
        (_, Some(_)) => ("lost", "✕ lost".to_owned()),
        (Some(node), None) if !hit => ("shifts", format!("⇢ {}", Text(node))),
        (Some(node), None) if fate.disk.as_deref() == Some("replica") => {
            ("replica", format!("→ {} (copy)", Text(node)))
        }
        (Some(node), None) => ("moves", format!("→ {}", Text(node))),
        (None, None) => ("stays", "stays down".to_owned()),
    };
    let _ = write!(page, "<td class=\"{class}\" title=\"{told}\">{mark}</td>");
}

/// The first of `all` up to `most`, those that matter before the rest, in their order; and how many are left out.
fn first<T>(all: &[T], most: usize, matters: impl Fn(&T) -> bool) -> (Vec<&T>, usize) {
    if all.len() <= most {
        return (all.iter().collect(), 0);
    }
    let (mut chosen, rest): (Vec<&T>, Vec<&T>) = all.iter().partition(|one| matters(one));
    chosen.extend(rest);
    chosen.truncate(most);
    (chosen, all.len() - most)
}
