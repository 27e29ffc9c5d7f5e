use pve_schemas::data::failover_simulation::FailoverSimulationArguments;
use pve_schemas::data::readiness::{Level, Status};

use super::super::testing::{Cluster, replica, simulate};
use super::super::{problems, worst};
use super::*;

/// 2026-11-28, shortly after noon.
const NOON: i64 = 1_795_867_245;

fn page_with(cluster: &Cluster, arguments: FailoverSimulationArguments, checks: &[Check]) -> String {
    let live = cluster.live();
    let simulated = simulate(&live, &arguments).unwrap();
    let problems = problems(&simulated.scenarios);
    let simulation = HaFailoverSimulation {
        arguments,
        id: "every-node".into(),
        survivable: problems.is_empty(),
        problems,
        notes: simulated.notes,
        worst: worst(&simulated.scenarios),
        scenarios: simulated.scenarios,
        placement: simulated.placement,
        summary_markdown: simulated.markdown,
        report_html: None,
    };
    let newest = cluster.manager["timestamp"].as_i64();
    render(&Subject::new(&live, "9.2.11".into(), newest), &simulation, checks)
}

fn page(cluster: &Cluster, checks: &[Check]) -> String {
    page_with(cluster, FailoverSimulationArguments::default(), checks)
}

fn check(level: Level, status: Status, title: &str) -> Check {
    Check {
        id: "quorum".into(),
        title: title.into(),
        level,
        status,
        detail: "1 of 3 votes".into(),
        remedy: Some("Do <b>this</b>".into()),
    }
}

/// What is between the first `from` and the next `to`.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("{from} is missing in\n{page}"));
    rest.split_once(to).unwrap().0
}

fn readiness(checks: &[Check]) -> String {
    let page = page(&Cluster::of(3), checks);
    between(&page, "<section id=\"readiness\">", "</section>").to_owned()
}

fn matrix_key(cluster: &Cluster) -> String {
    let page = page(cluster, &[]);
    between(&page, "<ul class=\"key\">", "</ul>").to_owned()
}

#[test]
fn every_failure_and_every_service_has_its_place() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1).service(101, 2).disk(101, "scsi0", "zfs");
    let page = page(&cluster, &[check(Level::Mandatory, Status::Fail, "Quorum")]);
    let texts = [
        "1 of 3 simulated failures is not survived",
        "vm:100",
        "→ pve3",
        "✕ not recovered",
        "1 of 3 votes",
        "guest101",
    ];
    for text in texts {
        assert!(page.contains(text), "{text} is missing in\n{page}");
    }
}

#[test]
fn the_header_names_the_cluster_its_version_and_the_day_of_its_newest_fact() {
    let mut cluster = Cluster::of(3);
    cluster.manager["timestamp"] = NOON.into();
    let page = page(&cluster, &[]);
    let header = between(&page, "<header>", "</header>");
    for text in ["<b>cluster c</b>", "Proxmox VE 9.2.11", "<time datetime=\"2026-11-28\">"] {
        assert!(header.contains(text), "{text} is missing in\n{header}");
    }
    assert_eq!(between(&page, "<title>", "</title>"), "HA failover report: cluster c");
    assert!(page.contains(r#"@bottom-left { content: "HA failover report\2c  cluster c\2c  2026\2d 11\2d 28"; }"#));
}

/// The HA manager renews its timestamp every 10 seconds, and the age of a copy grows: the page has the day alone.
#[test]
fn the_same_cluster_makes_the_same_page_all_day() {
    let at = |time: i64| {
        let mut cluster = Cluster::of(3);
        cluster.service(100, 1).disk(100, "scsi0", "zfs");
        cluster.manager["timestamp"] = (NOON + time).into();
        cluster.replicas.push(replica(100, "pve2", Some(60 + time)));
        page(&cluster, &[])
    };
    assert_eq!(at(0), at(3600));
    assert_ne!(at(0), at(86_400));
}

#[test]
fn what_comes_from_the_cluster_is_text() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1);
    cluster.guest(100).name = Some("<script>alert('x')</script>\"&".into());
    let mut live = cluster.live();
    live.quorum.cluster_name = Some("</style><script>".into());
    let simulated = simulate(&live, &FailoverSimulationArguments::default()).unwrap();
    let simulation = HaFailoverSimulation {
        arguments: FailoverSimulationArguments::default(),
        id: String::new(),
        survivable: true,
        problems: vec!["<script>".into()],
        notes: vec!["<script>".into()],
        worst: None,
        scenarios: simulated.scenarios,
        placement: simulated.placement,
        summary_markdown: String::new(),
        report_html: None,
    };
    let checks = [check(Level::Mandatory, Status::Fail, "<img src=x onerror=alert(1)>")];
    let page = render(&Subject::new(&live, "<script>".into(), None), &simulation, &checks);
    assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("<b>this"), "{page}");
    assert_eq!(page.matches("</style>").count(), 1, "{page}");
    assert!(page.contains("&lt;script&gt;alert('x')&lt;/script&gt;&quot;&amp;"), "{page}");
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
    assert!(page.contains("200 more HA resources are not shown"));
}

