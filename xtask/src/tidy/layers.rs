//! Dependencies point one way: `plugin → protocol → framework ← resources → {client, ssh, placement}`, the nouns beneath.

use std::io;

use super::paths::{Named, paths};
use super::{Finding, sources};
use crate::Workspace;

/// What one layer may name of the crates of this workspace, and what it never names of others.
struct Layer {
    /// The folder, or file, that it is.
    at: &'static str,
    /// The path prefixes in this workspace's crates that it may name beside its own.
    may: &'static [&'static str],
    /// Path prefixes of other crates that it never names.
    never: &'static [&'static str],
    because: &'static str,
}

const PROVIDER: &str = "terraform_provider_pve";

/// Tests of any layer may try it in the whole provider.
const REGISTRY: &str = "terraform_provider_pve::registry";

/// What tests of any layer may share.
const SHARED_BY_TESTS: &str = "terraform_provider_pve::fuzz";

/// Numbers in sentences, which every layer may write.
const WORDS: &str = "terraform_provider_pve::words";

/// Causes of errors, which every layer may keep.
const SOURCE: &str = "terraform_provider_pve::source";

/// The crates whose modules have a direction among each other.
const OURS: &[&str] = &[PROVIDER, "pve_schemas", "pve_ha_manager", "pve_emulator", "acceptance_tests", "xtask"];

/// What speaks gRPC, msgpack or HTTP.
const WIRE: &[&str] = &["tonic", "prost", "prost_types", "rmp", "rmpv", "reqwest", "hyper", "hyper_util"];

