//! Which node's CRM was the master where a case was recorded.
//!
//! No start state says so, but what becomes of a node that dies depends on it: the others take its role over first. So it is
//! taken from the first answer that has it.

use serde_json::Value;

use super::case::{Action, Case};

/// The master's node, as far as the case shows one.
pub(super) fn of(case: &Case) -> Option<String> {
    case.steps.iter().find_map(|step| match &step.action {
        Action::Http(exchange) => in_answer(&exchange.body).map(str::to_owned),
        Action::Command(command) => in_output(&command.stdout).map(str::to_owned),
        _ => None,
    })
}

/// From `status/current` or `status/manager_status`.
fn in_answer(body: &Value) -> Option<&str> {
    let data = body.get("data")?;
    let row = data.as_array().into_iter().flatten().find(|row| row["type"] == "master");
    row.and_then(|row| row.get("node")).or_else(|| data.pointer("/manager_status/master_node"))?.as_str()
}

/// From `ha-manager status`.
fn in_output(stdout: &str) -> Option<&str> {
    stdout.lines().find_map(|line| line.strip_prefix("master ")?.split_whitespace().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_view_of_the_cluster_names_its_master() {
        let rows = json!({"data": [{"type": "quorum", "node": "pve1"}, {"type": "master", "node": "pve3"}]});
        assert_eq!(in_answer(&rows), Some("pve3"));
        assert_eq!(in_answer(&json!({"data": {"manager_status": {"master_node": "pve2"}}})), Some("pve2"));
        assert_eq!(in_answer(&json!({"data": {"manager_status": {"node_status": {}}}})), None);
        assert_eq!(in_answer(&json!({"data": [{"type": "quorum", "node": "pve1"}]})), None);
        assert_eq!(in_answer(&Value::Null), None);
        assert_eq!(in_output("quorum OK\nmaster pve2 (active, x)\nlrm pve1 (idle, x)\n"), Some("pve2"));
    }
}
