//! The local resource manager of one node: does what the active manager ordered, and reports.

use std::collections::{HashMap, HashSet};

use super::config::{Name, ShutdownPolicy};
use super::crm::After;
use super::environment::{Action, Environment, Level, Progress};
use super::service::{State, Uid};
use super::status::{Exit, LrmMode, LrmResult, LrmState, LrmStatus, ServiceStatus, Status};

/// Rounds without any service on the node after which the lock is given back.
const IDLE_ROUNDS: u32 = 60;

/// One node's local resource manager.
#[derive(Debug)]
pub struct Lrm {
    state: LrmState,
    mode: LrmMode,
    results: HashMap<Uid, LrmResult>,
    /// Start attempts after the first, by service.
    tries: HashMap<Name, u32>,
    /// Services with an action still going on, and the order it carries out.
    busy: HashMap<Name, Uid>,
    stopping: Option<Stopping>,
    idle_rounds: u32,
}

/// Why it is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stopping {
    /// The whole node shuts down, so that all services must be stopped here.
    node: bool,
}

impl Default for Lrm {
    fn default() -> Self {
        Self {
            state: LrmState::WaitForAgentLock,
            mode: LrmMode::Active,
            results: HashMap::new(),
            tries: HashMap::new(),
            busy: HashMap::new(),
            stopping: None,
            idle_rounds: 0,
        }
    }
}

impl Lrm {
    pub fn state(&self) -> LrmState {
        self.state
    }

    /// Asks it to stop, because its service restarts or the whole node shuts down; the shutdown policy decides how.
    pub fn stop(&mut self, env: &mut impl Environment) {
        if self.stopping.is_some() {
            return;
        }
        let reboot = env.shutting_down();
        self.stopping = Some(Stopping { node: reboot.is_some() });
        self.mode = match (reboot, env.config().shutdown_policy) {
            // Manual maintenance has precedence over any policy.
            (Some(_), _) if self.mode == LrmMode::Maintenance => LrmMode::Maintenance,
            (Some(_), ShutdownPolicy::Migrate) => LrmMode::Maintenance,
            (Some(_), ShutdownPolicy::Failover) | (Some(false), ShutdownPolicy::Conditional) => LrmMode::Shutdown,
            (Some(_), ShutdownPolicy::Freeze) | (Some(true), ShutdownPolicy::Conditional) | (None, _) => {
                LrmMode::Restart
            }
        };
        env.log(Level::Info, &format!("got shutdown request, mode '{}'", self.mode.as_str()));
        self.report(env);
    }

    /// Whether an action still runs, so that [`Self::poll`] should be called before the next round.
    pub fn is_busy(&self) -> bool {
        !self.busy.is_empty()
    }

    /// Polls the running actions, between two rounds.
    pub fn poll(&mut self, env: &mut impl Environment) {
        let works = matches!(self.state, LrmState::Active | LrmState::Maintenance);
        if !works || self.stopping.is_some() {
            return;
        }
        let status = env.manager_status();
        let own = env.node();
        for sid in self.busy.keys().cloned().collect::<Vec<_>>() {
            if let Some(service) = status.services.get(&sid).filter(|service| service.node == own) {
                self.run_order(env, &sid, service);
            }
        }
        self.report(env);
    }

    pub fn round(&mut self, env: &mut impl Environment) -> After {
        let status = env.manager_status();
        let own = env.node();
        self.follow_requests(&status, &own);
        let fencing = status.services.values().any(|s| s.node == own && s.state == State::Fence);
        self.change_state(env, &status, &own, fencing);
        let after = match self.state {
            LrmState::WaitForAgentLock => exit_if(self.stopping.is_some()),
            LrmState::LostAgentLock => exit_if(self.stopping.is_some() && status.active_services(&own) == 0),
            LrmState::Active | LrmState::Maintenance => self.work(env, &status, &own),
        };
        self.report(env);
        after
    }

    fn follow_requests(&mut self, status: &Status, own: &Name) {
        if self.stopping.is_some() {
            return;
        }
        self.mode = if status.disarm.is_some() {
            LrmMode::Disarm
        } else if status.maintenance_requests.get(own) == Some(&true) {
            LrmMode::Maintenance
        } else {
            LrmMode::Active
        };
    }

