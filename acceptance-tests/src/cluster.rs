//! The cluster under test: an emulator that lives as long as the test, or a cluster that exists.
//!
//! Invariant: of a cluster that exists only guests whose names begin with `tfacc-` are touched, each by one test at a time.

use std::collections::BTreeSet;
use std::env;
use std::io::Write as _;
use std::sync::{Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use pve_emulator::{Emulator, Handle, Options, Release};
use serde_json::Value as Json;

use crate::api::Api;
use crate::nodes::{Nodes, THROUGH_SSHD};
use crate::runtime;
use crate::trust::Trust;

pub use crate::hurry::Hurry;

/// Set to `1`, it says that the tests are to use the cluster of `PROXMOX_VE_ENDPOINT`.
pub const EXISTING: &str = "PVE_ACC_EXISTING_CLUSTER";

/// What the guests that tests may touch are called.
pub const OURS: &str = "tfacc-";

/// A cluster, and what a client needs to reach it.
pub struct Cluster {
    /// The environment with the address and credentials of the cluster.
    pub environment: Vec<(String, String)>,
    /// The cluster's API, for everything that isn't under test.
    pub api: Api,
    emulator: Option<Handle>,
    leased: Mutex<Vec<String>>,
    counts: Mutex<GuestCounts>,
    nodes: OnceLock<Nodes>,
}

/// Guests whose names begin with [`OURS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestCounts {
    pub vms: usize,
    pub cts: usize,
}

/// What an existing cluster needs to have for every test.
pub const NEEDED: GuestCounts = GuestCounts { vms: 8, cts: 4 };

/// The check that is silent in tests but its own: hardly any of their clusters has backup jobs.
pub const IGNORED_CHECK: &str = "backup-misses-ha-guest";

/// Guests of the existing cluster that a test is using right now.
static LEASED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
static RETURNED: Condvar = Condvar::new();

impl Cluster {
    /// A cluster of the given release that any test may use: the existing one if there is one and it is of that release.
    /// None, and a line that says so, if the test can't run there.
    pub fn of(test: &str, release: Release) -> Option<Self> {
        if !is_existing() {
            return Some(Self::emulated(Options { release, ..Options::default() }));
        }
        let cluster = Self::existing();
        let version = cluster.api.read("/version");
        let major = version["version"].as_str().unwrap_or_default().split('.').next().unwrap_or_default().to_owned();
        let expected_major = if release == Release::V8 { "8" } else { "9" };
        if release == Release::V9Unmigrated || major != expected_major {
            skipped(test, &format!("needs PVE {release:?}, the cluster runs {}", version["version"]));
            return None;
        }
        Some(cluster)
    }

    /// A cluster whose control plane the test needs: always one of our own. None, and a line that says so, where an existing
    /// cluster is under test.
    pub fn own(test: &str, options: Options) -> Option<Self> {
        if is_existing() {
            skipped(test, "needs the control plane of an emulator");
            return None;
        }
        Some(Self::emulated(options))
    }

    fn emulated(options: Options) -> Self {
        let handle = runtime::block_on(Emulator::start(options)).expect("the emulator starts");
        let token = handle.api_token().expect("the emulated cluster has a token").to_owned();
        let environment = [
            ("PROXMOX_VE_ENDPOINT", handle.endpoint().to_owned()),
            ("PROXMOX_VE_API_TOKEN", token.clone()),
            ("PROXMOX_VE_CA_CERTIFICATE", handle.ca_file().display().to_string()),
        ];
        let api = Api::new(handle.endpoint(), &token, &Trust::Authority(handle.ca_pem().to_owned()));
        Self {
            environment: environment.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            api,
            emulator: Some(handle),
            leased: Mutex::default(),
            counts: Mutex::default(),
            nodes: OnceLock::new(),
        }
    }

    /// Real OpenSSH servers in front of its nodes.
    ///
    /// # Panics
    /// The cluster was not started with [`Options::ssh`].
    #[track_caller]
    pub fn sshd(&self) -> &Nodes {
        let access = self.emulator().ssh().expect("a cluster with SSH");
        self.nodes.get_or_init(|| Nodes::start(self.emulator().endpoint(), access.ports.keys()))
    }

    /// The `ssh` block of a provider block that reaches the nodes of this cluster, host key and private key included: through
    /// the emulator's own servers or, once [`Cluster::sshd`] has started them or if `PVE_ACC_SSHD=1`, through real ones.
    ///
    /// # Panics
    /// The cluster was not started with [`Options::ssh`].
    #[track_caller]
    pub fn ssh_block(&self) -> String {
        if self.is_through_sshd() {
            return self.sshd().block();
        }
        let access = self.emulator().ssh().expect("a cluster with SSH");
        let file = access.private_key_file.display().to_string();
        let mut block = format!("  ssh {{\n    private_key_file = {file:?}\n");
        block.push_str("    host_keys = [\n");
        for port in access.ports.values() {
            block.push_str(&format!("      \"[127.0.0.1]:{port} {}\",\n", access.host_key));
        }
        block.push_str("    ]\n");
        for (node, port) in &access.ports {
            block.push_str(&format!(
                "    node {{\n      name = {node:?}\n      address = \"127.0.0.1\"\n      port = {port}\n    }}\n"
            ));
        }
        block + "  }\n"
    }