#[test]
fn a_banner_names_the_nodes_that_are_down_now_and_only_those() {
    let mut cluster = Cluster::of(7);
    cluster.service(100, 1);
    let quiet = page(&cluster, &[]);
    assert!(!quiet.contains("class=\"banner\"") && !quiet.contains("offline now"), "{quiet}");
    cluster.nodes[5].online = false;
    cluster.nodes[6].online = false;
    let page = page(&cluster, &[]);
    let banner = between(&page, "<p class=\"banner\">", "</p>");
    assert!(banner.contains("Nodes pve6, pve7 are offline now."), "{banner}");
    assert!(banner.contains("5 of 7 votes are present, 4 needed."), "{banner}");
    assert!(page.contains("offline now</span>"), "{page}");
}

#[test]
fn the_key_lists_the_states_that_occur_and_no_other() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1);
    let key = matrix_key(&cluster);
    assert!(key.contains("not affected") && key.contains("recovered on that node"), "{key}");
    assert_eq!(key.matches("<li>").count(), 2, "{key}");
    cluster.disk(100, "scsi0", "zfs");
    cluster.replicas = vec![replica(100, "pve2", Some(60)), replica(100, "pve3", Some(60))];
    let key = matrix_key(&cluster);
    assert!(key.contains("recovered there from a replica"), "{key}");
    assert_eq!(key.matches("<li>").count(), 2, "{key}");
    cluster.replicas.clear();
    let key = matrix_key(&cluster);
    assert!(key.contains("✕ not recovered"), "{key}");
    assert_eq!(key.matches("<li>").count(), 2, "{key}");
}

#[test]
fn without_quorum_services_stop_and_are_not_called_unrecovered() {
    let mut cluster = Cluster::of(2);
    cluster.service(100, 1);
    let page = page(&cluster, &[]);
    let matrix = between(&page, "<section id=\"matrix\">", "</section>");
    assert!(matrix.contains("■ stops") && !matrix.contains("✕ not recovered"), "{matrix}");
    assert!(!page.contains("memory use"), "{page}");
    // No node has a load to show, so that the key of loads is left out.
    assert!(!page.contains("before the failure"), "{page}");
}

#[test]
fn the_memory_limit_is_drawn_and_in_the_key() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1);
    let limit = |max_memory_percent| {
        let arguments = FailoverSimulationArguments { max_memory_percent, ..Default::default() };
        page_with(&cluster, arguments, &[])
    };
    let page = limit(Some(80));
    assert!(page.contains("limit: 80 % of the node’s memory"), "{page}");
    assert!(page.contains("<i class=\"limit\" style=\"left:80.0%\">"), "{page}");
    // At the default the scale goes further than the limit.
    assert!(limit(None).contains("<i class=\"limit\" style=\"left:95.2%\">"));
}