    fn change_state(&mut self, env: &mut impl Environment, status: &Status, own: &Name, fencing: bool) {
        match self.state {
            LrmState::WaitForAgentLock => {
                let needs_lock = status.active_services(own) > 0 && self.mode != LrmMode::Disarm;
                if !fencing && needs_lock && env.quorate() && env.agent_lock(own) {
                    self.become_active(env);
                }
            }
            LrmState::LostAgentLock => {
                if !fencing && env.quorate() && env.agent_lock(own) {
                    self.become_active(env);
                }
            }
            LrmState::Active | LrmState::Maintenance => {
                if fencing {
                    env.log(Level::Err, "node need to be fenced - releasing agent_lock");
                    self.state = LrmState::LostAgentLock;
                } else if !env.quorate() || !env.agent_lock(own) {
                    self.state = LrmState::LostAgentLock;
                } else if self.mode == LrmMode::Disarm && self.may_disarm(status, own) {
                    env.log(Level::Info, "HA disarm requested, releasing agent lock and watchdog");
                    self.go_idle(env);
                } else if self.is_idle(env, own) {
                    env.log(Level::Info, "node had no service configured for 60 rounds, going idle.");
                    self.go_idle(env);
                } else {
                    self.state = working_state(self.mode);
                }
            }
        }
    }

    fn become_active(&mut self, env: &mut impl Environment) {
        env.log(Level::Info, "status change wait_for_agent_lock => active");
        self.idle_rounds = 0;
        self.state = working_state(self.mode);
    }

    fn go_idle(&mut self, env: &mut impl Environment) {
        env.release_agent_lock();
        self.idle_rounds = 0;
        self.state = LrmState::WaitForAgentLock;
    }

    fn may_disarm(&self, status: &Status, own: &Name) -> bool {
        let in_flight = status.services.values().any(|s| s.node == *own && s.state.is_moving());
        let ignoring = status.disarm.is_some_and(|disarm| disarm.mode == super::command::DisarmMode::Ignore);
        self.busy.is_empty() && !in_flight && (ignoring || status.active_services(own) == 0)
    }

    /// Only a node without any configured service is idle; stopped and failed ones count.
    fn is_idle(&mut self, env: &impl Environment, own: &Name) -> bool {
        let config = env.config();
        let used = config.resources.keys().any(|sid| env.guest_node(sid).as_ref() == Some(own));
        self.idle_rounds = if used { 0 } else { self.idle_rounds + 1 };
        self.idle_rounds > IDLE_ROUNDS
    }

    fn work(&mut self, env: &mut impl Environment, status: &Status, own: &Name) -> After {
        match self.stopping {
            None => {
                self.run_orders(env, status, own);
                return After::Continue;
            }
            Some(Stopping { node: true }) if self.mode != LrmMode::Maintenance => {
                if !self.stop_all(env, status, own) {
                    return After::Continue;
                }
            }
            Some(_) if self.mode == LrmMode::Maintenance => self.run_orders(env, status, own),
            Some(_) => {}
        }
        // Frozen services are safe; those of a node that fails over need no more than to be stopped.
        let may_exit = self.mode == LrmMode::Shutdown || status.active_services(own) == 0;
        if !may_exit || !self.busy.is_empty() {
            return After::Continue;
        }
        env.log(Level::Info, "exit (loop end)");
        env.release_agent_lock();
        After::Exit
    }

    /// Stops everything on a node that shuts down; true when all is stopped.
    fn stop_all(&mut self, env: &mut impl Environment, status: &Status, own: &Name) -> bool {
        let mut stopped = true;
        for (sid, service) in status.services.iter().filter(|(_, service)| service.node == *own) {
            self.busy.remove(sid);
            if env.guest_runs(sid) {
                stopped &= self.act(env, sid, service.uid, Action::Stop { timeout: None }) == Progress::Done;
            }
        }
        stopped
    }

    fn run_orders(&mut self, env: &mut impl Environment, status: &Status, own: &Name) {
        for (sid, service) in status.services.iter().filter(|(_, s)| s.node == *own) {
            // `recovery` is the manager's business until it is over, `freeze` and `request_start` ask for nothing.
            let idle = matches!(service.state, State::Recovery | State::Freeze | State::RequestStart | State::Fence);
            let done = service.state != State::Stopped && self.results.contains_key(&service.uid);
            if idle || done {
                continue;
            }
            self.run_order(env, sid, service);
        }
        self.busy.retain(|sid, _| status.services.get(sid).is_some_and(|s| s.node == *own));
    }