    /// Whether the provider is to go through real servers.
    pub(crate) fn is_through_sshd(&self) -> bool {
        self.nodes.get().is_some() || env::var(THROUGH_SSHD).is_ok_and(|value| value == "1")
    }

    /// Ends a cluster of our own, when everything of it that is to be kept has been written.
    pub fn end(mut self) {
        if let Some(emulator) = self.emulator.take() {
            runtime::block_on(emulator.stop());
            // With it went what its guests were used for: there is nothing to be cleared up, and nothing that answers.
            self.leased.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    fn existing() -> Self {
        Self::named(&env::vars().collect::<Vec<_>>())
    }

    /// The cluster that the given environment names.
    ///
    /// # Panics
    /// It doesn't say all that is needed.
    pub fn named(environment: &[(String, String)]) -> Self {
        let given = |name: &str| {
            let found = environment.iter().find(|(n, value)| n == name && !value.is_empty());
            found.map(|(_, value)| value.clone())
        };
        let demand = |name: &str| given(name).unwrap_or_else(|| panic!("{EXISTING}=1 needs {name}"));
        let (endpoint, token) = (demand("PROXMOX_VE_ENDPOINT"), demand("PROXMOX_VE_API_TOKEN"));
        let (name, trust) = if let Some(pin) = given("PROXMOX_VE_TLS_FINGERPRINT") {
            ("PROXMOX_VE_TLS_FINGERPRINT", Trust::Pin(pin))
        } else if let Some(ca) = given("PROXMOX_VE_CA_CERTIFICATE") {
            let is_pem = ca.contains("-----BEGIN");
            let pem = if is_pem { ca } else { std::fs::read_to_string(ca).expect("the CA's file can be read") };
            ("PROXMOX_VE_CA_CERTIFICATE", Trust::Authority(pem))
        } else {
            ("PROXMOX_VE_INSECURE", Trust::Anything)
        };
        let names = ["PROXMOX_VE_ENDPOINT", "PROXMOX_VE_API_TOKEN", name];
        Self {
            environment: names.map(|name| (name.to_owned(), demand(name))).to_vec(),
            api: Api::new(&endpoint, &token, &trust),
            emulator: None,
            leased: Mutex::default(),
            counts: Mutex::default(),
            nodes: OnceLock::new(),
        }
    }

    /// The emulator behind it.
    ///
    /// # Panics
    /// The cluster is not our own.
    #[track_caller]
    pub fn emulator(&self) -> &Handle {
        self.emulator.as_ref().expect("a cluster of our own")
    }

    /// Whether it is one of our own.
    pub fn is_own(&self) -> bool {
        self.emulator.is_some()
    }

    /// The value of the provider's environment variable `name`.
    pub fn variable(&self, name: &str) -> &str {
        self.environment.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// The names of its nodes that are online, in order.
    #[track_caller]
    pub fn nodes(&self) -> Vec<String> {
        let nodes = self.api.list("/nodes", "node");
        nodes.into_iter().filter(|(_, entry)| entry["status"] != "offline").map(|(name, _)| name).collect()
    }

    /// The ids of `count` virtual machines and as many containers as `containers` says, that are no HA resources, are not
    /// replicated, and that no other test touches until this cluster is dropped.
    #[track_caller]
    pub fn guests(&self, count: usize, containers: usize) -> Guests {
        let take = |kind: &str, count: usize| {
            let all = self.ours(kind);
            assert!(all.len() >= count, "{count} {kind} guests called {OURS}… are needed, there are {}", all.len());
            self.lease(&all, count)
        };
        let guests = Guests { vms: take("qemu", count), cts: take("lxc", containers) };
        self.within_what_is_requested(&guests);
        if !self.is_own() {
            self.await_forgotten(&guests.sids());
        }
        guests
    }

    /// [`NEEDED`] says what the tests need of a cluster, so that no test may need more.
    #[track_caller]
    fn within_what_is_requested(&self, taken: &Guests) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.vms += taken.vms.len();
        counts.cts += taken.cts.len();
        let GuestCounts { vms, cts } = *counts;
        assert!(
            vms <= NEEDED.vms && cts <= NEEDED.cts,
            "a test takes {vms} VMs and {cts} containers, more than `NEEDED`"
        );
    }

    /// Waits until the HA manager has forgotten what other tests have done with these guests: Proxmox puts a service that is
    /// removed and added again within one round of its managers into the error state.
    #[track_caller]
    fn await_forgotten(&self, sids: &[String]) {
        let start = Instant::now();
        loop {
            let status = self.api.read("/cluster/ha/status/manager_status");
            let known = &status["manager_status"]["service_status"];
            if sids.iter().all(|sid| known[sid].is_null()) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(120), "the HA manager doesn't forget one of {sids:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The node that the guest `id` is on.
    #[track_caller]
    pub fn node_of(&self, id: &str) -> String {
        let guests = self.all_guests();
        let guest = guests.iter().find(|guest| guest["vmid"].as_u64() == id.parse().ok()).expect("the guest exists");
        guest["node"].as_str().unwrap_or_default().to_owned()
    }

    /// The ids of the guests of a kind, `qemu` or `lxc`, that tests may touch.
    #[track_caller]
    pub fn ours(&self, kind: &str) -> Vec<String> {
        let guests = self.all_guests();
        let is_ours =
            |guest: &&Json| guest["type"] == kind && guest["name"].as_str().is_some_and(|name| name.starts_with(OURS));
        let mut ids: Vec<String> = guests.iter().filter(is_ours).map(|guest| guest["vmid"].to_string()).collect();
        ids.sort();
        ids
    }

    #[track_caller]
    fn all_guests(&self) -> Vec<Json> {
        let guests = self.api.send("GET", "/cluster/resources", &[("type", "vm")]);
        let guests = guests.unwrap_or_else(|refused| panic!("{refused}"));
        guests.as_array().cloned().unwrap_or_default()
    }

    fn lease(&self, all: &[String], count: usize) -> Vec<String> {
        if self.is_own() {
            let mut leased = self.leased.lock().unwrap_or_else(PoisonError::into_inner);
            let free: Vec<String> = all.iter().filter(|id| !leased.contains(id)).take(count).cloned().collect();
            assert_eq!(free.len(), count, "too few guests");
            leased.extend(free.iter().cloned());
            return free;
        }
        let taken = LEASED.lock().unwrap_or_else(PoisonError::into_inner);
        let enough = |taken: &mut BTreeSet<String>| all.iter().filter(|id| !taken.contains(*id)).count() < count;
        let mut taken = RETURNED.wait_while(taken, enough).unwrap_or_else(PoisonError::into_inner);
        let free: Vec<String> = all.iter().filter(|id| !taken.contains(*id)).take(count).cloned().collect();
        taken.extend(free.iter().cloned());
        self.leased.lock().unwrap_or_else(PoisonError::into_inner).extend(free.iter().cloned());
        free
    }

    /// Everything this provider can change, to be compared with what is there later.
    #[track_caller]
    pub fn inventory(&self) -> Json {
        let list = |path: &str, key: &str| match self.api.send("GET", path, &[]) {
            Ok(_) => serde_json::to_value(self.api.list(path, key)).unwrap_or_default(),
            // The other release's calls.
            Err(refused) => Json::from(refused.status),
        };
        let mut backups = list("/cluster/backup", "id");
        for job in backups.as_object_mut().into_iter().flat_map(|jobs| jobs.values_mut()) {
            // It follows the clock.
            job.as_object_mut().map(|job| job.remove("next-run"));
        }
        serde_json::json!({
            "backups": backups,
            "resources": list("/cluster/ha/resources", "sid"),
            "groups": list("/cluster/ha/groups", "group"),
            "rules": list("/cluster/ha/rules", "rule"),
            "replication": list("/cluster/replication", "id"),
            "options": self.api.read("/cluster/options"),
            "sendmail": list("/cluster/notifications/endpoints/sendmail", "name"),
            "smtp": list("/cluster/notifications/endpoints/smtp", "name"),
            "gotify": list("/cluster/notifications/endpoints/gotify", "name"),
            "webhook": list("/cluster/notifications/endpoints/webhook", "name"),
            "matchers": list("/cluster/notifications/matchers", "name"),
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.emulator.is_none() {
            let mine = std::mem::take(&mut *self.leased.lock().unwrap_or_else(PoisonError::into_inner));
            // A test that has failed may have left something; its objects made without the CLI are in no state.
            for what in crate::leftovers::remove(&self.api, &mine) {
                let _ = writeln!(std::io::stderr(), "removed {what}, which a test has left behind");
            }
            LEASED.lock().unwrap_or_else(PoisonError::into_inner).retain(|id| !mine.contains(id));
            RETURNED.notify_all();
        }
    }
}

/// Guests that one test may do with as it likes.
#[derive(Debug, Clone)]
pub struct Guests {
    /// Ids of virtual machines.
    pub vms: Vec<String>,
    /// Ids of containers.
    pub cts: Vec<String>,
}

impl Guests {
    /// Their HA resource ids, virtual machines first.
    pub fn sids(&self) -> Vec<String> {
        let vms = self.vms.iter().map(|id| format!("vm:{id}"));
        vms.chain(self.cts.iter().map(|id| format!("ct:{id}"))).collect()
    }
}

/// Whether an existing cluster is under test.
pub fn is_existing() -> bool {
    env::var(EXISTING).is_ok_and(|value| value == "1")
}

/// Says that a test does nothing, and why. Past the capture of the test runner, so that it is in the log.
pub fn skipped(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped {test}: {reason}");
}

/// Says that a test does nothing where a program is missing that few machines have. CI lists these apart from skipped tests, of which it
/// accepts none.
pub fn not_run_here(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "not run here {test}: {reason}");
}
