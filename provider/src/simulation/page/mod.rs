//! The report as one self-contained HTML page: no script, no font, no picture from elsewhere.
//!
//! Text is escaped by the templates; only the style sheet is put in as it is. The page has no clock of its own: the same answers
//! of a cluster make the same bytes.

mod cards;
mod fleet;
mod header;
mod matrix;
mod outcome;
mod place;
mod print;
mod prose;
mod readiness;
mod subject;
#[cfg(test)]
mod tests;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use pve_schemas::data::HaFailoverSimulation;
use pve_schemas::data::readiness::Check;

pub use fleet::{Content, Part, render_fleet};
use matrix::Matrix;
use place::Place;
use readiness::Tally;
pub use subject::Subject;

const STYLE: &str = include_str!("style.css");

/// So many lines of a list are shown; the rest is counted.
const MAX_LINES: usize = 100;

/// The page of a simulation of this cluster with these readiness checks.
pub fn render(subject: &Subject, simulation: &HaFailoverSimulation, checks: &[Check]) -> String {
    let (matrix, tally) = (Matrix::of(simulation), Tally::of(checks));
    let place = Place::WholePage;
    let title = html! { "HA failover report: " (subject.name()) };
    let style = html! { (matrix.style(place)) (print::running_footer(subject)) };
    let body = html! {
        (header::render(place, subject, simulation, &tally))
        main { (sections(place, &matrix, simulation, &tally)) }
    };
    document(&title, &style, &body)
}

/// A whole page around `body`.
fn document(title: &Markup, style: &Markup, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) (style) }
            }
            body {
                (body)
                footer {
                    "Predicted with the placement rules of Proxmox VE’s HA manager by terraform-provider-pve. "
                    "Assumes that fencing works."
                }
            }
        }
    };
    page.into_string()
}

fn sections(place: Place, matrix: &Matrix<'_>, simulation: &HaFailoverSimulation, tally: &Tally<'_>) -> Markup {
    html! {
        (list(&place.id("problems"), "Problems", &simulation.problems))
        (matrix.render(place))
        (cards::render(place, simulation))
        (readiness::render(place, tally))
        (list(&place.id("notes"), "Notes", &simulation.notes))
    }
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
