//! The header: the cluster, the nodes that are down now, and both verdicts.

use std::fmt::Display;

use maud::{Markup, html};
use pve_schemas::data::HaFailoverSimulation;

use super::readiness::Tally;
use super::{Place, Subject};
use crate::words::by;

pub(super) fn render(place: Place, subject: &Subject, simulation: &HaFailoverSimulation, tally: &Tally<'_>) -> Markup {
    let (class, verdict) = verdict(simulation);
    html! {
        header {
            p class="kicker" {
                "HA failover report · " b { (subject.name()) } " · Proxmox VE " (subject.version())
                @if let Some(date) = subject.date() { " · data of " time datetime=(date) { (date) } " (UTC)" }
            }
            @if let Some(offline) = subject.offline() {
                p class="banner" {
                    strong { (offline) }
                    @if let Some(votes) = subject.votes() { " " (votes) }
                    " The predictions below start from this state."
                }
            }
            @if place.is_whole_page() { h1 class=(class) { (verdict) } } @else { h3 class={ "verdict " (class) } { (verdict) } }
            @if !tally.is_empty() {
                p class=(tally.class()) {
                    a href={ "#" (place.id("readiness")) } { (tally.verdict()) }
                    @if let Some(advice) = tally.advice() { small { (advice) } }
                }
            }
            (figures(simulation))
        }
    }
}

fn verdict(simulation: &HaFailoverSimulation) -> (&'static str, String) {
    let harmful = simulation.scenarios.iter().filter(|scenario| !scenario.survived).count();
    match (simulation.scenarios.as_slice(), harmful) {
        ([], _) => ("unknown", "There is no node whose failure could be simulated".to_owned()),
        ([one], 0) => ("good", format!("The failure of {} is survived", one.name)),
        ([one], _) => ("bad", format!("The failure of {} is not survived", one.name)),
        (all, 0) => ("good", format!("All {} simulated failures are survived", all.len())),
        (all, harmful) => {
            let are = by(&harmful, "is", "are");
            ("bad", format!("{harmful} of {} simulated failures {are} not survived", all.len()))
        }
    }
}

fn figures(simulation: &HaFailoverSimulation) -> Markup {
    let nodes = simulation.scenarios.first().map_or(0, |scenario| scenario.nodes.len());
    let resources = simulation.placement.len();
    html! {
        dl {
            (figure(nodes, by(&nodes, "node", "nodes")))
            (figure(resources, by(&resources, "HA resource", "HA resources")))
            @if let Some(worst) = &simulation.worst {
                (figure(&worst.scenario, "worst failure"))
                (figure(worst.lost, by(&worst.lost, "HA resource down or at risk after it", "HA resources down or at risk after it")))
                // Without quorum nothing runs: that no node is full then is no comfort.
                @if let Some(percent) = worst.memory_percent.filter(|_| worst.quorate != Some(false)) {
                    (figure(format!("{percent} %"), "memory use of its fullest node"))
                }
            }
        }
    }
}

fn figure(number: impl Display, what: &str) -> Markup {
    html! { div { dt { (number.to_string()) } dd { (what) } } }
}
