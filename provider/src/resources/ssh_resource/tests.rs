//! The plan-time checks of a noun on the nodes, over the client's fake server.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use pve_schemas::NodeMaintenance;

use super::*;
use crate::client::tests::fake::Fake;
use crate::client::tests::server::ok;
use crate::framework::Stop;
use crate::session::{Configured, SshAccess};

/// The missing `ssh` block hides no finding about the nodes.
#[tokio::test(start_paused = true)]
async fn a_plan_without_ssh_names_the_missing_block_and_the_unknown_node() {
    let server = Fake::start(|seen| match seen.path.as_str() {
        "/version" => ok(r#"{"version":"9.1.2","release":"9.1","repoid":"x"}"#),
        "/cluster/resources" => ok(r#"[{"type":"node","node":"pve1","status":"online","id":"node/pve1"}]"#),
        _ => ok("[]"),
    });
    let session = Arc::new(Session::default());
    session.ready_with(Configured::new(server.client(), SshAccess::Absent, false, BTreeSet::new()));
    let cx = Context::new(Instant::now() + Duration::from_secs(60), Stop::new());
    let resource = SshBackedResource::<NodeMaintenance>::new(session);
    let planned = Value::object([("node", Value::from("pve7"))]);
    let (mut found, checks) = resource.planned(None, Some(&planned));
    let change = Change { prior: None, config: &planned, planned: &planned, replaces: None };
    found.extend(checks.change(&cx, change).await);
    let summaries: Vec<&str> = found.iter().map(|diagnostic| diagnostic.summary.as_str()).collect();
    assert!(summaries.contains(&"Unknown node pve7 in node maintenance"), "{summaries:?}");
    assert!(summaries.contains(&"pve_node_maintenance needs SSH"), "{summaries:?}");
}
