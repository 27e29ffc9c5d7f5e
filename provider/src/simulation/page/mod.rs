//! The report as one self-contained HTML page: no script, no font, no picture from elsewhere.
//!
//! Whatever comes from the cluster goes through [`Text`]. The page holds no time and nothing that differs between two reads
//! of a cluster that has not changed.

mod cards;
mod matrix;
mod readiness;
mod text;

use std::fmt::Write as _;

use pve_schemas::data::HaFailoverSimulation;
use pve_schemas::data::failover_simulation::Scenario;
use pve_schemas::data::readiness::Check;

use crate::words::{by, counted};
use text::Text;

const STYLE: &str = include_str!("style.css");

/// The page of a simulation with these readiness checks.
pub fn render(simulation: &HaFailoverSimulation, checks: &[Check]) -> String {
    let mut page = String::with_capacity(32 * 1024);
    let title = "HA failover report";
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n"
    );
    head(&mut page, simulation, checks);
    page.push_str("<main>\n");
    list(&mut page, "problems", "What is not survived", &simulation.problems);
    matrix::render(&mut page, simulation);
    cards::render(&mut page, simulation);
    readiness::render(&mut page, checks);
    list(&mut page, "notes", "Notes", &simulation.notes);
    page.push_str(
        "</main>\n<footer>Foretold with the placement rules of Proxmox VE’s HA manager by terraform-provider-pve. \
                   It takes for granted that fencing works.</footer>\n</body>\n</html>\n",
    );
    page
}

fn head(page: &mut String, simulation: &HaFailoverSimulation, checks: &[Check]) {
    let all = simulation.scenarios.len();
    let harmful = simulation.scenarios.iter().filter(|scenario| !scenario.survived).count();
    let (class, verdict) = match (all, harmful) {
        (0, _) => ("unknown", "There is no node whose failure could be simulated".to_owned()),
        (1, 0) => ("good", "The failure is survived".to_owned()),
        (1, _) => ("bad", "The failure is not survived".to_owned()),
        (all, 0) => ("good", format!("All {all} failures are survived")),
        (all, harmful) => ("bad", format!("{harmful} of {all} failures {} not survived", by(&harmful, "is", "are"))),
    };
    let _ = write!(
        page,
        "<header class=\"{class}\">\n<p class=\"kicker\">HA failover report</p>\n<h1>{verdict}</h1>\n<dl>\n"
    );
    let nodes = simulation.scenarios.first().map_or(0, |scenario| scenario.nodes.len());
    figure(page, &nodes.to_string(), by(&nodes, "node", "nodes"));
    let resources = simulation.placement.len();
    figure(page, &resources.to_string(), by(&resources, "HA resource", "HA resources"));
    if let Some(worst) = &simulation.worst {
        figure(page, &worst.scenario, "worst failure");
        figure(page, &worst.lost.to_string(), "lost then");
        if let Some(percent) = worst.memory_percent {
            figure(page, &format!("{percent} %"), "memory of the fullest node then");
        }
    }
    if !checks.is_empty() {
        let passed = checks.iter().filter(|check| check.status == "pass").count();
        let apply = checks.iter().filter(|check| check.status != "skipped").count();
        figure(page, &format!("{passed} of {apply}"), "readiness checks passed");
    }
    page.push_str("</dl>\n</header>\n");
}

fn figure(page: &mut String, number: &str, what: &str) {
    let _ = writeln!(page, "<div><dt>{}</dt><dd>{what}</dd></div>", Text(number));
}

fn list(page: &mut String, id: &str, title: &str, lines: &[String]) {
    const MOST: usize = 100;
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(page, "<section id=\"{id}\">\n<h2>{title}</h2>\n<ul>");
    for line in lines.iter().take(MOST) {
        let _ = writeln!(page, "<li>{}</li>", Text(line));
    }
    if lines.len() > MOST {
        let _ = writeln!(page, "<li>… and {} more</li>", lines.len() - MOST);
    }
    page.push_str("</ul>\n</section>\n");
}

/// The votes that are left, in words.
fn votes(scenario: &Scenario) -> String {
    match (scenario.votes, scenario.needed_votes) {
        (Some(votes), Some(needed)) => format!("{} left, {needed} needed", counted(votes, "vote")),
        _ => "votes not known".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use pve_schemas::data::failover_simulation::FailoverSimulationArguments;

    use super::super::testing::{Cluster, simulate};
    use super::super::{problems, worst};
    use super::*;

    fn page(cluster: &Cluster, checks: &[Check]) -> String {
        let simulated = simulate(&cluster.live(), &FailoverSimulationArguments::default()).unwrap();
        let problems = problems(&simulated.scenarios);
        let simulation = HaFailoverSimulation {
            arguments: FailoverSimulationArguments::default(),
            id: "every-node".into(),
            survivable: problems.is_empty(),
            problems,
            notes: simulated.notes,
            worst: worst(&simulated.scenarios),
            scenarios: simulated.scenarios,
            placement: simulated.placement,
            summary_markdown: simulated.markdown,
            report_html: String::new(),
        };
        render(&simulation, checks)
    }

    fn check(detail: &str) -> Check {
        Check {
            id: "quorum".into(),
            title: "Quorum".into(),
            level: "mandatory".into(),
            status: "fail".into(),
            detail: detail.into(),
            remedy: Some("Do <b>this</b>".into()),
        }
    }

    #[test]
    fn every_failure_and_every_service_has_its_place() {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1).service(101, 2).disk(101, "scsi0", "zfs");
        let page = page(&cluster, &[check("1 of 3 votes")]);
        for text in ["1 of 3 failures is not survived", "vm:100", "→ pve3", "✕ lost", "1 of 3 votes", "guest101"] {
            assert!(page.contains(text), "{text} is missing in\n{page}");
        }
    }

    #[test]
    fn what_comes_from_the_cluster_is_text() {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1);
        cluster.guest(100).name = Some("<script>alert('x')</script>\"&".into());
        let page = page(&cluster, &[check("<img src=x onerror=alert(1)>")]);
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>this"), "{page}");
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;"), "{page}");
    }

    #[test]
    fn it_needs_nothing_from_elsewhere() {
        let mut cluster = Cluster::of(2);
        cluster.service(100, 1);
        let page = page(&cluster, &[]);
        for reference in ["http://", "https://", "url(", "@import", "<script", " src="] {
            assert!(!page.contains(reference), "{reference}");
        }
    }

    #[test]
    fn a_large_cluster_makes_a_page_of_bounded_size() {
        let mut cluster = Cluster::of(16);
        for vmid in 0..400 {
            cluster.service(1000 + vmid, usize::try_from(vmid).unwrap() % 16 + 1);
        }
        let page = page(&cluster, &[]);
        assert!(page.len() < 3 << 20, "{}", page.len());
        assert!(page.contains("more services are not shown"));
    }
}
