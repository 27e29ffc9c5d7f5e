//! Every service under every failure.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, PreEscaped, html};
use pve_schemas::data::HaFailoverSimulation;
use pve_schemas::data::failover_simulation::{Fate, Placed, Scenario, ServiceState};

use super::Place;
use super::outcome::Outcome;
use crate::words::counted;

/// So many rows and columns are shown, the harmed ones first.
const MAX_SERVICES: usize = 200;
const MAX_FAILURES: usize = 40;

const SERVICE: &str = "HA resource";
const NOT_SURVIVED: &str = "✕ not survived";

struct Cell {
    outcome: Outcome,
    text: String,
    reason: String,
}

/// What the matrix shows of a simulation.
pub(super) struct Matrix<'a> {
    failures: Vec<&'a Scenario>,
    rows: Vec<(&'a Placed, Vec<Cell>)>,
    more_failures: usize,
    more_services: usize,
}

impl<'a> Matrix<'a> {
    pub(super) fn of(simulation: &'a HaFailoverSimulation) -> Self {
        let (failures, more_failures) = first(&simulation.scenarios, MAX_FAILURES, |scenario| !scenario.survived);
        let lost = simulation.scenarios.iter().flat_map(Scenario::lost);
        let harmed: BTreeSet<&str> = lost.map(|fate| fate.sid.as_str()).collect();
        let is_harmed = |placed: &Placed| harmed.contains(placed.sid.as_str());
        let (services, more_services) = first(&simulation.placement, MAX_SERVICES, is_harmed);
        let columns: Vec<BTreeMap<&str, &Fate>> = failures
            .iter()
            .map(|scenario| scenario.services.iter().map(|fate| (fate.sid.as_str(), fate)).collect())
            .collect();
        let row = |placed: &'a Placed| {
            let fates = columns.iter().map(|fates| fates.get(placed.sid.as_str()).copied());
            (placed, failures.iter().zip(fates).map(|(scenario, fate)| cell(fate, scenario)).collect())
        };
        let rows = services.into_iter().map(row).collect();
        Self { failures, rows, more_failures, more_services }
    }

    pub(super) fn render(&self, place: Place) -> Markup {
        if self.failures.is_empty() || self.rows.is_empty() {
            return html! {};
        }
        let occur: BTreeSet<Outcome> = self.rows.iter().flat_map(|(_, cells)| cells).map(|cell| cell.outcome).collect();
        html! {
            section id=(place.id("matrix")) {
                h2 { "Where HA resources run after a failure" }
                ul class="key" { @for outcome in occur { (outcome.key()) } }
                div class="frame" {
                    p class="hint" { "Scroll sideways for all " (counted(self.failures.len(), "failure")) " →" }
                    div class="edge" {
                        div class="scroll" role="region" aria-label="Failover matrix" tabindex="0" {
                            (table(&self.failures, &self.rows))
                        }
                    }
                }
                (more(self.more_services, "HA resources", "Those with problems are shown first."))
                (more(self.more_failures, "failures", "Those that are not survived are shown first."))
            }
        }
    }

    /// The rule by which a frame that is narrower than the table says that it scrolls, and fades at its edge. A style sheet can't
    /// measure a table, so that each page has its own.
    pub(super) fn style(&self, place: Place) -> PreEscaped<String> {
        let (rem, within) = (self.width(), place.selector());
        PreEscaped(format!(
            "@container (max-width: {rem}rem) {{ {within}.hint {{ display: block; }} {within}.edge::after {{ content: \"\"; }} }}\n"
        ))
    }

    /// About how wide the table is: characters of half a rem, and the padding of its cells.
    fn width(&self) -> usize {
        let length = |text: &str| text.chars().count();
        let sids = self.rows.iter().map(|(placed, _)| length(&placed.sid)).chain([length(SERVICE)]).max();
        let nodes = self.rows.iter().map(|(placed, _)| length(&placed.node).max(length(placed.state.as_str()))).max();
        let fates = self.failures.iter().enumerate().map(|(column, scenario)| {
            let cells = self.rows.iter().map(|(_, cells)| length(&cells[column].text));
            cells.chain([length(&scenario.name) + length(" fails"), length(NOT_SURVIVED)]).max()
        });
        let columns = [sids, nodes].into_iter().chain(fates).flatten();
        columns.map(|characters| characters + 3).sum::<usize>().div_ceil(2)
    }
}

fn table(failures: &[&Scenario], rows: &[(&Placed, Vec<Cell>)]) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (SERVICE) }
                    th scope="col" { "Node" }
                    @for scenario in failures {
                        th scope="col" {
                            (scenario.name) " fails"
                            @if scenario.survived { small { "survived" } } @else { small class="bad" { (NOT_SURVIVED) } }
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
                            @if placed.state != ServiceState::Started { small { (placed.state.as_str()) } }
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
