//! Targets of all types and matchers share their names.

use pve_schemas::noun::Noun;
use pve_schemas::{
    NotificationGotify, NotificationMatcher, NotificationSendmail, NotificationSmtp, NotificationWebhook,
};
use serde_json::Value as Json;

use crate::client::Collection;
use crate::framework::{Cause, Change, Diagnostics, Failure, Path, Value};
use crate::preflight::EXISTS_ALREADY;
use crate::resources::operations::{OpContext, Operations};

/// What the cluster has under a name.
struct Holder {
    /// What it is called in messages.
    title: &'static str,
    /// The resource type that manages it.
    kind: &'static str,
}

/// What has the name `name` on the cluster.
async fn holder(op: &OpContext<'_>, name: &str) -> Option<Holder> {
    let entry = |collection| async move {
        let list = op.client().list(collection, &op.call()).await.ok()?;
        list.find::<Json>(name).ok().flatten()
    };
    fn of<N: Noun>() -> Holder {
        Holder { title: N::TITLE, kind: N::NAME }
    }
    if let Some(target) = entry(Collection::NotificationTargets).await {
        return match target["type"].as_str()? {
            "sendmail" => Some(of::<NotificationSendmail>()),
            "smtp" => Some(of::<NotificationSmtp>()),
            "gotify" => Some(of::<NotificationGotify>()),
            "webhook" => Some(of::<NotificationWebhook>()),
            _ => None,
        };
    }
    entry(Collection::NotificationMatchers).await.map(|_| of::<NotificationMatcher>())
}

/// A create whose name is taken by something that is not in the state.
pub(super) async fn taken<N: Operations>(op: &OpContext<'_>, change: &Change<'_>) -> Diagnostics {
    let mut found = Diagnostics::new();
    let Some(name) = change.planned.at("name").as_str() else { return found };
    if op.configured.preflight.has_in_state(N::NAME, name) {
        return found;
    }
    let Some(Holder { title, kind }) = holder(op, name).await else { return found };
    let at = Path::attribute("name");
    if kind != N::NAME {
        found.error_at(
            at,
            format!("The name {name} is taken"),
            format!(
                "{name}: the {title} {name} of the cluster has that name, and targets and matchers share their names. \
                 Nothing was changed.\nChoose another name, or remove that {title} first."
            ),
        );
        return found;
    }
    let detail = format!(
        "{name}: it exists on the cluster, but not in the state. Apply does not replace it: unless it is removed first, \
         the create fails and changes nothing.\nTo manage it, import it instead of creating it:\n\nimport {{\n  to = \
         {kind}.<name>\n  id = {name:?}\n}}\n\n`adopt_existing = true` in the provider block takes over objects that \
         equal the configuration."
    );
    let warning = op.configured.preflight.warning(EXISTS_ALREADY, &format!("{title} {name}"), Some(at), detail);
    warning.into_iter().for_each(|warning| found.push(warning));
    found
}

/// Which other object has the name of the one that was not created.
pub(super) async fn explain_refusal<N: Noun>(op: &OpContext<'_>, planned: &Value, failure: Failure) -> Failure {
    let name = planned.at("name").as_str().unwrap_or_default();
    if failure.cause != Cause::Exists {
        return failure;
    }
    let Some(Holder { title, .. }) = holder(op, name).await.filter(|holder| holder.kind != N::NAME) else {
        return failure;
    };
    let detail = failure.detail.replacen(
        "exists already.",
        &format!("the {title} {name} has that name, and targets and matchers share their names."),
        1,
    );
    Failure { detail, ..failure }.at(Path::attribute("name"))
}
