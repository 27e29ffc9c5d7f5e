//! Each failure on a card: votes, the load of every node before and after, and the reason for each service's node.

use maud::{Markup, html};
use pve_schemas::data::HaFailoverSimulation;
use pve_schemas::data::failover_simulation::{Fate, NodeLoad, Scenario};

use super::super::fates::gib;
use super::Place;
use super::outcome::Outcome;
use crate::words::{by, counted};

/// So many cards, and so many services and nodes on one, are shown.
const MAX_CARDS: usize = 40;
const MAX_SERVICES: usize = 25;
const MAX_NODES: usize = 32;

pub(super) fn render(place: Place, simulation: &HaFailoverSimulation) -> Markup {
    let limit = simulation.arguments.max_memory_percent.unwrap_or(100);
    let harmful = simulation.scenarios.iter().filter(|scenario| !scenario.survived);
    let harmless = simulation.scenarios.iter().filter(|scenario| scenario.survived);
    let shown: Vec<&Scenario> = harmful.chain(harmless).take(MAX_CARDS).collect();
    let has_loads = shown.iter().any(|scenario| scenario.quorate != Some(false));
    html! {
        @if !shown.is_empty() {
            section id=(place.id("failures")) {
                h2 { "Each failure" }
                @if has_loads {
                    p class="subtitle" { "Configured memory of the running guests, by node:" }
                    ul class="key" {
                        li { i class="swatch before" {} " before the failure" }
                        li { i class="swatch after" {} " after it" }
                        li { i class="swatch limit" {} " limit: " (limit) " % of the node’s memory" }
                    }
                }
                div class="cards" { @for scenario in &shown { (card(scenario, limit)) } }
                @if simulation.scenarios.len() > MAX_CARDS {
                    p class="more" { (simulation.scenarios.len() - MAX_CARDS) " more failures are not shown." }
                }
            }
        }
    }
}

fn card(scenario: &Scenario, limit: i64) -> Markup {
    let (class, word) = if scenario.survived { ("good", "survived") } else { ("bad", "not survived") };
    html! {
        article class=(class) {
            h3 { (scenario.name) " fails " span class="chip" { (word) } }
            p class="votes" { (votes(scenario)) }
            @if scenario.quorate == Some(false) {
                p class="alone" { (scenario.problems.join("; ")) }
            } @else {
                (loads(scenario, limit))
                (fates(scenario))
            }
        }
    }
}

/// The votes that are left, in words.
fn votes(scenario: &Scenario) -> String {
    match (scenario.votes, scenario.needed_votes) {
        (Some(votes), Some(needed)) => format!("{} left, {needed} needed", counted(votes, "vote")),
        _ => "votes unknown".to_owned(),
    }
}

fn loads(scenario: &Scenario, limit: i64) -> Markup {
    let percents = scenario.nodes.iter().flat_map(|node| [node.percent_before(), node.percent_after()]);
    // The limit is always on the scale, and never at its very end.
    let scale = percents.flatten().chain([100, limit.saturating_add(limit / 20)]).max().unwrap_or(100);
    html! {
        div class="loads" {
            @for node in scenario.nodes.iter().take(MAX_NODES) { (load(node, scenario, limit, scale)) }
            @if scenario.nodes.len() > MAX_NODES {
                p class="more" { (scenario.nodes.len() - MAX_NODES) " more nodes are not shown." }
            }
        }
    }
}

fn load(node: &NodeLoad, scenario: &Scenario, limit: i64, scale: i64) -> Markup {
    let width = |percent: i64| format!("{:.1}%", percent as f64 * 100.0 / scale as f64);
    let class = if node.overcommitted {
        "load tight"
    } else if node.failed {
        "load down"
    } else {
        "load"
    };
    html! {
        div class=(class) {
            b { (node.name) }
            @if let (Some(before), Some(after)) = (node.percent_before(), node.percent_after()) {
                span class="track" {
                    i class="before" style={ "width:" (width(before)) } {}
                    i class="after" style={ "width:" (width(after)) } {}
                    i class="limit" style={ "left:" (width(limit)) } {}
                }
            }
            span class="words" { (load_words(node, scenario)) }
        }
    }
}

fn load_words(node: &NodeLoad, scenario: &Scenario) -> String {
    if scenario.failed_nodes.contains(&node.name) {
        return "fails".to_owned();
    }
    if node.failed {
        return "offline now".to_owned();
    }
    let memory = match (node.percent_before().zip(node.percent_after()), node.memory_total) {
        (Some((before, after)), Some(total)) => format!("{before} → {after} % of {}", gib(total)),
        _ => format!("{} → {}, size unknown", gib(node.memory_before), gib(node.memory_after)),
    };
    let tight = if node.overcommitted { ", over the limit" } else { "" };
    let resources = by(&node.services_after, "HA resource", "HA resources");
    format!("{memory}{tight} · {} → {} {resources}", node.services_before, node.services_after)
}

fn fates(scenario: &Scenario) -> Markup {
    let (lost, rest): (Vec<&Fate>, Vec<&Fate>) = scenario.services.iter().partition(|fate| fate.problem.is_some());
    html! {
        @if scenario.services.is_empty() {
            p class="alone" { "No HA resource is affected." }
        } @else {
            ul class="fates" {
                @for one in lost.into_iter().chain(rest).take(MAX_SERVICES) { (fate(one, scenario)) }
                @if scenario.services.len() > MAX_SERVICES {
                    li { "… and " (scenario.services.len() - MAX_SERVICES) " more" }
                }
            }
        }
    }
}

fn fate(fate: &Fate, scenario: &Scenario) -> Markup {
    html! {
        li class=(Outcome::of(fate, scenario).class()) {
            b { (fate.sid) } " " (fate.from) " → " (fate.to.as_deref().unwrap_or("no node"))
            span {
                (fate.reason)
                @if let Some(detail) = &fate.disk_detail { " · " (detail) }
            }
            @if let Some(problem) = &fate.problem { strong { (problem) } }
        }
    }
}
