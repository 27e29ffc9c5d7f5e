//! The verdict of one cluster in each of its states, and the exit code.

use acceptance_tests::closed_port::ClosedPort;
use terraform_provider_pve::report::Verdict;

use super::{cluster, cluster_with, document, put_disk, run, variables};

#[tokio::test]
async fn a_lab_is_ready_and_production_misses_its_safeguards() {
    let cluster = cluster("berlin").await;
    let (code, report) = document(&["--profile", "lab"], &variables(&cluster)).await;
    let blockers = &report.clusters[0].facts.as_ref().unwrap().readiness.blockers;
    assert_eq!((code, report.verdict, blockers.as_slice()), (0, Verdict::Ready, &[] as &[String]));
    assert_eq!(report.clusters[0].name, "berlin");

    let (code, report) = document(&[], &variables(&cluster)).await;
    assert_eq!((code, report.verdict), (1, Verdict::NotReady));
    let blockers = &report.clusters[0].facts.as_ref().unwrap().readiness.blockers;
    assert!(blockers.iter().any(|blocker| blocker.starts_with("backup (fail): ")), "{blockers:?}");
}

#[tokio::test]
async fn the_verdict_alone_names_its_reasons() {
    let cluster = cluster("berlin").await;
    let ready = run(&["--check-only", "--profile", "lab"], &variables(&cluster)).await;
    assert_eq!((ready.code, ready.output.as_str()), (0, "berlin: ready"));
    let not = run(&["--check-only"], &variables(&cluster)).await;
    assert!(not.code == 1 && not.output.starts_with("berlin: not ready\n- "), "{not:?}");
    assert!(not.output.contains("\n- backup (fail): "), "{not:?}");
}

#[tokio::test]
async fn a_dead_node_is_seen_and_its_loss_was_the_last_that_is_survived() {
    let cluster = cluster_with("berlin", |world| {
        world.power("pve2", false);
        world.advance(400.0);
    })
    .await;
    let (code, report) = document(&[], &variables(&cluster)).await;
    assert_eq!(code, 1);
    let facts = report.clusters[0].facts.as_ref().unwrap();
    assert_eq!((facts.quorum.quorate, facts.quorum.total_votes), (Some(true), Some(2)));
    let failed: Vec<_> = facts.failover.scenarios.iter().map(|one| (one.name.as_str(), one.survived)).collect();
    assert_eq!(failed, [("pve1", false), ("pve3", false)]);
    let text = run(&[], &variables(&cluster)).await.output;
    assert!(text.contains("**2 of 2 simulated failures are not survived:** pve1, pve3."), "{text}");
}

#[tokio::test]
async fn a_cluster_without_quorum_is_not_ready() {
    let cluster = cluster_with("berlin", |world| {
        world.power("pve2", false);
        world.power("pve3", false);
        world.advance(30.0);
    })
    .await;
    let (code, report) = document(&["--profile", "lab"], &variables(&cluster)).await;
    let facts = report.clusters[0].facts.as_ref().unwrap();
    assert_eq!((code, facts.quorum.quorate), (1, Some(false)));
    assert!(facts.readiness.blockers.iter().any(|line| line.starts_with("quorum (fail): ")), "{facts:?}");
    let text = run(&["--profile", "lab"], &variables(&cluster)).await.output;
    assert!(text.contains("**no quorum** (1 of 3 votes, 2 needed)"), "{text}");
}

#[tokio::test]
async fn a_guest_without_a_copy_of_its_disk_is_named() {
    let cluster = cluster_with("berlin", |world| put_disk(world, 101, "local-zfs")).await;
    let (code, report) = document(&[], &variables(&cluster)).await;
    let failover = &report.clusters[0].facts.as_ref().unwrap().failover;
    assert_eq!((code, failover.survivable), (1, false));
    assert!(failover.problems[0].starts_with("pve2 fails: vm:101 "), "{:?}", failover.problems);
}

#[tokio::test]
async fn a_cluster_that_can_t_be_read_could_not_tell() {
    let port = ClosedPort::new();
    let cluster = cluster("berlin").await;
    let mut variables = variables(&cluster);
    variables.insert("PROXMOX_VE_ENDPOINT".to_owned(), format!("https://{port}"));
    let (code, report) = document(&[], &variables).await;
    assert_eq!((code, report.verdict, report.clusters[0].name.as_str()), (2, Verdict::Unknown, "127.0.0.1"));
    let error = report.clusters[0].error.as_ref().unwrap();
    assert_eq!(error.summary, "Cannot use the Proxmox VE API");
    assert!(report.clusters[0].facts.is_none());
    for name in ["PROXMOX_VE_ENDPOINT", "PROXMOX_VE_API_TOKEN"] {
        let mut fewer = variables.clone();
        fewer.remove(name);
        let ended = run(&[], &fewer).await;
        assert!(ended.code == 2 && ended.messages.contains("Missing "), "{name}: {ended:?}");
    }
}

#[tokio::test]
async fn what_contradicts_itself_is_a_usage_error_and_sends_nothing() {
    let cluster = cluster("berlin").await;
    let ended = run(&["--plan", "x", "--format", "html"], &variables(&cluster)).await;
    assert_eq!(ended.code, 64, "{ended:?}");
    let ended = run(&["--clusters", "/nonexistent"], &variables(&cluster)).await;
    assert!(ended.code == 64 && ended.messages.contains("Nothing was sent."), "{ended:?}");
}