#[test]
fn a_matrix_says_that_it_scrolls_where_it_is_wider_than_its_frame() {
    let mut cluster = Cluster::of(3);
    cluster.service(100, 1);
    let all = page(&cluster, &[]);
    assert!(all.contains("Scroll sideways for all 3 failures"), "{all}");
    let rem = |page: &str| between(page, "@container (max-width: ", "rem)").parse::<usize>().unwrap();
    let failed_nodes = Some(["pve1".parse().unwrap()].into());
    let arguments = FailoverSimulationArguments { failed_nodes, ..Default::default() };
    let one = page_with(&cluster, arguments, &[]);
    assert!(one.contains("The failure of pve1 is survived"), "{one}");
    // A phone is 24 rem wide.
    assert!(rem(&one) < rem(&all) && rem(&all) > 24, "{} and {}", rem(&one), rem(&all));
}

#[test]
fn the_verdict_counts_mandatory_checks_that_failed_or_are_unknown() {
    let (mandatory, recommended) = (Level::Mandatory, Level::Recommended);
    let verdict = |checks: &[(Level, Status)]| {
        let checks: Vec<Check> = checks.iter().map(|(level, status)| check(*level, *status, "x")).collect();
        let readiness = readiness(&checks);
        let page = page(&Cluster::of(3), &checks);
        let verdict = between(&readiness, "<p class=\"ready ", "</p>").to_owned();
        let header = between(&page, "<header>", "</header>");
        assert!(header.contains(verdict.split_once('>').unwrap().1), "{header}");
        let failed = checks.iter().any(|check| check.level == recommended && check.status == Status::Fail);
        assert_eq!(header.contains("<small>1 recommended check failed</small>"), failed, "{header}");
        verdict
    };
    assert_eq!(verdict(&[(mandatory, Status::Pass)]), "good\">Ready: no mandatory check failed");
    assert_eq!(
        verdict(&[(mandatory, Status::Skipped), (recommended, Status::Fail), (recommended, Status::Unknown)]),
        "good\">Ready: no mandatory check failed"
    );
    assert_eq!(verdict(&[(mandatory, Status::Fail); 4]), "bad\">Not ready: 4 mandatory checks failed");
    assert_eq!(verdict(&[(mandatory, Status::Unknown)]), "bad\">Not ready: 1 mandatory check is unknown");
    assert_eq!(
        verdict(&[(mandatory, Status::Fail), (mandatory, Status::Unknown), (mandatory, Status::Unknown)]),
        "bad\">Not ready: 1 mandatory check failed, 2 are unknown"
    );
    // A status that is none of the four did not pass.
    assert!(!page(&Cluster::of(3), &[]).contains("readiness\""));
}

#[test]
fn failures_are_grouped_by_level_and_passed_checks_are_folded() {
    let readiness = readiness(&[
        check(Level::Recommended, Status::Fail, "Links"),
        check(Level::Mandatory, Status::Pass, "Quorum"),
        check(Level::Mandatory, Status::Fail, "Backup"),
        check(Level::Mandatory, Status::Skipped, "QDevice"),
        check(Level::Mandatory, Status::Unknown, "Watchdog"),
    ]);
    assert!(readiness.contains("<h3>Mandatory: 1 failed, 1 unknown</h3>"), "{readiness}");
    assert!(readiness.contains("<h3>Recommended: 1 failed</h3>"), "{readiness}");
    let titles: Vec<&str> = readiness.split("<h4>").skip(1).map(|part| part.split_once("</h4>").unwrap().0).collect();
    assert_eq!(titles, ["Backup", "Watchdog", "Links", "Quorum", "QDevice"]);
    let (open, folded) = readiness.split_once("<details>").unwrap();
    assert!(!open.contains("Quorum") && folded.starts_with("<summary>1 check passed</summary>"), "{readiness}");
    assert!(folded.contains("<summary>1 check does not apply</summary>"), "{readiness}");
}
