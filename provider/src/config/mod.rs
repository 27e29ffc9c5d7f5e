//! From the provider block and the environment to a client.

mod environment;
mod given;
mod locate;
mod ssh;
mod trust;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use pve_schemas::ProviderBlock;
use secrecy::SecretString;

use crate::client::{Client, Credentials, DEFAULT_REQUEST_TIMEOUT, Endpoint, Error, ErrorKind, Obstacle, Settings};
use crate::explain::explain;
use crate::framework::{Configure, Context, Diagnostic, Diagnostics, Path, Role, Schema, Stop, Value, to_model};
use crate::preflight;
use crate::session::{Configured, DEFAULT_PACE, Session, SshAccess, call};
use crate::ssh::Ssh;
use environment::{Environment, Login, list};
use given::Given;
use locate::ClusterAddresses;
use trust::Anchors;

/// How long configuring may take to find out that the cluster doesn't answer.
const CONFIGURE_TIMEOUT: Duration = Duration::from_secs(10);

/// The summary of what keeps the provider from its cluster.
const UNUSABLE: &str = "Cannot use the Proxmox VE API";

pub struct Configuration {
    session: Arc<Session>,
    schema: OnceLock<Schema>,
    environment: Environment,
}

impl Configuration {
    /// The provider block, whose result is stored in `session`. Reads the environment of this process.
    pub fn new(session: Arc<Session>) -> Self {
        Self { session, schema: OnceLock::new(), environment: Environment::of_process() }
    }

    /// As [`Configuration::new`], with the given variables instead of the process's own.
    pub fn with_environment(session: Arc<Session>, variables: BTreeMap<String, String>) -> Self {
        Self { session, schema: OnceLock::new(), environment: Environment::from(variables) }
    }

    async fn connect(&self, config: &Value, stop: Stop) -> Diagnostics {
        let mut diagnostics = Diagnostics::new();
        let unknown = unknown_arguments(config);
        if !unknown.is_empty() {
            self.session.defer(unknown);
            return diagnostics;
        }
        self.session.fail();
        let Some((configured, endpoint)) = self.configured(config, &mut diagnostics) else { return diagnostics };
        let cx = Context::new(Instant::now() + CONFIGURE_TIMEOUT, stop);
        // One request, so that a wrong certificate or token is reported once, by `configure`.
        match configured.client.version(&call(&cx)).await {
            Ok(_) => self.session.ready_with(configured),
            Err(error) if error.kind() == ErrorKind::NotImplemented => diagnostics.error(
                UNUSABLE,
                format!(
                    "{endpoint}: the server has no Proxmox VE API at this path. Check `endpoint`: that of a node is \
                     https://NODE:8006, with or without /api2/json. Nothing was changed.\n{}",
                    error.quote()
                ),
            ),
            Err(error) => {
                let failed = explain(&endpoint, &error).into_error(UNUSABLE);
                // A run that asks the cluster for nothing does without it; whatever does ask says so.
                if is_silent(&error) { self.session.hold_back(failed) } else { diagnostics.push(failed) }
            }
        }
        diagnostics
    }

