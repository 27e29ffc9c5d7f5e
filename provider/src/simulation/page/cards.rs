//! Each failure on a card: votes, the load of every node before and after, and why each service goes where it goes.

use std::fmt::Write as _;

use pve_schemas::data::HaFailoverSimulation;
use pve_schemas::data::failover_simulation::{Fate, NodeLoad, Scenario};

use super::super::fates::gib;
use super::text::Text;
use super::votes;

/// So many cards, and so many services and nodes on one, are shown.
const MAX_CARDS: usize = 40;
const MAX_SERVICES: usize = 25;
const MAX_NODES: usize = 32;

pub(super) fn render(page: &mut String, simulation: &HaFailoverSimulation) {
    if simulation.scenarios.is_empty() {
        return;
    }
    page.push_str(
        "<section id=\"failures\">\n<h2>Failure by failure</h2>\n<p class=\"key\">Memory promised to running guests: \
         <span class=\"swatch before\"></span>before <span class=\"swatch after\"></span>after the failure</p>\n\
         <div class=\"cards\">\n",
    );
    let harmful = simulation.scenarios.iter().filter(|scenario| !scenario.survived);
    let harmless = simulation.scenarios.iter().filter(|scenario| scenario.survived);
    for scenario in harmful.chain(harmless).take(MAX_CARDS) {
        card(page, scenario);
    }
    page.push_str("</div>\n");
    if simulation.scenarios.len() > MAX_CARDS {
        let _ = writeln!(
            page,
            "<p class=\"more\">{} more failures have no card.</p>",
            simulation.scenarios.len() - MAX_CARDS
        );
    }
    page.push_str("</section>\n");
}

fn card(page: &mut String, scenario: &Scenario) {
    let (class, word) = if scenario.survived { ("good", "survived") } else { ("bad", "not survived") };
    let _ = write!(
        page,
        "<article class=\"{class}\">\n<h3>{} fails <span class=\"chip\">{word}</span></h3>\n<p class=\"votes\">{}</p>\n",
        Text(&scenario.name),
        Text(&votes(scenario)),
    );
    if scenario.quorate == Some(false) {
        let _ = writeln!(page, "<p class=\"alone\">{}</p>\n</article>", Text(&scenario.problems.join("; ")));
        return;
    }
    let most = scenario.nodes.iter().flat_map(|n| [n.percent_before(), n.percent_after()]).flatten().max();
    let scale = most.unwrap_or(100).max(100);
    page.push_str("<div class=\"loads\">\n");
    for node in scenario.nodes.iter().take(MAX_NODES) {
        load(page, node, scale);
    }
    page.push_str("</div>\n");
    if scenario.services.is_empty() {
        page.push_str("<p class=\"alone\">No HA resource runs there.</p>\n");
    } else {
        page.push_str("<ul class=\"fates\">\n");
        let (lost, rest): (Vec<&Fate>, Vec<&Fate>) = scenario.services.iter().partition(|fate| fate.problem.is_some());
        for one in lost.into_iter().chain(rest).take(MAX_SERVICES) {
            fate(page, one);
        }
        if scenario.services.len() > MAX_SERVICES {
            let _ = writeln!(page, "<li>… and {} more</li>", scenario.services.len() - MAX_SERVICES);
        }
        page.push_str("</ul>\n");
    }
    page.push_str("</article>\n");
}

fn load(page: &mut String, node: &NodeLoad, scale: i64) {
    let (before, after) = (node.percent_before().unwrap_or(0), node.percent_after().unwrap_or(0));
    let class = if node.overcommitted {
        " tight"
    } else if node.failed {
        " down"
    } else {
        ""
    };
    let words = match (node.failed, node.memory_total) {
        (true, _) => "down".to_owned(),
        (false, None) => format!("{} → {}", gib(node.memory_before), gib(node.memory_after)),
        (false, Some(total)) => format!("{before} → {after} % of {}", gib(total)),
    };
    let tight = if node.overcommitted { " – too little memory" } else { "" };
    let width = |percent: i64| percent as f64 * 100.0 / scale as f64;
    let _ = writeln!(
        page,
        "<div class=\"load{class}\"><b>{name}</b><span class=\"track\"><i class=\"before\" style=\"width:{:.1}%\"></i>\
         <i class=\"after\" style=\"width:{:.1}%\"></i><i class=\"full\" style=\"left:{:.1}%\"></i></span>\
         <span class=\"words\">{words}{tight} · {} → {} HA</span></div>",
        width(before),
        width(after),
        width(100),
        node.services_before,
        node.services_after,
        name = Text(&node.name),
    );
}

fn fate(page: &mut String, fate: &Fate) {
    let to = fate.to.as_deref().unwrap_or("nowhere");
    let class = if fate.problem.is_some() { "lost" } else { "moves" };
    let _ = write!(
        page,
        "<li class=\"{class}\"><b>{}</b> {} → {}<span>{}",
        Text(&fate.sid),
        Text(&fate.from),
        Text(to),
        Text(&fate.reason),
    );
    if let Some(detail) = &fate.disk_detail {
        let _ = write!(page, " · {}", Text(detail));
    }
    page.push_str("</span>");
    if let Some(problem) = &fate.problem {
        let _ = write!(page, "<strong>{}</strong>", Text(problem));
    }
    page.push_str("</li>\n");
}
