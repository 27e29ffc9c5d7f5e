//! The cluster resource manager of one node: waits for quorum, then for the manager lock, then manages.

use super::environment::{Environment, Level};
use super::manager::Manager;
use super::status::Status;

/// Rounds without any service after which an active manager gives its role up.
const IDLE_ROUNDS: u32 = 90;

/// One node's cluster resource manager.
#[derive(Debug, Default)]
pub struct Crm {
    state: CrmState,
    stopping: bool,
    idle_rounds: u32,
}

/// The states of a cluster resource manager.
#[derive(Debug, Default)]
enum CrmState {
    /// The node is not in a quorate partition.
    #[default]
    WaitForQuorum,
    /// Another one is active, or none is needed.
    Slave,
    /// This one is active.
    Master(Box<Manager>),
}

/// Whether a manager continues after a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    Continue,
    /// It was asked to stop, and has.
    Exit,
}

impl Crm {
    /// A manager that is active already, with the current status; it still has to obtain its lock.
    pub fn active(status: &Status) -> Self {
        let state = CrmState::Master(Box::new(Manager::adopt(status)));
        Self { state, ..Self::default() }
    }

    /// Asks it to stop; it does so in its next round.
    pub fn stop(&mut self) {
        self.stopping = true;
    }

    /// The manager, if this one is active.
    pub fn manager(&self) -> Option<&Manager> {
        match &self.state {
            CrmState::Master(manager) => Some(manager),
            _ => None,
        }
    }

    pub fn round(&mut self, env: &mut impl Environment) -> After {
        self.change_state(env);
        let CrmState::Master(manager) = &mut self.state else {
            return if self.stopping { After::Exit } else { After::Continue };
        };
        if self.stopping {
            env.log(Level::Info, "voluntary release CRM lock");
            env.release_manager_lock();
            self.state = CrmState::Slave;
            return After::Exit;
        }
        if manager.round(env) {
            env.write_manager_status(manager.status(&env.node(), env.now()));
        }
        // Renewing the lock feeds the watchdog, which a disarmed manager has released.
        if manager.is_disarmed() {
            env.release_manager_watchdog();
        }
        After::Continue
    }

    fn change_state(&mut self, env: &mut impl Environment) {
        match &self.state {
            CrmState::WaitForQuorum if env.quorate() => {
                self.state = CrmState::Slave;
                self.try_active(env);
            }
            CrmState::WaitForQuorum => {}
            CrmState::Slave if !env.quorate() => self.state = CrmState::WaitForQuorum,
            CrmState::Slave => self.try_active(env),
            CrmState::Master(_) => self.stay_active(env),
        }
    }

    fn try_active(&mut self, env: &mut impl Environment) {
        if self.stopping || !is_needed(env) || !env.manager_lock() {
            return;
        }
        env.log(Level::Info, "status change slave => master");
        self.idle_rounds = 0;
        self.state = CrmState::Master(Box::new(Manager::adopt(&env.manager_status())));
    }

    fn stay_active(&mut self, env: &mut impl Environment) {
        if !env.quorate() || !env.manager_lock() {
            // Without the lock this manager does nothing, so its node need not be reset: services are protected by the
            // watchdog of the local resource manager.
            env.log(Level::Err, "status change master => lost_manager_lock");
            env.release_manager_watchdog();
            self.state = CrmState::WaitForQuorum;
            return;
        }
        self.idle_rounds = if is_needed(env) { 0 } else { self.idle_rounds + 1 };
        if self.idle_rounds > IDLE_ROUNDS {
            env.log(Level::Info, "cluster had no service configured for 90 rounds, going idle.");
            env.release_manager_lock();
            env.write_manager_status(Status { idle: true, ..Status::clone(&env.manager_status()) });
            self.state = CrmState::Slave;
        }
    }
}

/// A manager is needed when there are services, or commands for it.
fn is_needed(env: &impl Environment) -> bool {
    !env.config().resources.is_empty() || !env.manager_status().services.is_empty() || env.has_commands()
}
