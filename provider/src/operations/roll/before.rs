//! What was so before a roll, and has to be so after each of its nodes.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::super::survey::Survey;

/// The guests and the HA resources before a roll.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    /// The guests that ran.
    pub(super) running: BTreeSet<String>,
    /// The HA resources in the error state.
    pub(super) broken: BTreeSet<String>,
}

impl Before {
    pub(super) fn of(survey: &Survey) -> Self {
        let guests = survey.live.guests.values();
        Self {
            running: guests.filter(|guest| guest.running).map(|guest| guest.sid.clone()).collect(),
            broken: broken(&survey.live.manager),
        }
    }
}

/// The HA resources in the error state, by the status of the HA manager.
pub(super) fn broken(manager: &Json) -> BTreeSet<String> {
    let services = manager["service_status"].as_object().into_iter().flatten();
    services.filter(|(_, service)| service["state"] == "error").map(|(sid, _)| sid.clone()).collect()
}
