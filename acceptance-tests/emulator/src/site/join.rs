//! A node joins a cluster, step by step, as `PVE::Cluster::Setup` does it.

use super::request::{Proof, Report, Request, lock};
use super::{Site, Step};
use crate::api::cluster::members::{Addition, add};
use crate::error::ApiError;
use crate::world::World;
use crate::world::corosync::{AUTHKEY, Conf, LOCAL_CONF};
use crate::world::machines::PUBLIC_KEY;

/// How long a host that is off is tried, and how long a failed login takes.
const PATIENCE: f64 = 3.0;
/// The keys that root of every node may log in with.
pub(super) const AUTHORIZED_KEYS: &str = "/etc/pve/priv/authorized_keys";

/// A join on its way.
#[derive(Debug)]
pub struct Join {
    node: String,
    request: Request,
    report: Report,
    started: f64,
    step: Step,
    /// When the next look is, where it isn't the time of the step.
    later: Option<f64>,
    peer: String,
    received: Option<Conf>,
    /// When it did its last step.
    done: f64,
    /// Since when it has broken off.
    interrupted: Option<f64>,
}

/// How a step has gone.
enum Went {
    On,
    /// It is tried again.
    Again,
    /// It fails with this text.
    Failed(String),
    /// It fails later.
    FailedAfter(f64, String),
    /// Its process is gone.
    Broken,
}

impl Join {
    #[must_use]
    pub fn new(node: &str, request: Request, report: Report, started: f64) -> Self {
        let step = Step::Connect;
        let node = node.to_owned();
        Self {
            node,
            request,
            report,
            started,
            step,
            later: None,
            peer: String::new(),
            received: None,
            done: started,
            interrupted: None,
        }
    }

    pub(super) fn node(&self) -> &str {
        &self.node
    }

    /// Whether it is a `pvecm add` that has not ended.
    pub(super) fn is_running_command(&self) -> bool {
        self.report.is_running_command()
    }

    pub(super) fn due(&self) -> f64 {
        self.later.unwrap_or(self.started + self.step.offset())
    }

    pub(super) fn step(&mut self, site: &mut Site) -> bool {
        let due = self.due();
        self.later = None;
        if let Some(since) = self.interrupted {
            return self.resume(site, since, due);
        }
        let runs = self.runs(site);
        if !runs || site.interrupts.meets(&self.node, self.step) {
            return self.break_off(site, due);
        }
        let went = self.perform(site);
        if matches!(went, Went::On) {
            self.done = due;
        }
        match went {
            Went::On => match self.step.next() {
                Some(step) => self.step = step,
                None => return false,
            },
            Went::Again => self.later = Some(due + 1.0),
            Went::Failed(why) => {
                self.end(site, Err(why));
                return false;
            }
            Went::FailedAfter(seconds, why) => {
                // The task fails when its time has come; nothing else happens until then.
                site.fail_later(&self.node, &self.report, due + seconds, why);
                return false;
            }
            Went::Broken => return self.break_off(site, due),
        }
        true
    }

    /// Whether its process still runs.
    fn runs(&self, site: &Site) -> bool {
        // The certificate is shown by pveproxy, whatever becomes of the task.
        self.step > Step::Certificate || site.works_on(&self.node, &self.report)
    }

    /// The process ends without a word; what it has done so far stays.
    fn break_off(&mut self, site: &mut Site, at: f64) -> bool {
        // pmxcfs runs, all that is missing is the certificate.
        if self.step == Step::Certificate
            && let Some(world) = site.home_mut(&self.node)
        {
            world.set_away(&self.node, false);
        }
        site.kill(&self.node, &self.report);
        // Until the answer is there nothing on the node has changed.
        if self.step < Step::Database {
            return false;
        }
        // It ended at some time after its last step: a boot since then is one that comes after it.
        self.interrupted = Some(self.done);
        self.later = Some(at + 1.0);
        true
    }

    /// Whether all that is missing is the certificate.
    pub(super) fn lacks_certificate(&self) -> bool {
        self.interrupted.is_some() && self.step == Step::Certificate
    }

    /// `pvecm updatecerts` makes up for what is missing.
    pub(super) fn go_on(&mut self, now: f64) {
        self.interrupted = None;
        self.report = Report::Services;
        self.later = None;
        self.started = now - self.step.offset();
    }