    fn run_order(&mut self, env: &mut impl Environment, sid: &Name, service: &ServiceStatus) {
        let continued = self.busy.remove(sid) == Some(service.uid);
        if let Some(exit) = self.execute(env, sid, service, continued) {
            let result = LrmResult { sid: sid.clone(), state: service.state, exit };
            self.results.insert(service.uid, result);
        }
    }

    /// Carries an order out; `None` as long as it runs, or is to be tried again.
    fn execute(
        &mut self,
        env: &mut impl Environment,
        sid: &Name,
        service: &ServiceStatus,
        continued: bool,
    ) -> Option<Exit> {
        if service.state == State::Error {
            return Some(Exit::Success);
        }
        if !env.config().resources.contains_key(sid) {
            env.log(Level::Err, &format!("missing resource configuration for '{sid}'"));
            return Some(Exit::UnknownService);
        }
        // A move that is done has taken the guest away.
        if !continued && env.guest_node(sid).as_ref() != Some(&env.node()) {
            env.log(Level::Err, &format!("service '{sid}' not on this node"));
            return Some(Exit::WrongNode);
        }
        let runs = env.guest_runs(sid);
        match service.state {
            State::Started if runs => {
                self.tries.remove(sid);
                Some(Exit::Success)
            }
            State::Started => {
                let progress = self.act(env, sid, service.uid, Action::Start);
                self.judge_start(env, sid, progress)
            }
            State::RequestStop | State::Stopped if !runs => Some(Exit::Success),
            State::RequestStop | State::Stopped => {
                exit(self.act(env, sid, service.uid, Action::Stop { timeout: service.timeout }))
            }
            State::RequestStartBalance if runs => {
                env.log(Level::Info, &format!("ignoring rebalance-on-start for service {sid}, it already runs"));
                Some(Exit::Ignored)
            }
            State::Migrate | State::Relocate | State::RequestStartBalance => {
                let Some(target) = &service.target else { return Some(Exit::Error) };
                let online = service.state == State::Migrate && runs;
                exit(self.act(env, sid, service.uid, Action::Move { target, online }))
            }
            State::RequestStart | State::Fence | State::Recovery | State::Freeze | State::Error => None,
        }
    }

    fn act(&mut self, env: &mut impl Environment, sid: &Name, order: Uid, action: Action<'_>) -> Progress {
        let progress = env.act(sid, action);
        if progress == Progress::Running {
            self.busy.insert(sid.clone(), order);
        }
        progress
    }

    /// The restart policy: further attempts on this node, one a round, before it reports a failure to the manager.
    fn judge_start(&mut self, env: &mut impl Environment, sid: &Name, progress: Progress) -> Option<Exit> {
        match progress {
            Progress::Running => None,
            Progress::Done => {
                self.tries.remove(sid);
                Some(Exit::Success)
            }
            Progress::Failed => {
                let max = env.config().resources.get(sid).map_or(0, |resource| resource.max_restart);
                let tries = self.tries.entry(sid.clone()).or_default();
                if *tries >= max {
                    let text = format!("unable to start service {sid} on local node after {tries} retries");
                    self.tries.remove(sid);
                    env.log(Level::Err, &text);
                    return Some(Exit::Error);
                }
                *tries += 1;
                let text = format!("restart policy: retry number {tries} for service '{sid}'");
                env.log(Level::Warning, &text);
                None
            }
        }
    }

    /// Writes the status; only a quorate node can.
    fn report(&mut self, env: &mut impl Environment) {
        if !env.quorate() {
            return;
        }
        let status = env.manager_status();
        let current: HashSet<Uid> = status.services.values().map(|service| service.uid).collect();
        self.results.retain(|uid, _| current.contains(uid));
        let own = LrmStatus { state: self.state, mode: self.mode, timestamp: env.now(), results: self.results.clone() };
        env.write_lrm_status(own);
    }
}

fn working_state(mode: LrmMode) -> LrmState {
    if mode == LrmMode::Maintenance { LrmState::Maintenance } else { LrmState::Active }
}

fn exit(progress: Progress) -> Option<Exit> {
    match progress {
        Progress::Running => None,
        Progress::Done => Some(Exit::Success),
        Progress::Failed => Some(Exit::Error),
    }
}

fn exit_if(done: bool) -> After {
    if done { After::Exit } else { After::Continue }
}
