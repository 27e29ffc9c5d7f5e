//! Several clusters on one page: a table of all verdicts, then a part for each.

use maud::{Markup, html};
use pve_schemas::data::HaFailoverSimulation;
use pve_schemas::data::readiness::Check;

use super::matrix::Matrix;
use super::place::Place;
use super::readiness::Tally;
use super::{Subject, document, header, sections};
use crate::words::{by, counted};

/// A cluster of several.
#[derive(Debug)]
pub struct Part<'a> {
    pub name: &'a str,
    pub endpoint: &'a str,
    pub content: Content<'a>,
}

/// What there is to show of it.
#[derive(Debug)]
pub enum Content<'a> {
    Read {
        subject: &'a Subject,
        simulation: &'a HaFailoverSimulation,
        checks: &'a [Check],
    },
    /// It could not be read, and why.
    Unread(&'a str),
}

/// The page of these clusters.
pub fn render_fleet(parts: &[Part<'_>]) -> String {
    let drawn: Vec<Drawn<'_>> = parts.iter().enumerate().map(|(number, part)| Drawn::of(number + 1, part)).collect();
    let style = html! { @for one in &drawn { @if let Some(style) = &one.style { (style) } } };
    let body = html! {
        header {
            p class="kicker" { "HA failover report" }
            (verdict(&drawn))
        }
        main { (table(&drawn)) }
        @for one in &drawn { (one.body) }
    };
    let title = html! { "HA failover report: " (counted(parts.len(), "cluster")) };
    document(&title, &style, &body)
}

/// A part, ready to be put in.
struct Drawn<'a> {
    number: usize,
    part: &'a Part<'a>,
    class: &'static str,
    readiness: String,
    failures: String,
    style: Option<Markup>,
    body: Markup,
}

impl<'a> Drawn<'a> {
    fn of(number: usize, part: &'a Part<'a>) -> Self {
        let place = Place::Part(number);
        let id = Place::own_id(number);
        match &part.content {
            Content::Unread(why) => Self {
                number,
                part,
                class: "unknown",
                readiness: "Could not be read".to_owned(),
                failures: "–".to_owned(),
                style: None,
                body: html! {
                    div class="cluster" id=(id) {
                        header {
                            h2 { (part.name) }
                            p class="kicker" { (part.endpoint) }
                            h3 class="verdict unknown" { "This cluster could not be read" }
                        }
                        div class="main" { p class="unread" { (why) } }
                    }
                },
            },
            Content::Read { subject, simulation, checks } => {
                let (matrix, tally) = (Matrix::of(simulation), Tally::of(checks));
                let lost = simulation.scenarios.iter().filter(|scenario| !scenario.survived).count();
                Self {
                    number,
                    part,
                    class: if tally.is_ready() { "good" } else { "bad" },
                    readiness: tally.verdict(),
                    failures: format!(
                        "{} of {} survived",
                        simulation.scenarios.len() - lost,
                        simulation.scenarios.len()
                    ),
                    style: Some(html! { (matrix.style(place)) }),
                    body: html! {
                        div class="cluster" id=(id) {
                            header { h2 { (part.name) } }
                            (header::render(place, subject, simulation, &tally))
                            div class="main" { (sections(place, &matrix, simulation, &tally)) }
                        }
                    },
                }
            }
        }
    }
}

fn verdict(drawn: &[Drawn<'_>]) -> Markup {
    let count = |class: &str| drawn.iter().filter(|one| one.class == class).count();
    let (ready, unread, all) = (count("good"), count("unknown"), drawn.len());
    let are = by(&ready, "is", "are");
    html! {
        @if ready == all {
            h1 class="good" { "All " (counted(all, "cluster")) " are ready" }
        } @else {
            h1 class="bad" {
                (ready) " of " (counted(all, "cluster")) " " (are) " ready"
                @if unread > 0 { ", " (unread) " could not be read" }
            }
        }
    }
}

fn table(drawn: &[Drawn<'_>]) -> Markup {
    html! {
        section class="fleet" {
            div class="scroll" role="region" aria-label="Clusters" tabindex="0" {
                table {
                    thead { tr { th scope="col" { "Cluster" } th scope="col" { "Readiness" } th scope="col" { "Failures" } } }
                    tbody {
                        @for one in drawn {
                            tr class=(one.class) {
                                th scope="row" { a href={ "#" (Place::own_id(one.number)) } { (one.part.name) } }
                                td { span class="chip" { (one.readiness) } }
                                td { (one.failures) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use pve_schemas::data::failover_simulation::FailoverSimulationArguments;

    use super::super::super::testing::{Cluster, simulate};
    use super::*;

    fn simulation(cluster: &Cluster) -> HaFailoverSimulation {
        let arguments = FailoverSimulationArguments::default();
        let simulated = simulate(&cluster.live(), &arguments).unwrap();
        HaFailoverSimulation {
            arguments,
            id: "every-node".into(),
            survivable: simulated.problems.is_empty(),
            problems: simulated.problems,
            notes: simulated.notes,
            worst: simulated.worst,
            scenarios: simulated.scenarios,
            placement: simulated.placement,
            summary_markdown: simulated.markdown,
            report_html: None,
        }
    }

    #[test]
    fn each_cluster_has_a_row_and_a_part_with_ids_of_its_own() {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1).service(101, 2).disk(101, "scsi0", "zfs");
        let simulation = simulation(&cluster);
        let subject = Subject::new(&cluster.live(), "9.2.11".into(), None);
        let read = || Content::Read { subject: &subject, simulation: &simulation, checks: &[] };
        let part = |name, content| Part { name, endpoint: "https://x:8006", content };
        let parts = [part("berlin", read()), part("<b>", read()), part("lab", Content::Unread("no route"))];
        let page = render_fleet(&parts);
        let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        for target in page.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(ids.contains(&target), "{target}: {ids:?}");
        }
        assert_eq!((page.matches("<h1").count(), page.matches("<main>").count()), (1, 1));
        for text in ["2 of 3 survived", "1 could not be read", "no route", "&lt;b&gt;", "#cluster-2 .hint"] {
            assert!(page.contains(text), "{text} is missing in\n{page}");
        }
    }
}