    /// What a broken join has left undone is done by the services of the node when they start.
    fn resume(&mut self, site: &mut Site, since: f64, now: f64) -> bool {
        let Some(world) = site.home_mut(&self.node) else { return false };
        let rebooted = world.nodes.get(&self.node).is_some_and(|node| node.up && node.since > since);
        let services = ["corosync", "pve-cluster"];
        let machine = world.machines.get(&self.node);
        let runs = machine.is_some_and(|machine| services.iter().all(|unit| machine.is_active(unit)));
        let resumes = match self.step {
            Step::Database => rebooted && world.has_authkey(&self.node),
            Step::Start => world.is_up(&self.node) && runs,
            _ => rebooted,
        };
        if !resumes {
            self.later = Some(now + 1.0);
            return true;
        }
        if self.step == Step::Database {
            self.report = Report::Services;
            self.move_database(site);
            self.step = Step::Start;
        }
        self.go_on(now);
        true
    }

    fn perform(&mut self, site: &mut Site) -> Went {
        match self.step {
            Step::Connect => self.connect(site),
            Step::Request => self.request(site),
            Step::Answer => {
                self.answer(site);
                Went::On
            }
            Step::Database => {
                self.move_database(site);
                Went::On
            }
            Step::Start => self.become_member(site),
            Step::Certificate => self.certify(site),
            Step::Reload | Step::Reloaded => {
                if let (Some(door), Some(new)) = (site.doors.get(&self.node), site.certificates.get(&self.node)) {
                    match (self.step, site.replaced.get(&self.node)) {
                        (Step::Reload, Some(old)) => door.show(&[new, old]),
                        _ => door.show(&[new]),
                    }
                }
                Went::On
            }
        }
    }

    fn connect(&mut self, site: &mut Site) -> Went {
        let host = self.request.hostname.clone();
        let Some((at, peer)) = site.host(&host) else {
            let unknown = host.parse::<std::net::IpAddr>().is_err();
            let why = if unknown { "Name or service not known" } else { "No route to host" };
            return Went::FailedAfter(PATIENCE, format!("500 Can't connect to {host}:8006 ({why})"));
        };
        let world = &site.worlds()[at];
        if !world.is_up(&peer) {
            return Went::FailedAfter(PATIENCE, format!("500 Can't connect to {host}:8006 (No route to host)"));
        }
        if let Proof::Password { fingerprint, password } = &self.request.proof {
            let shown = world.nodes.get(&peer).map_or("", |node| node.fingerprint.as_str());
            if !shown.eq_ignore_ascii_case(fingerprint) {
                return Went::Failed(format!("fingerprint '{shown}' not verified, abort!"));
            }
            let known = world.access.users.get("root@pam").and_then(|user| user.password.as_ref());
            let away = world.nodes.get(&peer).is_some_and(|node| node.away);
            if away || known != Some(password) {
                return Went::FailedAfter(PATIENCE, "401 authentication failure".to_owned());
            }
            self.log(site, ["Login succeeded.", "check cluster join API version"]);
        }
        if self.request.links.is_empty() {
            let own = site.address(&self.node);
            self.log(site, [format!("No cluster network links passed explicitly, fallback to local node IP '{own}'")]);
        }
        if matches!(self.request.proof, Proof::Password { .. }) {
            self.log(site, ["Request addition of this node"]);
        }
        self.peer = peer;
        Went::On
    }

    /// The member adds the node.
    fn request(&mut self, site: &mut Site) -> Went {
        let addition = Addition {
            name: self.node.clone(),
            nodeid: self.request.nodeid,
            votes: self.request.votes,
            // A node that comes over SSH overwrites its own entry.
            force: self.request.force || matches!(self.request.proof, Proof::Key),
            fallback: Some(site.address(&self.node)),
            links: self.request.links.clone(),
        };
        let Some(world) = site.home_mut(&self.peer).filter(|world| world.is_up(&self.peer)) else {
            return Went::Failed(format!("500 Can't connect to {}:8006 (Connection timed out)", self.request.hostname));
        };
        match add(world, &self.peer, &addition) {
            Ok((conf, _)) => {
                self.received = Some(conf);
                Went::On
            }
            Err(error) => self.refused(site, &error),
        }
    }

    fn refused(&self, site: &mut Site, error: &ApiError) -> Went {
        let text = error.message.trim_end();
        if matches!(self.request.proof, Proof::Key) {
            self.log(site, [text]);
            let command = format!("ssh {} -o BatchMode=yes pvecm addnode {}", self.request.hostname, self.node);
            return Went::Failed(format!("unable to add node: command failed ({command})"));
        }
        self.log(site, [format!("An error occurred on the cluster node: {text}")]);
        for line in error.errors.values() {
            self.log(site, [format!("! {}", line.trim_end())]);
        }
        Went::Failed("Cluster join aborted!".to_owned())
    }

