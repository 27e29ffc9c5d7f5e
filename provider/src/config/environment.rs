//! The environment's part: `PROXMOX_VE_*` as users of the bpg provider have it, then Telmate's `PM_*`.

use std::collections::BTreeMap;
use std::fmt;

use pve_schemas::ProviderBlock;

use super::given::Given;
use crate::framework::Diagnostics;

/// The variables that matter, read once.
#[derive(Debug, Default)]
pub struct Environment(BTreeMap<String, String>);

/// One way to log in, or none.
#[derive(Default)]
pub struct Login {
    pub(super) api_token: Option<String>,
    pub(super) auth_ticket: Option<String>,
    pub(super) csrf_prevention_token: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<String>,
    pub(super) otp: Option<String>,
    place: Place,
}

/// Where a way to log in is written.
#[derive(Default)]
enum Place {
    #[default]
    Block,
    Ours,
    Telmate,
}

impl From<BTreeMap<String, String>> for Environment {
    fn from(variables: BTreeMap<String, String>) -> Self {
        Self(variables)
    }
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        let ours = |name: &String| {
            name.starts_with("PROXMOX_VE_")
                || name.starts_with("PM_")
                || matches!(name.as_str(), "SSH_AUTH_SOCK" | "HOME")
        };
        Self(
            std::env::vars_os()
                .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
                .filter(|(k, _)| ours(k))
                .collect(),
        )
    }

    /// The value of `PROXMOX_VE_<name>`, else of the first of `others`; an empty value counts as unset.
    pub fn get(&self, name: &str, others: &[&str]) -> Option<String> {
        self.find(name, others).map(|given| given.text)
    }

    /// As [`Environment::get`], with the variable's name.
    pub fn find(&self, name: &str, others: &[&str]) -> Option<Given> {
        let ours = format!("PROXMOX_VE_{name}");
        let mut names = std::iter::once(ours.as_str()).chain(others.iter().copied());
        names.find_map(|name| self.plain(name).map(|text| Given::from_variable(name, text)))
    }

    /// The value of a variable that isn't the provider's own; an empty value counts as unset.
    pub fn variable(&self, name: &str) -> Option<String> {
        self.plain(name)
    }

    /// Whether any variable is about SSH.
    pub fn speaks_of_ssh(&self) -> bool {
        self.0.iter().any(|(name, value)| name.starts_with("PROXMOX_VE_SSH_") && !value.is_empty())
    }

    /// The way to log in: all of it from `PROXMOX_VE_*`, else all of it from `PM_*`.
    pub fn login(&self) -> Login {
        let own = Login {
            api_token: self.plain("PROXMOX_VE_API_TOKEN"),
            auth_ticket: self.plain("PROXMOX_VE_AUTH_TICKET"),
            csrf_prevention_token: self.plain("PROXMOX_VE_CSRF_PREVENTION_TOKEN"),
            username: self.plain("PROXMOX_VE_USERNAME"),
            password: self.plain("PROXMOX_VE_PASSWORD"),
            otp: self.plain("PROXMOX_VE_OTP"),
            place: Place::Ours,
        };
        if !own.is_empty() {
            return own;
        }
        let token = self.plain("PM_API_TOKEN_ID").zip(self.plain("PM_API_TOKEN_SECRET"));
        Login {
            api_token: token.map(|(id, secret)| format!("{id}={secret}")),
            username: self.plain("PM_USER"),
            password: self.plain("PM_PASS"),
            otp: self.plain("PM_OTP"),
            place: Place::Telmate,
            ..Login::default()
        }
    }

    /// Of Telmate's two variables for a token, the one that is set and the one that is missing.
    pub fn half_token(&self) -> Option<[&'static str; 2]> {
        const BOTH: [&str; 2] = ["PM_API_TOKEN_ID", "PM_API_TOKEN_SECRET"];
        match BOTH.map(|name| self.plain(name).is_some()) {
            [true, false] => Some(BOTH),
            [false, true] => Some([BOTH[1], BOTH[0]]),
            _ => None,
        }
    }

    fn plain(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|value| !value.is_empty()).cloned()
    }
}

impl Login {
    /// The way to log in that the provider block gives.
    pub fn of_block(block: &ProviderBlock) -> Self {
        Self {
            api_token: block.api_token.clone(),
            auth_ticket: block.auth_ticket.clone(),
            csrf_prevention_token: block.csrf_prevention_token.clone(),
            username: block.username.clone(),
            password: block.password.clone(),
            otp: block.otp.clone(),
            place: Place::Block,
        }
    }

    /// Reports that `argument`, one of this way's, has no good value.
    pub fn blame(&self, diagnostics: &mut Diagnostics, argument: &str, problem: &dyn fmt::Display) {
        let given = match (&self.place, argument) {
            (Place::Block, _) => Given::written(""),
            (Place::Telmate, "api_token") => Given::from_variable("PM_API_TOKEN_ID with PM_API_TOKEN_SECRET", ""),
            (Place::Telmate, _) => Given::from_variable("PM_USER", ""),
            (Place::Ours, _) => Given::from_variable(format!("PROXMOX_VE_{}", argument.to_uppercase()), ""),
        };
        given.blame(diagnostics, argument, problem);
    }

    /// Whether this is no way to log in.
    pub fn is_empty(&self) -> bool {
        self.api_token.is_none() && self.auth_ticket.is_none() && self.username.is_none()
    }
}

/// A truth value as people write it into the environment; none for anything else.
pub fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A list, separated by commas.
pub fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}
