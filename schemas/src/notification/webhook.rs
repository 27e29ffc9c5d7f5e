//! `pve_notification_webhook`: requests to an HTTP server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BESIDE;
use super::pairs::{Body, Headers, Secrets, never};
use crate::noun::Noun;
use crate::rest::{Collection, Rest, wire};
use crate::tf_block;
use crate::value::ConfigId;

/// A notification target that sends HTTP requests. Proxmox sends each request once, follows redirects, and treats every
/// status from 200 to 299 as a success. `http_proxy` of `pve_datacenter_options` applies.
///
/// A target receives notifications only if a `pve_notification_matcher` refers to it.
///
/// `url`, the values of `headers` and `body` are templates of Handlebars, written in clear: `{{ title }}`,
/// `{{ message }}`, `{{ severity }}`, `{{ timestamp }}`, `{{ fields.NAME }}`, `{{ secrets.NAME }}`, and the helpers
/// `{{ url-encode VALUE }}`, `{{ escape VALUE }}` (for the inside of a JSON text) and `{{ json VALUE }}`. An unknown name
/// is rendered as an empty text.
///
/// **Secrets:** Proxmox returns their names only, so that a changed value is not seen. Set them in `secrets_wo` with
/// `secrets_wo_version`, and no plan and no state has them; this needs Terraform 1.11 or OpenTofu 1.11. `secrets` is stored
/// in the state. Without both, as after an import, the target keeps its secrets. A configuration from which both were
/// removed removes them. Values of `url`, `headers` and `body` are no secrets: refer to `{{ secrets.NAME }}` in them.
///
/// Needs PVE 8.3 or newer.
#[tf_block(partial, rest)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotificationWebhook {
    /// The name of the target, unique among all targets and matchers.
    #[tf(required, replace, identity)]
    pub name: ConfigId,
    /// The URL, a template.
    #[tf(required)]
    #[schemars(extend("format" = "pve-webhook-url"))]
    pub url: String,
    /// The method of the request.
    #[tf(required)]
    pub method: HttpMethod,
    /// The headers by name; their values are templates.
    #[tf(optional, wire = "header")]
    pub headers: Headers,
    /// The body of the request, a template.
    #[tf(null_means = "")]
    pub body: Option<Body>,
    /// The secrets by name, stored in the state. See above.
    #[tf(secret, wire = "secret")]
    pub secrets: Secrets,
    /// The secrets by name, as a write-only attribute: neither the plan nor the state has them. The provider sends all of them
    /// when `secrets_wo_version` changes.
    #[tf(write_only, wire(name = "secret", read = never))]
    pub secrets_wo: Secrets,
    /// Increase it to send `secrets_wo`. Remove both to remove the secrets from the target.
    #[tf(local)]
    #[schemars(range(min = 1))]
    pub secrets_wo_version: Option<i64>,
    /// A comment of one line.
    #[tf(null_means = "")]
    #[schemars(extend("format" = "pve-notification-line"))]
    pub comment: Option<String>,
    /// Whether the target is switched off.
    #[tf(default = false, wire = "disable")]
    pub disabled: Option<bool>,
}

/// A method of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HttpMethod {
    /// POST
    Post,
    /// PUT
    Put,
    /// GET
    Get,
}

wire::word!(HttpMethod);

impl Noun for NotificationWebhook {
    const NAME: &'static str = "pve_notification_webhook";
    const TITLE: &'static str = "webhook target";
}

impl Rest for NotificationWebhook {
    const COLLECTION: Collection = Collection::NotificationWebhook;
    const BESIDE: &'static [&'static str] = BESIDE;

    fn key(&self) -> String {
        self.name.to_string()
    }
}