    /// The answer has key and configuration. The node writes both.
    fn answer(&mut self, site: &mut Site) {
        let key = site.home(&self.peer).and_then(|at| {
            site.worlds()[at].machines.get(&self.peer).and_then(|machine| machine.disk.read(AUTHKEY)).map(str::to_owned)
        });
        let text = self.received.as_ref().map(Conf::render).unwrap_or_default();
        if let Some(world) = site.home_mut(&self.node) {
            let now = world.clock.now();
            if let Some(machine) = world.machines.get_mut(&self.node) {
                machine.disk.write(AUTHKEY, &key.unwrap_or_default(), now);
                machine.disk.write(LOCAL_CONF, &text, now);
            }
        }
        match self.request.proof {
            Proof::Password { .. } => self.log(site, ["Join request OK, finishing setup locally"]),
            Proof::Key => self.log(site, ["copy corosync auth key"]),
        }
        self.log(site, ["stopping pve-cluster service"]);
    }

    /// Its own `/etc/pve` is removed, except for a backup of it.
    fn move_database(&self, site: &mut Site) {
        let Some(world) = site.home_mut(&self.node) else { return };
        let now = world.clock.now();
        let backup = format!("/var/lib/pve-cluster/backup/config-{}.sql.gz", now as i64);
        world.set_away(&self.node, true);
        if let Some(machine) = world.machines.get_mut(&self.node) {
            machine.disk.make_dirs("/var/lib/pve-cluster/backup", now);
            machine.disk.write(&backup, "", now);
            machine.set_unit("pve-cluster", false, true);
            machine.set_unit("corosync", false, true);
        }
        self.log(site, [format!("backup old database to '{backup}'")]);
    }

    /// Where the member does not list it any more, its corosync is alone, and so nothing is complete.
    fn become_member(&mut self, site: &mut Site) -> Went {
        if !site.merge(&self.node, &self.peer) {
            return Went::Broken;
        }
        if let Some(world) = site.home_mut(&self.node) {
            if let Some(machine) = world.machines.get_mut(&self.node) {
                machine.set_unit("pve-cluster", true, true);
                machine.set_unit("corosync", true, true);
            }
            world.set_away(&self.node, true);
            if let Some(node) = world.nodes.get_mut(&self.node) {
                node.uncertified = true;
            }
        }
        Went::On
    }

    /// Once there is quorum the node gets what every member has.
    fn certify(&mut self, site: &mut Site) -> Went {
        let Some(world) = site.home_mut(&self.node) else { return Went::Broken };
        if !world.is_quorate() {
            self.log_once(site, "waiting for quorum...");
            return Went::Again;
        }
        world.set_away(&self.node, false);
        world.trust_root_of(&self.node);
        self.log(
            site,
            [
                "(re)generate node files",
                "generate new node certificate",
                "merge authorized SSH keys",
                "generated new node certificate, restart pveproxy and pvedaemon services",
            ],
        );
        self.log(site, [format!("successfully added node '{}' to cluster.", self.node)]);
        if let Some((old, _)) = site.certify(&self.node) {
            site.replaced.insert(self.node.clone(), old);
        }
        self.end(site, Ok(()));
        Went::On
    }

    fn log<T: Into<String>>(&self, site: &mut Site, lines: impl IntoIterator<Item = T>) {
        site.log(&self.node, &self.report, lines);
    }

    fn log_once(&self, site: &mut Site, line: &str) {
        let known = match &self.report {
            Report::Task(upid) => site.home(&self.node).is_some_and(|at| {
                site.worlds()[at].tasks.find(upid).is_some_and(|task| task.log.iter().any(|known| known == line))
            }),
            Report::Command(printed) => lock(printed).lines.iter().any(|known| known == line),
            Report::Services => false,
        };
        if !known {
            self.log(site, [line]);
        }
    }

    fn end(&self, site: &mut Site, result: Result<(), String>) {
        site.end(&self.node, &self.report, result);
    }
}

impl World {
    /// Whether pmxcfs of the node that answers is away.
    #[must_use]
    pub(crate) fn is_away(&self) -> bool {
        self.nodes.get(&self.answering_node).is_some_and(|node| node.away)
    }

    /// Whether a node's pmxcfs is away.
    pub(crate) fn set_away(&mut self, node: &str, away: bool) {
        if let Some(entry) = self.nodes.get_mut(node) {
            entry.away = away;
        }
    }

    /// root of the node may log in to all members.
    pub(crate) fn trust_root_of(&mut self, node: &str) {
        let key = self.machines.get(node).and_then(|machine| machine.disk.read(PUBLIC_KEY));
        let key = key.map(|key| key.trim_end().to_owned()).unwrap_or_default();
        let text = self.file(AUTHORIZED_KEYS).to_owned();
        if !key.is_empty() && !text.lines().any(|line| line == key) {
            self.write_file(AUTHORIZED_KEYS, format!("{text}{key}\n"));
        }
    }
}
