//! What the cluster is.

use super::fake::Fake;
use super::server::{call, die, ok, status};
use crate::client::ErrorKind;
use pve_schemas::value::HaMode;

fn version(text: &str) -> super::server::Reply {
    ok(&format!(r#"{{"version":"{text}","release":"x","repoid":"y"}}"#))
}

#[tokio::test(start_paused = true)]
async fn groups_or_rules() {
    let server = Fake::start(|_| version("8.4.21"));
    let mode = server.client().ha_mode(&call()).await.unwrap();
    assert_eq!(mode, HaMode::Groups);
    assert_eq!(server.lines(), ["GET /version"]);

    let server = Fake::start(|seen| match seen.path.as_str() {
        "/version" => version("9.2.11"),
        _ => die("cannot index groups: ha groups have been migrated to rules"),
    });
    let client = server.client();
    for _ in 0..3 {
        let mode = client.ha_mode(&call()).await.unwrap();
        assert_eq!(mode, HaMode::Rules);
    }
    assert_eq!(server.lines(), ["GET /version", "GET /cluster/ha/groups"]);

    let server = Fake::start(|seen| match seen.path.as_str() {
        "/version" => version("9.0.3"),
        _ => ok(r#"[{"group":"g1","nodes":"a"}]"#),
    });
    let mode = server.client().ha_mode(&call()).await.unwrap();
    assert_eq!(mode, HaMode::GroupsUntilMigrated);

    let server = Fake::start(|seen| match seen.path.as_str() {
        "/version" => version("9.0.3"),
        _ => status(403, "Permission check failed (/, Sys.Audit)"),
    });
    let error = server.client().ha_mode(&call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
}
