//! Day-two operations against the emulator, over HTTPS and SSH, without core: what they say, refuse, do, and leave.

mod arm;
mod backup_run;
mod binary;
mod drill;
mod evacuate;
mod matrix;
mod meanwhile;
mod moves;
mod reboot;
mod replicate;
mod roll;
mod roll_continued;
mod roll_meanwhile;
mod terraform;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use acceptance_tests::cluster::Hurry;
use acceptance_tests::core::Core;
use acceptance_tests::{Cluster, runtime};
use pve_emulator::Options;
use pve_emulator::world::World;
use serde_json::{Value as Json, json};
use terraform_provider_pve::framework::{Diagnostics, Ending, Progress, Severity, Value};

/// A cluster whose time runs fast, and the provider.
struct Scene {
    cluster: Arc<Cluster>,
    core: Core,
    _hurry: Option<Hurry>,
}

/// What an operation said and did.
#[derive(Debug)]
struct Told {
    ending: Ending,
    messages: Vec<String>,
    errors: Vec<String>,
    warnings: Vec<String>,
}

#[derive(Default)]
struct Heard {
    messages: Mutex<Vec<String>>,
    /// Whether the look is over.
    has_begun: AtomicBool,
}

impl Heard {
    fn has(&self, message: &str) -> bool {
        self.messages.lock().unwrap().iter().any(|line| line.contains(message))
    }
}

impl Progress for Heard {
    fn begin(&self, _: &[String]) {
        self.has_begun.store(true, Ordering::Release);
    }

    fn report(&self, message: &str) {
        self.messages.lock().unwrap().push(message.to_owned());
    }
}

impl Scene {
    fn new(test: &str, options: Options) -> Option<Self> {
        let cluster = Arc::new(Cluster::own(test, options)?);
        let core = runtime::block_on(Core::new(&cluster, &[("poll_interval", "50ms")]));
        let hurry = Some(cluster.hurry());
        Some(Self { cluster, core, _hurry: hurry })
    }

    /// The provider in a process of its own, as the next run has it.
    fn again(&mut self) {
        self.core = runtime::block_on(Core::new(&self.cluster, &[("poll_interval", "50ms")]));
    }

    /// Three nodes with guests, and shells.
    fn of_three(test: &str) -> Option<Self> {
        Self::new(test, Options { ssh: true, ..Options::default() })
    }

    fn config(&self, action: &str, config: &Json) -> Value {
        let action = self.core.operation(action);
        let value = Value::from_json(config, &action.schema().ty()).unwrap();
        let wrong = action.validate_config(&value);
        assert!(!wrong.has_error(), "{wrong:?}");
        value
    }

    /// What the action would do, and what it would refuse.
    fn plan(&self, action: &str, config: &Json) -> (Vec<String>, Vec<String>) {
        let config = self.config(action, config);
        let prospect = runtime::block_on(self.core.operation(action).plan(&config));
        let mut refusals = texts(&prospect.diagnostics, Severity::Error);
        refusals.extend(texts(&prospect.missing, Severity::Error));
        (prospect.steps, refusals)
    }

    fn invoke(&self, action: &str, config: &Json) -> Told {
        self.invoke_heard(action, config, &Heard::default())
    }

    /// Invokes an action whose messages can be read while it runs.
    fn invoke_heard(&self, action: &str, config: &Json, heard: &Heard) -> Told {
        let config = self.config(action, config);
        let invoked = runtime::block_on(self.core.operation(action).invoke(&config, heard));
        Told {
            ending: invoked.ending,
            messages: heard.messages.lock().unwrap().clone(),
            errors: texts(&invoked.diagnostics, Severity::Error),
            warnings: texts(&invoked.diagnostics, Severity::Warning),
        }
    }

    /// Invokes an action that has to have its effect.
    #[track_caller]
    fn done(&self, action: &str, config: &Json) -> Told {
        let told = self.invoke(action, config);
        assert_eq!(told.ending, Ending::Done, "{told:#?}");
        told
    }

    /// Invokes an action that has to be refused, without any write.
    #[track_caller]
    fn refused(&self, action: &str, config: &Json) -> String {
        let before = self.writes();
        let told = self.invoke(action, config);
        assert_eq!(told.ending, Ending::Refused, "{told:#?}");
        assert_eq!(self.writes(), before, "a refusal writes nothing");
        told.errors.join("\n")
    }

    fn writes(&self) -> u64 {
        let report = self.cluster.emulator().counters().report();
        let requests = report["requests"].as_object().unwrap();
        requests.iter().filter(|(name, _)| !name.starts_with("GET")).filter_map(|(_, count)| count.as_u64()).sum()
    }

    fn sent(&self, request: &str) -> u64 {
        self.cluster.emulator().counters().report()["requests"][request].as_u64().unwrap_or(0)
    }

    fn fault(&self, fault: Json) {
        self.cluster.emulator().faults().add(serde_json::from_value(fault).unwrap()).unwrap();
    }

    fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.cluster.emulator().cluster().world())
    }

    /// Where a guest is, and whether it runs.
    fn place(&self, vmid: u32) -> (String, bool) {
        self.world(|world| (world.guests[&vmid].node.clone(), world.guests[&vmid].is_running()))
    }

    fn has_ended(&self, task: &str) -> bool {
        self.world(|world| world.tasks.find(task).is_none_or(|task| task.status.is_some()))
    }

    /// Starts a guest that is no HA resource.
    fn start(&self, vmid: u32) {
        self.world(|world| world.start_guest(vmid));
    }

    /// Puts the disks of a guest on shared storage.
    fn share_disks(&self, vmid: u32) {
        self.world(|world| {
            for (_, value) in &mut world.guests.get_mut(&vmid).unwrap().config {
                *value = value.replace("local-zfs:", "shared-nfs:");
            }
        });
    }

    /// Makes a guest an HA resource, and waits until it runs.
    fn manage(&self, sid: &str) {
        self.cluster.api.post("/cluster/ha/resources", &[("sid", sid)]);
        let vmid = sid.split_once(':').unwrap().1.parse().unwrap();
        self.until("the HA resource starts", || self.service(sid)["state"] == "started" && self.place(vmid).1);
    }

    fn service(&self, sid: &str) -> Json {
        self.cluster.api.read("/cluster/ha/status/manager_status")["manager_status"]["service_status"][sid].clone()
    }

    /// Waits until the cluster has noticed that a node is off.
    fn until_offline(&self, node: &str) {
        self.until("the node is offline", || !self.is_online(node));
    }

    fn is_online(&self, node: &str) -> bool {
        let rows = self.cluster.api.read("/cluster/status");
        rows.as_array().unwrap().iter().any(|row| row["name"] == node && row["online"] == 1)
    }

    fn until(&self, what: &str, done: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !done() {
            assert!(start.elapsed() < std::time::Duration::from_secs(120), "{what}");
            std::thread::yield_now();
        }
    }
}

fn texts(said: &Diagnostics, severity: Severity) -> Vec<String> {
    let said = said.iter().filter(|diagnostic| diagnostic.severity == severity);
    said.map(|diagnostic| format!("{}: {}", diagnostic.summary, diagnostic.detail)).collect()
}

/// The lost response of a request to `path`: after it was carried out.
fn lost(path: &str) -> Json {
    json!({"method": "POST", "path": path, "kind": "reset-after"})
}
