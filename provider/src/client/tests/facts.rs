//! What the cluster is, and tasks.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::fake::Fake;
use super::server::{call, die, ok, status};
use crate::client::{Kind, Placement, TaskEnd, Upid};

fn version(text: &str) -> super::server::Reply {
    ok(&format!(r#"{{"version":"{text}","release":"x","repoid":"y"}}"#))
}

#[tokio::test(start_paused = true)]
async fn groups_or_rules() {
    let server = Fake::start(|_| version("8.4.21"));
    let placement = server.client().placement(&call()).await.unwrap();
    assert_eq!(placement, Placement::Groups);
    assert_eq!(server.lines(), ["GET /version"]);

    let server = Fake::start(|seen| match seen.path.as_str() {
        "/version" => version("9.2.11"),
        _ => die("cannot index groups: ha groups have been migrated to rules"),
    });
    let client = server.client();
    for _ in 0..3 {
        let placement = client.placement(&call()).await.unwrap();
        assert_eq!(placement, Placement::Rules);
    }
    assert_eq!(server.lines(), ["GET /version", "GET /cluster/ha/groups"]);

    let server = Fake::start(|seen| match seen.path.as_str() {
        "/version" => version("9.0.3"),
        _ => ok(r#"[{"group":"g1","nodes":"a"}]"#),
    });
    let placement = server.client().placement(&call()).await.unwrap();
    assert_eq!(placement, Placement::GroupsUntilMigrated);

    let server = Fake::start(|seen| match seen.path.as_str() {
        "/version" => version("9.0.3"),
        _ => status(403, "Permission check failed (/, Sys.Audit)"),
    });
    let error = server.client().placement(&call()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
}

#[tokio::test(start_paused = true)]
async fn a_task_is_waited_for() {
    let upid = "UPID:pve1:0000A1B2:00C3D4E5:6742AB01:qmstart:100:root@pam:";
    for (exit, end) in [
        ("OK", TaskEnd::Ok),
        ("WARNINGS: 2", TaskEnd::Warnings("WARNINGS: 2".into())),
        ("start failed", TaskEnd::Failed("start failed".into())),
    ] {
        let asked = AtomicUsize::new(0);
        let server = Fake::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0..3 => ok(r#"{"status":"running"}"#),
            _ => ok(&format!(r#"{{"status":"stopped","exitstatus":"{exit}"}}"#)),
        });
        let task = Upid::parse(upid).unwrap();
        assert_eq!(server.client().task(&task, &call()).await.unwrap(), end);
        let line = format!("GET /nodes/pve1/tasks/{upid}/status");
        assert_eq!(server.lines(), vec![line; 4]);
    }
}