    fn configured(&self, config: &Value, diagnostics: &mut Diagnostics) -> Option<(Configured, String)> {
        let mut config = config.clone();
        let ssh_is_known = config.at("ssh").is_wholly_known();
        if !ssh_is_known {
            config.insert("ssh", Value::Null);
        }
        let block: ProviderBlock = match to_model(&config) {
            Ok(block) => block,
            Err(problem) => {
                diagnostics.error("Invalid provider block", format!("{problem}."));
                return None;
            }
        };
        let environment = &self.environment;
        let endpoint = self.endpoint(&block, diagnostics);
        let credentials = self.credentials(&block, diagnostics);
        let trust = Anchors::choose(&block, environment).trust(diagnostics);
        let fallbacks: Vec<Given> = match &block.fallback_endpoints {
            Some(urls) => urls.iter().map(Given::written).collect(),
            None => {
                let given = environment.find("FALLBACK_ENDPOINTS", &[]);
                given.iter().flat_map(|given| list(&given.text).into_iter().map(|url| given.with(url))).collect()
            }
        };
        let parse = |given: &Given| {
            Endpoint::parse(&given.text).map_err(|e| given.blame(diagnostics, "fallback_endpoints", &e)).ok()
        };
        let fallback_endpoints: Vec<Endpoint> = fallbacks.iter().filter_map(parse).collect();
        let request_timeout = self.given(block.request_timeout.as_ref(), "REQUEST_TIMEOUT", &[]);
        let request_timeout = duration(request_timeout, "request_timeout", DEFAULT_REQUEST_TIMEOUT, diagnostics);
        let pace = self.given(block.poll_interval.as_ref(), "POLL_INTERVAL", &[]);
        let pace = duration(pace, "poll_interval", DEFAULT_PACE, diagnostics);
        let adopt = block.adopt_existing.or_else(|| {
            environment.find("ADOPT_EXISTING", &[]).and_then(|given| given.truth("adopt_existing", diagnostics))
        });
        let ignore =
            block.ignore_preflight.clone().or_else(|| environment.get("IGNORE_PREFLIGHT", &[]).map(|v| list(&v)));
        let ignore = ignore.unwrap_or_default();
        for problem in ignore.iter().filter_map(|name| preflight::unknown(name)) {
            diagnostics.error_at(Path::attribute("ignore_preflight"), "Unknown check", problem);
        }
        let login = if ssh_is_known { ssh::Reader::new(environment, true, diagnostics).read(&block) } else { None };
        if diagnostics.has_error() {
            return None;
        }
        let endpoint = endpoint?;
        let shown = endpoint.to_string();
        let settings = Settings {
            endpoint,
            fallback_endpoints,
            credentials: credentials?,
            trust: trust?,
            request_timeout: request_timeout?,
        };
        match Client::new(settings) {
            Ok(client) => {
                let access = match login {
                    _ if !ssh_is_known => SshAccess::Deferred,
                    Some(login) => SshAccess::Ready(Ssh::new(login, Arc::new(ClusterAddresses(client.clone())))),
                    None => SshAccess::Absent,
                };
                let ignore = ignore.into_iter().collect();
                let mut configured = Configured::new(client, access, adopt == Some(true), ignore);
                configured.pace = pace?;
                Some((configured, shown))
            }
            Err(error) => {
                diagnostics.error("Cannot use the provider block", format!("{error}. Nothing was sent."));
                None
            }
        }
    }

    fn endpoint(&self, block: &ProviderBlock, diagnostics: &mut Diagnostics) -> Option<Endpoint> {
        let given = self.given(block.endpoint.as_ref(), "ENDPOINT", &["PM_API_URL"]);
        let Some(given) = given.filter(|given| !given.text.is_empty()) else {
            diagnostics.error_at(
                Path::attribute("endpoint"),
                "Missing endpoint",
                "No cluster is configured. Set `endpoint = \"https://NODE:8006\"` in the provider block, or \
                 PROXMOX_VE_ENDPOINT.",
            );
            return None;
        };
        Endpoint::parse(&given.text).map_err(|error| given.blame(diagnostics, "endpoint", &error)).ok()
    }

    /// What is written in the provider block, else what the environment says.
    fn given(&self, written: Option<&String>, name: &str, others: &[&str]) -> Option<Given> {
        written.map(Given::written).or_else(|| self.environment.find(name, others))
    }

    /// One way to log in, chosen whole: the explicit one, then `PROXMOX_VE_*`, then `PM_*`.
    fn credentials(&self, block: &ProviderBlock, diagnostics: &mut Diagnostics) -> Option<Credentials> {
        let explicit = Login::of_block(block);
        let login = if explicit.is_empty() { self.environment.login() } else { explicit };
        let secret = |text: &str| SecretString::from(text.to_owned());
        if let Some(token) = &login.api_token {
            return Credentials::token(secret(token))
                .map_err(|error| login.blame(diagnostics, "api_token", &error))
                .ok();
        }
        if let Some(ticket) = &login.auth_ticket {
            let csrf = login.csrf_prevention_token.as_deref().unwrap_or_default();
            if csrf.is_empty() {
                diagnostics.error_at(
                    Path::attribute("csrf_prevention_token"),
                    "Missing csrf_prevention_token",
                    "`auth_ticket` needs the `csrf_prevention_token` that Proxmox issued with it; writes are refused \
                     without it.",
                );
                return None;
            }
            return Credentials::ticket(secret(ticket), secret(csrf))
                .map_err(|error| login.blame(diagnostics, "auth_ticket", &error))
                .ok();
        }
        if let Some(username) = &login.username {
            if let Err(error) = Credentials::username(username) {
                login.blame(diagnostics, "username", &error);
                return None;
            }
            let Some(password) = &login.password else {
                diagnostics.error_at(Path::attribute("password"), "Missing password", "`username` needs `password`.");
                return None;
            };
            if login.otp.is_some() {
                diagnostics.warning_at(
                    Path::attribute("otp"),
                    "A one-time password is not enough for an apply",
                    "A code is valid for one login, and one run of the CLI starts several provider processes, each \
                     with its own login. Use an API token, which needs no second factor.",
                );
            }
            let otp = login.otp.as_deref().map(secret);
            return Credentials::password(username, secret(password), otp)
                .map_err(|error| login.blame(diagnostics, "username", &error))
                .ok();
        }
        let half = self.environment.half_token().map_or_else(String::new, |[set, missing]| {
            format!("\n{set} is set and {missing} is not; a token needs both.")
        });
        diagnostics.error_at(
            Path::attribute("api_token"),
            "Missing credentials",
            format!(
                "No credentials are configured. Set `api_token = \"USER@REALM!TOKENID=SECRET\"` in the provider block, \
                 or PROXMOX_VE_API_TOKEN.{half}"
            ),
        );
        None
    }
}

