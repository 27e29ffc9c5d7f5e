//! Every service under every failure.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use pve_schemas::data::HaFailoverSimulation;
use pve_schemas::data::failover_simulation::{Fate, Placed, Scenario};

use super::outcome::Outcome;

/// So many rows and columns are shown, the harmed ones first.
const MAX_SERVICES: usize = 200;
const MAX_FAILURES: usize = 40;

/// So many columns of failures fit on a phone, and on the screen of a desktop.
const FIT_ON_A_PHONE: usize = 1;
const FIT_ON_A_DESKTOP: usize = 7;

struct Cell {
    outcome: Outcome,
    text: String,
    reason: String,
}

pub(super) fn render(simulation: &HaFailoverSimulation) -> Markup {
    let (failures, more_failures) = first(&simulation.scenarios, MAX_FAILURES, |scenario| !scenario.survived);
    let harmed: BTreeSet<&str> =
        simulation.scenarios.iter().flat_map(Scenario::lost).map(|fate| fate.sid.as_str()).collect();
    let (services, more_services) = first(&simulation.placement, MAX_SERVICES, |one| harmed.contains(one.sid.as_str()));
    if failures.is_empty() || services.is_empty() {
        return html! {};
    }
    let columns: Vec<BTreeMap<&str, &Fate>> = failures
        .iter()
        .map(|scenario| scenario.services.iter().map(|fate| (fate.sid.as_str(), fate)).collect())
        .collect();
    let row = |placed: &Placed| -> Vec<Cell> {
        let fates = columns.iter().map(|fates| fates.get(placed.sid.as_str()));
        failures.iter().zip(fates).map(|(scenario, fate)| cell(fate.copied(), scenario)).collect()
    };
    let rows: Vec<(&Placed, Vec<Cell>)> = services.iter().map(|placed| (*placed, row(placed))).collect();
    let occur: BTreeSet<Outcome> = rows.iter().flat_map(|(_, cells)| cells).map(|cell| cell.outcome).collect();
    html! {
        section id="matrix" class=(width(failures.len())) {
            h2 { "Where HA resources run after a failure" }
            ul class="key" { @for outcome in occur { (outcome.key()) } }
            p class="hint" { "Scroll sideways for all " (failures.len()) " failures →" }
            div class="edge" {
                div class="scroll" role="region" aria-label="Failover matrix" tabindex="0" {
                    (table(&failures, &rows))
                }
            }
            (more(more_services, "HA resources", "Those with problems are shown first."))
            (more(more_failures, "failures", "Those that are not survived are shown first."))
        }
    }
}

fn table(failures: &[&Scenario], rows: &[(&Placed, Vec<Cell>)]) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "HA resource" }
                    th scope="col" { "Node" }
                    @for scenario in failures {
                        th scope="col" {
                            (scenario.name) " fails"
                            @if scenario.survived { small { "survived" } } @else { small class="bad" { "✕ not survived" } }
                        }
                    }
                }
            }
            tbody {
                @for (placed, cells) in rows {
                    tr {
                        th scope="row" {
                            (placed.sid)
                            @if let Some(name) = &placed.name { small { (name) } }
                        }
                        td class="now" {
                            (placed.node)
                            @if placed.state != "started" { small { (placed.state) } }
                        }
                        @for cell in cells {
                            td class=(cell.outcome.class()) title=(cell.reason) { (cell.text) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(fate: Option<&Fate>, scenario: &Scenario) -> Cell {
    let Some(fate) = fate else {
        let text = Outcome::Stays.mark("");
        return Cell { outcome: Outcome::Stays, text, reason: "not affected".to_owned() };
    };
    let outcome = Outcome::of(fate, scenario);
    let detail = fate.disk_detail.as_ref().filter(|_| fate.problem.is_some());
    Cell {
        outcome,
        text: outcome.mark(fate.to.as_deref().unwrap_or_default()),
        reason: detail.unwrap_or(&fate.reason).clone(),
    }
}

/// On which screens the table has to be scrolled.
fn width(columns: usize) -> &'static str {
    match columns {
        columns if columns <= FIT_ON_A_PHONE => "narrow",
        columns if columns <= FIT_ON_A_DESKTOP => "wide",
        _ => "wider",
    }
}

fn more(count: usize, what: &str, order: &str) -> Markup {
    html! {
        @if count > 0 { p class="more" { (count) " more " (what) " are not shown. " (order) } }
    }
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
