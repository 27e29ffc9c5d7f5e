//! The API of one node, by one of two ways: HTTPS, or `pvesh` in its shell.

use std::net::IpAddr;

use serde_json::Value as Json;

use super::over_ssh::ssh_failure;
use crate::call::Call;
use crate::client::{Client, ErrorKind, Params, path, wire};
use crate::explain::explain;
use crate::framework::Failure;
use crate::ssh::{Command, Ssh};

/// How many lines of the log of a failed task are quoted.
const QUOTED_LINES: usize = 8;

/// A way to a node's API.
#[derive(Clone, Debug)]
pub enum Door {
    Https(Client),
    Shell { ssh: Ssh, node: String },
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Running,
    Done,
    /// Proxmox's text, and the end of its log.
    Failed(String),
    /// The node did not say, as while it restarts.
    Unknown,
}

impl Door {
    /// Reads a path; `object` is what the answer is about, for messages.
    ///
    /// # Errors
    /// What the request or the command meets.
    pub async fn get(&self, object: &str, path: &str, query: &[(&str, &str)], call: &Call) -> Result<Json, Failure> {
        match self {
            Self::Https(client) => {
                let params: Params = query.iter().copied().collect();
                let answer = client.get_with(path, &params, call).await;
                if matches!(&answer, Err(error) if error.kind() == ErrorKind::Unauthorized) {
                    // Not for good: a node that joins has no /etc/pve for some seconds.
                    client.log_in_anew().await;
                }
                answer.map_err(|error| explain(object, &error))
            }
            Self::Shell { ssh, node } => {
                let words = query.iter().flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]);
                let command =
                    Command::new("pvesh").args(["get", path, "--output-format", "json"]).args(words).reading();
                let output = ssh.run(node, &command, call).await.and_then(crate::ssh::Output::success);
                let text = output.map_err(ssh_failure(object))?.text();
                // Nothing is printed where the answer is null.
                let json = if text.trim().is_empty() { Ok(Json::Null) } else { serde_json::from_str(text.trim()) };
                json.map_err(|error| {
                    Failure::refused(format!("{object}: the output of `{command}` is not JSON.")).because(error)
                })
            }
        }
    }

    /// How far the task `upid` of `node` is.
    pub async fn progress(&self, node: &str, upid: &str, call: &Call) -> Progress {
        let status = self.get(node, &path(["nodes", node, "tasks", upid, "status"]), &[], call).await;
        let Ok(status) = status else { return Progress::Unknown };
        match (status["status"].as_str(), status["exitstatus"].as_str()) {
            (Some("running"), _) => Progress::Running,
            (_, Some("OK")) => Progress::Done,
            (_, Some(text)) if text.starts_with("WARNINGS") => Progress::Done,
            (_, Some(text)) => {
                Progress::Failed(format!("{}PVE: {text} (task {upid})", self.log(node, upid, call).await))
            }
            _ => Progress::Unknown,
        }
    }

    /// The end of the log of a task, in lines of their own.
    async fn log(&self, node: &str, upid: &str, call: &Call) -> String {
        let log = self.get(node, &path(["nodes", node, "tasks", upid, "log"]), &[("limit", "0")], call).await;
        let Ok(Json::Array(lines)) = log else { return String::new() };
        let lines: Vec<&str> = lines.iter().filter_map(|line| line["t"].as_str()).collect();
        let shown = &lines[lines.len().saturating_sub(QUOTED_LINES)..];
        let lines: String = shown.iter().map(|line| format!("  {line}\n")).collect();
        if lines.is_empty() { lines } else { format!("The end of its log:\n{lines}") }
    }

    /// The task of this type that runs on `node`, if one does.
    pub async fn running(&self, node: &str, kind: &str, call: &Call) -> Option<String> {
        let at = path(["nodes", node, "tasks"]);
        let rows = self.get(node, &at, &[("source", "active"), ("typefilter", kind)], call).await.ok()?;
        let is_running = |row: &&Json| row["type"] == kind && row["endtime"].is_null() && row["status"].is_null();
        rows.as_array()?.iter().find(is_running)?["upid"].as_str().map(str::to_owned)
    }

    /// The addresses that `node` has, as far as its configuration says; none where it may have more, such as by DHCP.
    pub async fn addresses(&self, node: &str, call: &Call) -> Option<Vec<IpAddr>> {
        let rows = self.get(node, &path(["nodes", node, "network"]), &[], call).await.ok()?;
        configured(rows.as_array()?)
    }

    /// The ids of the guests on `node`.
    ///
    /// # Errors
    /// What the request meets.
    pub async fn guests(&self, node: &str, call: &Call) -> Result<Vec<i64>, Failure> {
        let rows = self.get(node, "/cluster/resources", &[("type", "vm")], call).await?;
        let here = rows.as_array().into_iter().flatten().filter(|row| row["node"] == node);
        let mut guests: Vec<i64> = here.filter_map(|row| wire::integer(&row["vmid"])).collect();
        guests.sort_unstable();
        Ok(guests)
    }
}

/// The addresses in `/nodes/NODE/network`; none where an interface has some that are not in there.
fn configured(interfaces: &[Json]) -> Option<Vec<IpAddr>> {
    let is_elsewhere = |row: &Json, name: &str| matches!(row[name].as_str(), Some("dhcp" | "auto"));
    if interfaces.is_empty() || interfaces.iter().any(|row| is_elsewhere(row, "method") || is_elsewhere(row, "method6"))
    {
        return None;
    }
    let texts = interfaces.iter().flat_map(|row| ["address", "address6"].map(|name| row[name].as_str()));
    Some(texts.flatten().filter_map(|text| text.split('/').next()?.parse().ok()).collect())
}

/// Those of `requested` that a node with these addresses does not have.
pub fn missing<'a>(addresses: &[IpAddr], requested: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let has = |text: &&str| text.parse::<IpAddr>().is_ok_and(|address| addresses.contains(&address));
    requested.into_iter().filter(|text| !has(text)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_addresses_are_known_unless_dhcp_gives_some() {
        let rows = [
            json!({"iface": "vmbr0", "method": "static", "method6": "static", "address": "10.0.0.1", "address6": "fd00::1"}),
            json!({"iface": "eno1", "method": "manual", "method6": "manual"}),
        ];
        let known = configured(&rows).unwrap();
        assert_eq!(missing(&known, ["10.0.0.1", "fd00:0:0::1", "10.0.0.2"]), ["10.0.0.2"]);
        assert_eq!(configured(&[rows[0].clone(), json!({"iface": "eno2", "method": "dhcp"})]), None);
        assert_eq!(configured(&[]), None);
    }
}