const LAYERS: &[Layer] = &[
    Layer {
        at: "schemas/src/",
        may: &[],
        never: &[
            "tokio",
            "tonic",
            "prost",
            "reqwest",
            "hyper",
            "std::fs",
            "std::net::TcpStream",
            "std::process",
            "std::time::Instant",
        ],
        because: "the nouns are plain data, without IO",
    },
    Layer {
        at: "provider/src/plugin/",
        may: &["terraform_provider_pve::protocol", "terraform_provider_pve::framework::Provider"],
        never: &["reqwest", "pve_schemas"],
        because: "the start of the plugin is independent of the nouns",
    },
    Layer {
        at: "provider/src/protocol/",
        may: &["terraform_provider_pve::framework"],
        never: &["reqwest", "pve_schemas"],
        because: "the wire holds no semantics",
    },
    Layer {
        at: "provider/src/framework/",
        may: &["pve_schemas::value", "pve_schemas::noun"],
        never: WIRE,
        because: "the semantics are independent of Proxmox and of the wire",
    },
    Layer {
        at: "provider/src/call",
        may: &[],
        never: WIRE,
        because: "the bounds of an operation are shared by client \
                                                                      and SSH",
    },
    Layer {
        at: "provider/src/client/",
        may: &["terraform_provider_pve::call", "pve_schemas"],
        never: &["tonic", "prost", "prost_types", "rmp", "rmpv"],
        because: "the client is independent of Terraform",
    },
    Layer {
        at: "provider/src/ssh/",
        may: &["terraform_provider_pve::call", "pve_schemas"],
        never: WIRE,
        because: "the SSH transport is independent of Terraform and of the HTTP client",
    },
    Layer {
        at: "ha-manager/src/",
        may: &["pve_schemas"],
        never: &[
            "tokio",
            "tonic",
            "reqwest",
            "hyper",
            "std::fs",
            "std::net::TcpStream",
            "std::time::Instant",
            "std::time::SystemTime",
        ],
        because: "placement is pure: no IO, no clock",
    },
    Layer {
        at: "provider/src/simulation/",
        may: &["pve_ha_manager", "pve_schemas"],
        never: &[
            "tokio",
            "tonic",
            "reqwest",
            "hyper",
            "std::fs",
            "std::net::TcpStream",
            "std::time::Instant",
            "std::time::SystemTime",
        ],
        because: "a simulation is pure: answers in, verdicts out",
    },
    Layer {
        at: "provider/src/readiness/",
        may: &["pve_ha_manager", "terraform_provider_pve::simulation", "pve_schemas"],
        never: &[
            "tokio",
            "tonic",
            "reqwest",
            "hyper",
            "std::fs",
            "std::net::TcpStream",
            "std::time::Instant",
            "std::time::SystemTime",
        ],
        because: "a check only judges the gathered facts",
    },
    Layer {
        at: "provider/src/resources/",
        may: &[
            "terraform_provider_pve::call",
            "terraform_provider_pve::framework",
            "terraform_provider_pve::client",
            "terraform_provider_pve::ssh",
            "pve_ha_manager",
            "terraform_provider_pve::preflight",
            "terraform_provider_pve::session",
            "terraform_provider_pve::explain",
            "terraform_provider_pve::unknown",
            "pve_schemas",
        ],
        never: WIRE,
        because: "operations use framework and client, and have no wire code of their own",
    },
    Layer {
        at: "provider/src/data_sources/",
        may: &[
            "terraform_provider_pve::call",
            "terraform_provider_pve::framework",
            "terraform_provider_pve::client",
            "terraform_provider_pve::ssh",
            "pve_ha_manager",
            "terraform_provider_pve::simulation",
            "terraform_provider_pve::readiness",
            "terraform_provider_pve::session",
            "terraform_provider_pve::explain",
            "terraform_provider_pve::privileges",
            "terraform_provider_pve::unknown",
            "pve_schemas",
        ],
        never: WIRE,
        because: "operations use framework and client, and have no wire code of their own",
    },
    Layer {
        at: "provider/src/operations/",
        may: &[
            "terraform_provider_pve::call",
            "terraform_provider_pve::framework",
            "terraform_provider_pve::client",
            "terraform_provider_pve::ssh",
            "pve_ha_manager",
            "terraform_provider_pve::simulation",
            "terraform_provider_pve::readiness",
            "terraform_provider_pve::data_sources",
            "terraform_provider_pve::resources",
            "terraform_provider_pve::session",
            "terraform_provider_pve::explain",
            "terraform_provider_pve::privileges",
            "pve_schemas",
        ],
        never: WIRE,
        because: "operations use framework and client, and have no wire code of their own",
    },
    Layer {
        at: "provider/src/functions/",
        may: &[
            "terraform_provider_pve::framework",
            "pve_ha_manager",
            "terraform_provider_pve::simulation::nouns",
            "pve_schemas",
        ],
        never: &[
            "tokio",
            "tonic",
            "reqwest",
            "hyper",
            "std::fs",
            "std::env",
            "std::net::TcpStream",
            "std::time::Instant",
            "std::time::SystemTime",
        ],
        because: "a function is pure: arguments in, a value out",
    },
    Layer {
        at: "provider/src/preflight/",
        may: &[
            "terraform_provider_pve::call",
            "terraform_provider_pve::framework",
            "terraform_provider_pve::client",
            "pve_ha_manager",
            "terraform_provider_pve::simulation",
            "terraform_provider_pve::privileges",
            "pve_schemas",
        ],
        never: WIRE,
        because: "plan-time checks read the cluster and the plan, and only add diagnostics",
    },
    Layer {
        at: "provider/src/config/",
        may: &[
            "terraform_provider_pve::call",
            "terraform_provider_pve::framework",
            "terraform_provider_pve::client",
            "terraform_provider_pve::ssh",
            "terraform_provider_pve::preflight",
            "terraform_provider_pve::session",
            "terraform_provider_pve::explain",
            "pve_schemas",
        ],
        never: WIRE,
        because: "it only turns the provider block into clients",
    },
    Layer { at: "provider/src/privileges", may: &[], never: WIRE, because: "the needed privileges are plain data" },
    Layer {
        at: "provider/src/fuzz",
        may: &[
            "terraform_provider_pve::client::hostile",
            "terraform_provider_pve::import_config::hostile",
            "terraform_provider_pve::protocol::hostile",
            "terraform_provider_pve::readiness::hostile",
            "pve_schemas",
        ],
        never: WIRE,
        because: "it only puts hostile input to the decoders",
    },
    Layer { at: "provider/src/source", may: &[], never: WIRE, because: "it only keeps the causes of errors" },
    Layer { at: "provider/src/words", may: &[], never: WIRE, because: "it only writes numbers in sentences" },
    Layer {
        at: "provider/src/explain",
        may: &["terraform_provider_pve::framework", "terraform_provider_pve::client", "terraform_provider_pve::ssh"],
        never: WIRE,
        because: "it only turns errors of client and ssh into diagnostics",
    },
    Layer {
        at: "provider/src/unknown",
        may: &["terraform_provider_pve::framework", "pve_schemas"],
        never: WIRE,
        because: "it only names unknown properties and types",
    },
    Layer {
        at: "provider/src/session",
        may: &[
            "terraform_provider_pve::call",
            "terraform_provider_pve::framework",
            "terraform_provider_pve::client",
            "terraform_provider_pve::ssh",
            "terraform_provider_pve::preflight",
            "terraform_provider_pve::simulation",
            "terraform_provider_pve::unknown",
        ],
        never: WIRE,
        because: "a session only holds the clients of the provider block",
    },
    Layer {
        at: "provider/src/import_config/",
        may: &[
            "terraform_provider_pve::framework",
            "terraform_provider_pve::config",
            "terraform_provider_pve::terminal",
        ],
        never: WIRE,
        because: "the import of a cluster sends only requests that core could send, and writes files",
    },
    Layer {
        at: "provider/src/report/",
        may: &[
            "terraform_provider_pve::framework",
            "terraform_provider_pve::config",
            "terraform_provider_pve::session",
            "terraform_provider_pve::data_sources",
            "terraform_provider_pve::simulation",
            "terraform_provider_pve::terminal",
            "pve_schemas",
        ],
        never: WIRE,
        because: "a report only reads what data sources read, and writes it",
    },
    Layer {
        at: "provider/src/terminal/",
        may: &["terraform_provider_pve::framework"],
        never: WIRE,
        because: "it only has what the commands for people share",
    },
    Layer {
        at: "provider/src/command_line/",
        may: &[
            "terraform_provider_pve::framework",
            "terraform_provider_pve::import_config",
            "terraform_provider_pve::report",
            "terraform_provider_pve::terminal",
        ],
        never: WIRE,
        because: "a command line only turns arguments into what core could send",
    },
    Layer {
        at: "acceptance-tests/emulator/",
        may: &["pve_ha_manager"],
        never: &["tonic", "prost"],
        because: "an emulator that shares code with its client proves nothing",
    },
    Layer {
        at: "demo/",
        may: &[],
        never: &["reqwest", "hyper", "tonic"],
        because: "the demo starts at once where there is a release: it compiles in seconds",
    },
];

