//! Notification targets and matchers: those that Proxmox ships, names that all of them share, and what a version lacks.

mod built_in;
mod names;

use std::collections::BTreeSet;

use pve_schemas::noun::Noun;
use pve_schemas::value::ConfigId;
use pve_schemas::{
    NotificationGotify, NotificationMatcher, NotificationSendmail, NotificationSmtp, NotificationWebhook,
};
use serde_json::Value as Json;

use super::explain;
use super::operations::{OpContext, Operations, simple_id};
use crate::client::Collection;
use crate::framework::{Change, Diagnostics, Failure, Path, Value};

/// The release that brought what Proxmox calls notifications.
const NOTIFICATIONS: (u32, u32) = (8, 1);
/// The release that brought webhooks.
const WEBHOOKS: (u32, u32) = (8, 3);

/// What is the same for targets and matchers, which there are since the given release.
macro_rules! common {
    ($since:expr) => {
        fn parse_id(id: &str) -> Result<Value, String> {
            simple_id("name", ConfigId::FORMAT, id)
        }

        async fn referrers(op: &OpContext<'_>, object: &Value) -> Vec<String> {
            matchers_of(op, object).await
        }

        async fn exists(op: &OpContext<'_>) -> Result<bool, Failure> {
            is_supported::<Self>(op, $since).await
        }

        async fn explain_use(op: &OpContext<'_>, state: &Value, failure: Failure) -> Failure {
            in_use(op, state, failure).await
        }

        async fn explain_refusal(op: &OpContext<'_>, planned: &Value, failure: Failure) -> Failure {
            names::explain_refusal::<Self>(op, planned, failure).await
        }
    };
}

impl Operations for NotificationSendmail {
    common!(NOTIFICATIONS);

    fn is_built_in(object: &Value) -> bool {
        built_in::is_target(object)
    }

    fn is_listed(entry: &Json) -> bool {
        built_in::is_changed(entry)
    }

    fn validate(config: &Value, diagnostics: &mut Diagnostics) {
        recipients(config, diagnostics);
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        checks::<Self>(op, &change, NOTIFICATIONS).await
    }

    async fn preflight_destroy(op: &OpContext<'_>, prior: &Value) -> Diagnostics {
        built_in::reset::<Self>(op, prior)
    }
}

impl Operations for NotificationSmtp {
    common!(NOTIFICATIONS);

    fn validate(config: &Value, diagnostics: &mut Diagnostics) {
        recipients(config, diagnostics);
        let secret = ["password", "password_wo"].into_iter().find(|name| !config.at(name).is_null());
        if config.at("username").is_null()
            && let Some(name) = secret
        {
            diagnostics.error_at(
                Path::attribute(name),
                "A password without a user name",
                format!("{name} is set, and username is not: Proxmox then does not log in. Set both, or neither."),
            );
        }
    }

    fn remarks(object: &Self) -> Vec<String> {
        object.username.is_some().then(|| kept("password")).into_iter().collect()
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        let mut found = checks::<Self>(op, &change, NOTIFICATIONS).await;
        if change.prior.is_none() && !change.planned.at("username").is_null() && lacks(&change, "password") {
            found.error_at(
                Path::attribute("username"),
                "A user name without a password",
                "username is set, and neither password nor password_wo is: Proxmox creates such a target, and sends \
                 nothing to it. Set one of them, or remove username.",
            );
        }
        found
    }
}

impl Operations for NotificationGotify {
    common!(NOTIFICATIONS);

    fn remarks(_object: &Self) -> Vec<String> {
        vec![kept("token")]
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        let mut found = checks::<Self>(op, &change, NOTIFICATIONS).await;
        if change.prior.is_none() && lacks(&change, "token") {
            found.error_at(
                Path::attribute("token"),
                "Missing token",
                "A new target needs the token of an application at the server. Set token_wo and token_wo_version, or \
                 token, which is stored in the state.",
            );
        }
        found
    }

    /// Proxmox can't remove a token: where the configuration has none any more, the target keeps it.
    async fn before_update(_op: &OpContext<'_>, from: &mut Value, to: &Value) -> Result<(), Failure> {
        if to.at("token").is_null() && to.at("token_wo").is_null() {
            from.insert("token", Value::Null);
        }
        Ok(())
    }
}

impl Operations for NotificationWebhook {
    common!(WEBHOOKS);

