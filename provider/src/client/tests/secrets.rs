//! No secret in anything that is ever shown: not at TRACE, not in errors, not in Debug.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use super::auth::{PASSWORD, password};
use super::fake::Fake;
use super::server::{Reply, TOKEN, call, die, ok, status};
use crate::client::{Credentials, LockDomain, Params};

const CANARIES: [&str; 6] =
    ["canary-token", PASSWORD, "canary-ticket", "canary-csrf", "canary-otp", "canary-parameter"];

#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        writeln!(self.0.lock().unwrap(), "{field}={value:?}").unwrap();
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        attributes.record(&mut self.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn secrets_stay_secret() {
    let log = Log::default();
    let subscriber = tracing_subscriber::registry().with(log.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    let challenge = r#"{"NeedTFA":1,"username":"root@pam",
        "ticket":"PVE:!tfa!canary-ticket:6742AB01::x","CSRFPreventionToken":"canary-csrf"}"#;
    let granted = r#"{"username":"root@pam","ticket":"PVE:root@pam:6742AB01::canary-ticket",
        "CSRFPreventionToken":"canary-csrf"}"#;
    let server = Fake::start(move |seen| match seen.line().as_str() {
        "POST /access/ticket" if seen.form.contains_key("tfa-challenge") => ok(granted),
        "POST /access/ticket" => ok(challenge),
        "GET /retry" => status(596, "again"),
        "GET /refused" => die("refused"),
        "GET /garbled" => Reply::Answer(200, "OK".into(), "<canary-ticket>".into()),
        "PUT /closed" => Reply::Close,
        _ => ok("null"),
    });
    let mut shown = String::new();
    let ticket = "PVE:root@pam:6742AB01::canary-ticket";
    for credentials in [
        Credentials::token(TOKEN.into()).unwrap(),
        password(Some("canary-otp")),
        Credentials::ticket(ticket.into(), "canary-csrf".into()).unwrap(),
    ] {
        writeln!(shown, "{credentials:?}").unwrap();
        let client = server.client_of(credentials);
        writeln!(shown, "{client:?}").unwrap();
        let mut params = Params::new();
        params.set("password", "canary-parameter");
        let permit = client.permit(LockDomain::Other, &call()).await.unwrap();
        client.put("/fine", &params, &permit, &call()).await.unwrap();
        for path in ["/retry", "/refused", "/garbled"] {
            let error = client.get::<Value>(path, &call()).await.unwrap_err();
            writeln!(shown, "{error} {error:?}").unwrap();
        }
        let error = client.put("/closed", &params, &permit, &call()).await;
        let error = error.unwrap_err();
        writeln!(shown, "{error} {error:?} {permit:?} {params:?}").unwrap();
    }
    let log = log.0.lock().unwrap();
    assert!(log.contains("trying again"), "the log is captured at all");
    for canary in CANARIES {
        assert!(!log.contains(canary), "{canary} in the log: {log}");
        assert!(!shown.contains(canary), "{canary} is shown: {shown}");
    }
}