/// Modules of the provider that may name every layer.
const ROOTS: &[&str] = &["provider/src/lib.rs", "provider/src/main.rs", "provider/src/registry.rs"];

/// Every path that points the wrong way.
///
/// # Errors
/// A file can't be read.
pub fn findings(workspace: &Workspace) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for (file, text) in sources(workspace)? {
        match LAYERS.iter().find(|layer| file.starts_with(layer.at)) {
            Some(layer) => findings.extend(wrong_ways(layer, &file, &text)),
            None if file.starts_with("provider/src/") && !ROOTS.contains(&file.as_str()) => {
                findings.push(Finding::new(file, 0, "belongs to no layer; add it to the table of layers"));
            }
            None => {}
        }
    }
    Ok(findings)
}

fn wrong_ways(layer: &Layer, file: &str, text: &str) -> Vec<Finding> {
    let module = module(file);
    let module: Vec<_> = module.iter().map(String::as_str).collect();
    let own = own(layer, &module);
    let mut findings = Vec::new();
    for Named { path, line, in_tests } in paths(text, &module) {
        let path = path.join("::");
        let within =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
        let ours = OURS.iter().any(|ours| path.strip_prefix(ours).is_some_and(|rest| rest.starts_with("::")));
        let root_item = path.split("::").nth(1).is_some_and(|name| name.starts_with(char::is_uppercase));
        let allowed = if ours {
            let whole = in_tests && (within(REGISTRY) || within(SHARED_BY_TESTS));
            whole
                || root_item
                || within(WORDS)
                || within(SOURCE)
                || within(&own)
                || layer.may.iter().any(|may| within(may))
        } else {
            !layer.never.iter().any(|never| within(never))
        };
        if !allowed {
            let layer_name = layer.at.trim_end_matches('/');
            findings.push(Finding::new(file, line, format!("{layer_name} names {path}: {}", layer.because)));
        }
    }
    findings
}

/// The path of the layer itself.
fn own(layer: &Layer, module: &[&str]) -> String {
    if layer.at.starts_with("provider/src/") {
        module[..module.len().min(2)].join("::")
    } else {
        module[..1].join("::")
    }
}

/// The path of a file's module: its crate's name, then its modules.
fn module(file: &str) -> Vec<String> {
    let crates = [
        ("schemas/src/", "pve_schemas"),
        ("provider/src/", PROVIDER),
        ("acceptance-tests/emulator/", "pve_emulator"),
        ("ha-manager/", "pve_ha_manager"),
        ("acceptance-tests/", "acceptance_tests"),
        ("demo/", "demo"),
        ("xtask/", "xtask"),
    ];
    let (rest, name) =
        crates.iter().find_map(|(folder, name)| Some((file.strip_prefix(folder)?, *name))).unwrap_or((file, "unknown"));
    let rest = rest.trim_start_matches("src/").trim_end_matches(".rs");
    let modules = rest.split('/').filter(|part| !matches!(*part, "mod" | "lib" | "main"));
    std::iter::once(name).chain(modules).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