    fn validate(config: &Value, diagnostics: &mut Diagnostics) {
        let mut seen = BTreeSet::new();
        let names = config.at("headers").as_map().into_iter().flatten().map(|(name, _)| name);
        if let Some(name) = names.into_iter().find(|name| !seen.insert(name.to_ascii_lowercase())) {
            diagnostics.error_at(
                Path::attribute("headers").key(name),
                "One header twice",
                format!("headers has {name:?} twice in different case, and for HTTP both are one header. Remove one."),
            );
        }
    }

    fn remarks(_object: &Self) -> Vec<String> {
        vec![kept("secrets")]
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        checks::<Self>(op, &change, WEBHOOKS).await
    }
}

impl Operations for NotificationMatcher {
    common!(NOTIFICATIONS);

    fn is_built_in(object: &Value) -> bool {
        built_in::is_matcher(object)
    }

    fn is_listed(entry: &Json) -> bool {
        built_in::is_changed(entry)
    }

    async fn preflight(op: &OpContext<'_>, change: Change<'_>) -> Diagnostics {
        checks::<Self>(op, &change, NOTIFICATIONS).await
    }

    async fn preflight_destroy(op: &OpContext<'_>, prior: &Value) -> Diagnostics {
        built_in::reset::<Self>(op, prior)
    }
}

/// What is checked of all of them: an error without an attribute says that this cluster can't have such objects.
async fn checks<N: Operations>(op: &OpContext<'_>, change: &Change<'_>, (major, minor): (u32, u32)) -> Diagnostics {
    let mut found = Diagnostics::new();
    if let Ok(version) = op.client().version(&op.call()).await
        && !version.is_at_least(major, minor)
    {
        let name = change.planned.at("name").as_str().unwrap_or(N::TITLE);
        found.error(
            format!("{} needs PVE {major}.{minor}", N::NAME),
            format!("{name}: this cluster runs {version}, which has no such notifications. Upgrade all nodes first."),
        );
        return found;
    }
    if change.prior.is_none() {
        found.extend(match N::is_built_in(change.planned) {
            true => built_in::adoption::<N>(op, change.planned),
            false => names::taken::<N>(op, change).await,
        });
    }
    found
}

/// Whether this cluster's version has such objects.
async fn is_supported<N: Noun>(op: &OpContext<'_>, (major, minor): (u32, u32)) -> Result<bool, Failure> {
    let version = op.client().version(&op.call()).await.map_err(|error| explain(N::TITLE, &error))?;
    Ok(version.is_at_least(major, minor))
}

/// Proxmox refuses a target for mails without a recipient.
fn recipients(config: &Value, diagnostics: &mut Diagnostics) {
    if config.at("mailto").is_null() && config.at("mailto_user").is_null() {
        diagnostics.error_at(
            Path::attribute("mailto"),
            "No recipient",
            "Neither mailto nor mailto_user is set. At least one of them is needed.",
        );
    }
}

/// Whether the configuration sets neither the attribute nor its write-only twin.
fn lacks(change: &Change<'_>, name: &str) -> bool {
    change.config.at(name).is_null() && change.config.at(&format!("{name}_wo")).is_null()
}

/// The remark on what Proxmox does not return.
fn kept(what: &str) -> String {
    format!("Proxmox does not return the {what}. As long as this has no `{what}`, the target keeps what it has.")
}

/// The matchers that send to the target `object`.
async fn matchers_of(op: &OpContext<'_>, object: &Value) -> Vec<String> {
    let name = object.at("name").as_str().unwrap_or_default();
    let list = op.client().list(Collection::NotificationMatchers, &op.call()).await;
    let Ok(entries) = list.and_then(|list| list.all::<Json>()) else { return Vec::new() };
    let names = |entry: &&Json| entry["target"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    let mut matchers: Vec<&str> = entries.iter().filter(names).filter_map(|entry| entry["name"].as_str()).collect();
    matchers.sort_unstable();
    matchers.into_iter().map(|matcher| format!("the matcher {matcher}")).collect()
}

/// Which matchers keep a target from being deleted.
async fn in_use(op: &OpContext<'_>, state: &Value, failure: Failure) -> Failure {
    let matchers = matchers_of(op, state).await;
    if matchers.is_empty() {
        return failure;
    }
    let users = matchers.join(", ");
    let detail = failure.detail.replacen("is still in use.", &format!("it is a target of {users}."), 1);
    let (before, words) = detail.rsplit_once('\n').unwrap_or((&detail, ""));
    let detail = format!(
        "{before}\nA matcher that is not in the state has to be changed where it is managed, such as under Datacenter > \
         Notifications.\n{words}"
    );
    Failure { detail, ..failure }
}
