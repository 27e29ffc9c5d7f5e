//! Reattach mode: a person starts the process, in a debugger perhaps, and makes core use it.

use std::io::{self, Write};

use serde_json::{Map, json};

use super::socket::Address;

/// The addresses that `pve-ha/pve` is short for: Terraform's registry and OpenTofu's.
const SOURCES: [&str; 2] = ["registry.terraform.io/pve-ha/pve", "registry.opentofu.org/pve-ha/pve"];

/// Prints the next step for the person.
///
/// # Errors
/// stdout is closed.
pub(super) fn announce(address: &Address) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "Serving until interrupted (Ctrl-C). To use this process, set in another shell:\n")?;
    writeln!(stdout, "\tTF_REATTACH_PROVIDERS='{}'\n", variable(address, std::process::id()))?;
    stdout.flush()
}

fn variable(address: &Address, pid: u32) -> String {
    let entry = json!({
        "Protocol": "grpc",
        "ProtocolVersion": 5,
        "Pid": pid,
        // Core then neither shuts the process down nor kills it.
        "Test": true,
        "Addr": { "Network": address.network, "String": address.text },
    });
    let entries: Map<_, _> = SOURCES.iter().map(|source| ((*source).to_owned(), entry.clone())).collect();
    serde_json::Value::Object(entries).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_both_registries() {
        let text = variable(&Address { network: "unix", text: "/tmp/x".to_owned() }, 7);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        for source in SOURCES {
            assert_eq!(json[source]["Pid"], 7);
            assert_eq!(json[source]["Addr"]["String"], "/tmp/x");
            assert_eq!(json[source]["Test"], true);
        }
    }
}
