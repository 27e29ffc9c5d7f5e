//! The emulated cluster as a process of its own, steered through its control plane and read through its API.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::binaries::Binaries;
use crate::cli::Cli;

type Failure = Box<dyn std::error::Error>;

/// A running cluster; ended when dropped.
pub(crate) struct Cluster {
    process: Option<Child>,
    emulator: std::path::PathBuf,
    ready: Ready,
}

/// The line that the emulator prints when it is ready.
#[derive(Deserialize)]
struct Ready {
    endpoint: String,
    api_token: String,
    ca_certificate_file: String,
    ssh_ports: Option<BTreeMap<String, u16>>,
    ssh_host_key: Option<String>,
    ssh_private_key_file: Option<String>,
}

impl Cluster {
    pub(crate) fn start(binaries: &Binaries, pve: &str, more: &[&str], outlives: bool) -> Result<Self, Failure> {
        let mut command = Command::new(&binaries.emulator);
        // A process group of its own: the Ctrl-C that ends this program is not meant for a cluster that stays.
        #[cfg(unix)]
        if outlives {
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
        }
        let mut process = command
            .args(["--listen", "127.0.0.1:0", "--pve", pve])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("the emulator has no stdout")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let ready = serde_json::from_str(&line).map_err(|e| format!("the emulator did not start: {e}: {line}"))?;
        let cluster = Self { process: Some(process), emulator: binaries.emulator.clone(), ready };
        // From here on time passes only when the story says so.
        cluster.advance(30)?;
        Ok(cluster)
    }

    /// What users export to reach this cluster.
    pub(crate) fn environment(&self) -> [(&'static str, &str); 3] {
        [
            ("PROXMOX_VE_ENDPOINT", &self.ready.endpoint),
            ("PROXMOX_VE_API_TOKEN", &self.ready.api_token),
            ("PROXMOX_VE_CA_CERTIFICATE", &self.ready.ca_certificate_file),
        ]
    }

    /// How its nodes are reached over SSH, in the words of the example topology's variable `ssh`.
    pub(crate) fn ssh(&self) -> Option<Json> {
        let (ports, key) = (self.ready.ssh_ports.as_ref()?, self.ready.ssh_host_key.as_ref()?);
        let nodes = ports.iter().map(|(node, port)| (node.clone(), json!({"address": "127.0.0.1", "port": port})));
        Some(json!({
            "private_key_file": self.ready.ssh_private_key_file,
            "host_keys": ports.values().map(|port| format!("[127.0.0.1]:{port} {key}")).collect::<Vec<_>>(),
            "nodes": nodes.collect::<serde_json::Map<_, _>>(),
        }))
    }

    /// Lets time pass while `work` waits for what the cluster does in its own time.
    pub(crate) fn meanwhile<T>(&self, work: impl FnOnce() -> T) -> T {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) && self.advance(2).is_ok() {
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
            let result = work();
            done.store(true, Ordering::Relaxed);
            result
        })
    }

    /// Lets time pass in the cluster.
    pub(crate) fn advance(&self, seconds: u32) -> Result<(), Failure> {
        self.control(&["advance", &seconds.to_string()]).map(|_| ())
    }

    /// Cuts a node's power.
    pub(crate) fn fail(&self, node: &str) -> Result<(), Failure> {
        self.control(&["fail", node]).map(|_| ())
    }

    /// Boots a failed node.
    pub(crate) fn restore(&self, node: &str) -> Result<(), Failure> {
        self.control(&["restore", node]).map(|_| ())
    }

    /// A change outside of Terraform, as by the web interface.
    pub(crate) fn edit(&self, method: &str, path: &str, parameters: &[&str]) -> Result<(), Failure> {
        let mut arguments = vec!["edit", method, path];
        arguments.extend(parameters);
        self.control(&arguments).map(|_| ())
    }

    fn control(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output =
            Command::new(&self.emulator).args(["ctl", "--endpoint", &self.ready.endpoint]).args(arguments).output()?;
        if !output.status.success() {
            return Err(format!(
                "pve-emulator ctl {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            )
            .into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The time in the cluster, in seconds since 1970.
    pub(crate) fn time(&self) -> Result<i64, Failure> {
        let clock: Json = serde_json::from_str(&self.control(&["clock"])?)?;
        let now = clock["now"].as_f64().ok_or("the emulator has no time")?;
        Ok(now as i64)
    }

    /// Calls the API outside of Terraform.
    pub(crate) fn get(&self, path: &str) -> Result<Json, Failure> {
        let mut answer: Json = serde_json::from_str(&self.control(&["edit", "GET", path])?)?;
        Ok(answer["data"].take())
    }

    /// Leaves the cluster running, and says how to go on with it.
    ///
    /// # Errors
    /// The clock can't be given back.
    pub(crate) fn keep(mut self, cli: &Cli, folder: &Path) -> Result<String, Failure> {
        self.control(&["clock", "real"])?;
        let process = self.process.take().map_or(0, |child| child.id());
        let mut text = format!(
            "\nThe cluster keeps running; end it with `kill {process}`. The workspace is `critical`. To play on:\n\n"
        );
        let _ = writeln!(text, "  cd {}", folder.join("three-node").display());
        for (name, value) in self.environment().into_iter().chain(cli.environment()) {
            let _ = writeln!(text, "  export {name}='{value}'");
        }
        let _ = writeln!(text, "  {} plan", cli.binary().display());
        let _ = writeln!(
            text,
            "  {} ctl --endpoint {} fail pve2   # or restore, advance, edit, fault: see --help",
            self.emulator.display(),
            self.ready.endpoint
        );
        let _ = writeln!(text, "  rm -r {}   # when done", folder.display());
        Ok(text)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // SIGTERM lets it remove its folder. It may have ended by itself; then there is nothing to end.
            let asked =
                Command::new("kill").arg(process.id().to_string()).status().is_ok_and(|status| status.success());
            if !asked {
                let _ = process.kill();
            }
            let _ = process.wait();
        }
    }
}
