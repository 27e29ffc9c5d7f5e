//! Tasks: what Proxmox does after it has answered.

use serde::Deserialize;

use super::Client;
use super::attempt::{Delays, over};
use super::error::Error;
use super::path::path;
use crate::call::Call;

/// A task's id, `UPID:NODE:PID:PSTART:STARTTIME:TYPE:ID:USER:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upid {
    text: String,
    node: String,
}

impl Upid {
    /// Parses a task id; `None` if the text is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(':');
        let node = fields.nth(1).filter(|node| !node.is_empty())?;
        (text.starts_with("UPID:") && text.ends_with(':') && fields.count() == 7)
            .then(|| Self { text: text.to_owned(), node: node.to_owned() })
    }

    /// The id as Proxmox writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// How a task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// `OK`.
    Ok,
    /// `WARNINGS: N`.
    Warnings(String),
    /// Anything else, in Proxmox's words.
    Failed(String),
}

impl Client {
    /// Waits until a task has ended, however it ended.
    ///
    /// # Errors
    ///
    /// What the requests meet, and when the call ends first; the task goes on then.
    pub async fn task(&self, upid: &Upid, call: &Call) -> Result<TaskEnd, Error> {
        let status = path(["nodes", &upid.node, "tasks", &upid.text, "status"]);
        let mut delays = Delays::new();
        loop {
            let now: Status = self.get(&status, call).await?;
            if now.status != "running" {
                return Ok(now.end());
            }
            call.bound(tokio::time::sleep(delays.next()))
                .await
                .map_err(|ended| over(ended, &reqwest::Method::GET, &status))?;
        }
    }
}

#[derive(Deserialize)]
struct Status {
    status: String,
    exitstatus: Option<String>,
}

impl Status {
    fn end(self) -> TaskEnd {
        match self.exitstatus {
            Some(text) if text == "OK" => TaskEnd::Ok,
            Some(text) if text.starts_with("WARNINGS") => TaskEnd::Warnings(text),
            Some(text) => TaskEnd::Failed(text),
            None => TaskEnd::Failed("the task ended without an exit status".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn task_ids() {
        let text = "UPID:pve1:0000A1B2:00C3D4E5:6742AB01:qmstart:100:root@pam!ci:";
        let upid = Upid::parse(text).unwrap();
        assert_eq!((upid.as_str(), upid.node.as_str()), (text, "pve1"));
        for bad in ["", "UPID:", "UPID:pve1:1:2:3:x:y:z", "UPID::1:2:3:x:y:z:"] {
            assert_eq!(Upid::parse(bad), None, "{bad}");
        }
    }
}