impl Configure for Configuration {
    fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| Schema::packed::<ProviderBlock>(Role::Provider))
    }

    fn validate(&self, config: &Value, diagnostics: &mut Diagnostics) {
        let fallbacks = config.at("fallback_endpoints").elements().unwrap_or_default();
        let urls = fallbacks.iter().map(|url| ("fallback_endpoints", url)).chain([("endpoint", config.at("endpoint"))]);
        for (argument, url) in urls.filter_map(|(argument, url)| Some((argument, url.as_str()?))) {
            if let Err(error) = Endpoint::parse(url) {
                Given::written(url).blame(diagnostics, argument, &error);
            }
        }
        let ignored = config.at("ignore_preflight").elements().unwrap_or_default();
        for problem in ignored.iter().filter_map(Value::as_str).filter_map(preflight::unknown) {
            diagnostics.error_at(Path::attribute("ignore_preflight"), "Unknown check", problem);
        }
        let given: Vec<&str> =
            ["api_token", "auth_ticket", "username"].into_iter().filter(|name| !config.at(name).is_null()).collect();
        if given.len() > 1 {
            for name in &given {
                diagnostics.error_at(
                    Path::attribute(*name),
                    "More than one way to log in",
                    format!(
                        "{} are set. Keep one of them: an API token, a ticket, or a user name with password.",
                        given.join(" and ")
                    ),
                );
            }
        }
        for (name, needs) in [("csrf_prevention_token", "auth_ticket"), ("password", "username"), ("otp", "username")] {
            let elsewhere = name == "password" || name == "otp";
            let from_environment = elsewhere && self.environment.login().username.is_some();
            if !config.at(name).is_null() && config.at(needs).is_null() && !from_environment {
                diagnostics.error_at(
                    Path::attribute(name),
                    format!("{name} without {needs}"),
                    format!("`{name}` has no effect without `{needs}`."),
                );
            }
        }
        let given = config.at("ssh");
        if !given.is_null()
            && given.is_wholly_known()
            && let Ok(block) = to_model::<ProviderBlock>(&Value::object([("ssh", given.clone())]))
        {
            ssh::Reader::new(&self.environment, false, diagnostics).read(&block);
        }
        if !config.at("tls_fingerprint").is_null() && config.at("insecure").as_bool() == Some(true) {
            diagnostics.warning_at(
                Path::attribute("insecure"),
                "insecure overrides tls_fingerprint",
                "With `insecure = true` the fingerprint is not checked. Remove `insecure`: a pinned certificate is \
                 trusted without a CA.",
            );
        }
    }

    fn configure<'a>(&'a self, config: &'a Value, stop: Stop) -> BoxFuture<'a, Diagnostics> {
        self.connect(config, stop).boxed()
    }

    fn unreachable(&self) -> Option<Diagnostic> {
        self.session.unreachable()
    }
}

/// The duration that is given for `argument`, `unset` where it is not.
fn duration(given: Option<Given>, argument: &str, unset: Duration, diagnostics: &mut Diagnostics) -> Option<Duration> {
    let Some(given) = given else { return Some(unset) };
    pve_schemas::value::timeout(&given.text).or_else(|| {
        let problem = format!("it is {:?} and must be a duration greater than zero, such as 30s", given.text);
        given.blame(diagnostics, argument, &problem);
        None
    })
}

/// Whether nothing has answered, as in an outage: anything else is wrong with the provider block, whatever is planned.
fn is_silent(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Unreachable(obstacle) => matches!(obstacle, Obstacle::Dns | Obstacle::Connect),
        ErrorKind::Unanswered | ErrorKind::Expired => error.status().is_none(),
        _ => false,
    }
}

/// The endpoint that the environment of this process names.
pub fn environment_endpoint() -> Option<String> {
    Environment::of_process().get("ENDPOINT", &["PM_API_URL"])
}

/// The arguments that reaching the cluster needs and that aren't known yet. What only SSH needs doesn't matter here.
fn unknown_arguments(config: &Value) -> Vec<String> {
    let members = config.as_map().into_iter().flatten();
    members
        .filter(|(name, value)| *name != "ssh" && !value.is_wholly_known())
        .map(|(name, _)| format!("`{name}`"))
        .collect()
}

#[cfg(test)]
mod tests;
