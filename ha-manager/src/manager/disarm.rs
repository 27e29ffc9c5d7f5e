//! Disarmed HA: no fencing, no recovery, no service added or removed.

use crate::command::DisarmMode;
use crate::environment::{Environment, Level};
use crate::service::State;
use crate::status::{Disarm, LrmMode, LrmState};

use super::{Change, Manager};

impl Manager {
    /// The part of a round that replaces the state functions while HA is disarmed or about to be.
    ///
    /// What is in flight is finished first; then the services are frozen, and every online local resource manager must let go.
    pub(super) fn disarming(&mut self, env: &mut impl Environment) {
        let Some(disarm) = self.disarm else { return };
        if !disarm.done {
            self.finish_in_flight(env);
            if self.defer(env) {
                return;
            }
        }
        if disarm.mode == DisarmMode::Freeze {
            self.freeze_all(env);
        }
        if !disarm.done && self.all_let_go() {
            env.log(Level::Info, "all LRMs disarmed, HA stack is now fully disarmed");
            env.log(Level::Info, "HA stack fully disarmed, releasing CRM watchdog");
            self.disarm = Some(Disarm { done: true, ..disarm });
        }
    }

    fn finish_in_flight(&mut self, env: &mut impl Environment) {
        loop {
            let mut again = false;
            for index in 0..self.services.len() {
                let before = self.services[index].state;
                if is_in_flight(before) {
                    let result = self.result(index);
                    self.advance(env, index, result);
                    again |= self.services[index].state != before;
                }
            }
            again |= self.fence(env);
            if !again {
                break;
            }
        }
    }

    /// Whether something is in flight, so that disarming has to wait.
    fn defer(&self, env: &mut impl Environment) -> bool {
        let in_flight = self.services.iter().filter(|service| is_in_flight(service.state));
        let waiting = in_flight.map(|service| {
            let text = format!("deferring disarm - service '{}' is in '{}' state", service.sid, service.state.as_str());
            env.log(Level::Info, &text);
        });
        waiting.count() > 0
    }

    fn freeze_all(&mut self, env: &mut impl Environment) {
        for index in 0..self.services.len() {
            let state = self.services[index].state;
            if matches!(state, State::Started | State::Stopped | State::RequestStart | State::RequestStop) {
                let sid = &self.services[index].sid;
                env.log(Level::Info, &format!("disarm: freezing service '{sid}' (was '{}')", state.as_str()));
                self.change(env, index, State::Freeze, Change::default());
            }
        }
    }

    fn all_let_go(&self) -> bool {
        self.nodes.online().iter().all(|&node| {
            self.lrms[node]
                .as_ref()
                .is_none_or(|status| status.mode == LrmMode::Disarm && status.state == LrmState::WaitForAgentLock)
        })
    }

    /// After the ignore mode guests may be anywhere.
    pub(super) fn rediscover(&mut self, env: &mut impl Environment) {
        for index in 0..self.services.len() {
            let Some(actual) = env.guest_node(&self.services[index].sid) else { continue };
            let node = self.nodes.intern(&actual);
            self.services[index].node = node;
        }
        self.lrms.resize(self.nodes.len(), None);
        self.recount(env);
    }
}

fn is_in_flight(state: State) -> bool {
    matches!(state, State::Fence | State::Recovery) || state.is_moving()
}
