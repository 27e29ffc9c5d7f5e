//! The report as one self-contained HTML page: no script, no font, no picture from elsewhere.
//!
//! Text is escaped by the templates; only the style sheet is put in as it is. The page has no clock of its own: the same answers
//! of a cluster make the same bytes.

mod cards;
mod header;
mod matrix;
mod outcome;
mod print;
mod prose;
mod readiness;
mod subject;
#[cfg(test)]
mod tests;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use pve_schemas::data::HaFailoverSimulation;
use pve_schemas::data::readiness::Check;

use matrix::Matrix;
use readiness::Tally;
pub use subject::Subject;

const STYLE: &str = include_str!("style.css");

/// So many lines of a list are shown; the rest is counted.
const MAX_LINES: usize = 100;

/// The page of a simulation of this cluster with these readiness checks.
pub fn render(subject: &Subject, simulation: &HaFailoverSimulation, checks: &[Check]) -> String {
    let (matrix, tally) = (Matrix::of(simulation), Tally::of(checks));
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { "HA failover report: " (subject.name()) }
                style { (PreEscaped(STYLE)) (matrix.style()) (print::running_footer(subject)) }
            }
            body {
                (header::render(subject, simulation, &tally))
                main {
                    (list("problems", "Problems", &simulation.problems))
                    (matrix.render())
                    (cards::render(simulation))
                    (readiness::render(&tally))
                    (list("notes", "Notes", &simulation.notes))
                }
                footer {
                    "Predicted with the placement rules of Proxmox VE’s HA manager by terraform-provider-pve. "
                    "Assumes that fencing works."
                }
            }
        }
    };
    page.into_string()
}

fn list(id: &str, title: &str, lines: &[String]) -> Markup {
    html! {
        @if !lines.is_empty() {
            section id=(id) {
                h2 { (title) }
                ul {
                    @for line in lines.iter().take(MAX_LINES) { li { (line) } }
                    @if lines.len() > MAX_LINES { li { "… and " (lines.len() - MAX_LINES) " more" } }
                }
            }
        }
    }
}
