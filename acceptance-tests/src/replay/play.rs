//! Puts an emulator into a case's start state, performs its steps in order and judges each answer.

use super::case::{Action, Case, Exchange, ExpectedFiles};
use super::client::{Answer, Client, ClientError};
use super::command;
use super::compare::differences;
use super::control::{Control, ControlError};
use super::files::difference;
use super::pointer::{Pointer, as_text};
use super::received::Mailroom;
use super::request::{AuthHeaders, Captures, bytes, encode, fill};
use super::seed::{Credentials, SeedError};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// What a played case showed.
#[derive(Debug)]
pub struct Outcome {
    pub case: String,
    /// Every step, in order.
    pub steps: Vec<Played>,
}

/// A step that was played, or passed over.
#[derive(Debug)]
pub struct Played {
    /// Its number; nothing for the files at the end.
    pub n: Option<u32>,
    /// What it was, for a person.
    pub title: String,
    pub verdict: Verdict,
}

/// How a step went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer is what was recorded.
    Equal,
    /// It isn't; each line names one difference.
    Different(Vec<String>),
    /// It only changed the world, there is no answer to judge.
    Done,
    /// It belongs to what the emulator doesn't cover.
    OutOfScope,
}

/// Why a case couldn't be played to its end.
#[derive(Debug, thiserror::Error)]
pub enum PlayError {
    /// The emulator can't be brought into the start state.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The receivers of notifications can't be started.
    #[error("receivers: {0}")]
    Receivers(#[from] std::io::Error),
    /// A step can't be done.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The emulator can't be reached.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A recording uses credentials that the format doesn't support.
    #[error("unknown credentials: {0}")]
    Credentials(String),
}

/// Plays `case` against an emulator of its own, seeded from `seed_file`.
///
/// # Errors
/// When the emulator can't be started; a step that can't be done differs, like one whose answer does.
pub async fn play(case: &Case, seed_file: &Path) -> Result<Outcome, PlayError> {
    let mailroom = Mailroom::open().await?;
    let stage = super::seed::start(case, seed_file, mailroom.hosts()).await?;
    let mut player = Player {
        client: Client::new(stage.emulator.endpoint(), stage.emulator.ca_pem())?,
        control: Control::new(&stage.emulator),
        mailroom,
        credentials: stage.credentials,
        captures: Captures::new(),
        tickets: BTreeMap::new(),
        played_all: true,
    };
    let mut steps = Vec::new();
    for step in &case.steps {
        let title = title(&step.action);
        let verdict = match player.step(&step.action).await {
            Ok(verdict) => verdict,
            Err(error) => Verdict::Different(vec![error.to_string()]),
        };
        steps.push(Played { n: step.n, title, verdict });
    }
    stage.emulator.stop().await;
    Ok(Outcome { case: case.name.clone(), steps })
}

/// What a step does, for a person.
fn title(action: &Action) -> String {
    match action {
        Action::Http(exchange) => exchange.title(),
        Action::Wait { path, pointer, equals, .. } => {
            format!("wait for {path} {pointer} = {}", equals.as_deref().unwrap_or("nothing"))
        }
        Action::Sleep(seconds) => format!("sleep {seconds} s"),
        Action::Node { action, node } => format!("{action} node {node}"),
        Action::Qdevice(action) => format!("QDevice {action}"),
        Action::Guest { action, args } => format!("guest {action} {}", args.join(" ")),
        Action::Files(_) => "files".to_owned(),
        Action::Command(command) => format!("{}: {}", command.node, command.argv.join(" ")),
        Action::Fence(fence) => format!("fence.cfg: {}", fence.name),
        Action::Received(_) => "received".to_owned(),
        Action::Unplayed(kind) => kind.clone(),
    }
}

struct Player<'e> {
    client: Client,
    control: Control<'e>,
    mailroom: Mailroom,
    credentials: Credentials,
    captures: Captures,
    /// Ticket and CSRF token by user.
    tickets: BTreeMap<String, (String, String)>,
    /// Whether nothing that could have changed the files was passed over.
    played_all: bool,
}

impl Player<'_> {
    async fn step(&mut self, action: &Action) -> Result<Verdict, PlayError> {
        match action {
            Action::Http(exchange) => return self.exchange(exchange).await,
            Action::Wait { path, pointer, equals, timeout_s } => {
                return self.wait(path, pointer, equals.as_deref(), *timeout_s).await;
            }
            Action::Files(expected) => return Ok(self.files(expected)),
            Action::Sleep(seconds) => self.control.advance(*seconds),
            Action::Node { action, node } => self.control.node(action, node)?,
            Action::Qdevice(action) => self.control.qdevice(action == "on"),
            Action::Guest { action, args } => self.control.guest(action, args)?,
            Action::Command(command) => return Ok(verdict(command::play(self.control.emulator(), command))),
            Action::Fence(fence) => return Ok(verdict(command::fence(fence))),
            Action::Received(expected) => {
                return Ok(verdict(self.mailroom.check(self.control.emulator(), expected).await));
            }
            Action::Unplayed(_) => {
                self.played_all = false;
                return Ok(Verdict::OutOfScope);
            }
        }
        Ok(Verdict::Done)
    }

    async fn exchange(&mut self, exchange: &Exchange) -> Result<Verdict, PlayError> {
        let auth = self.auth(&exchange.auth, &exchange.method).await?;
        let asked = self.control.now();
        let answer = self.client.send(&bytes(exchange, &auth, &self.captures, self.client.host())).await?;
        // An emulator with a stopped clock refuses at once what a node refuses after ten tries for a lock.
        let took = exchange.took_s.map(|took| took - (self.control.now() - asked));
        if let Some(missing) = took.filter(|missing| *missing > 0.0) {
            self.control.advance(missing);
        }
        let body = body(&answer);
        for (name, pointer) in &exchange.capture {
            if let Some(value) = Pointer::parse(pointer).find(&body) {
                self.captures.insert(name.clone(), as_text(value));
            }
        }
        let found = judge(exchange, &answer, &body);
        Ok(verdict(found))
    }

    /// Repeats the GET once a second of the emulator's time.
    async fn wait(
        &mut self,
        path: &str,
        pointer: &str,
        equals: Option<&str>,
        timeout_s: u64,
    ) -> Result<Verdict, PlayError> {
        let path = fill(path, &self.captures);
        let auth = self.auth("root-token", "GET").await?;
        let request = self.get(&path, &auth);
        let pointer = Pointer::parse(&fill(pointer, &self.captures));
        let mut last = None;
        for _ in 0..=timeout_s {
            let answer = self.client.send(&request).await?;
            last = pointer.find(&body(&answer)).filter(|value| !value.is_null()).map(as_text);
            if last.as_deref() == equals {
                return Ok(Verdict::Equal);
            }
            self.control.advance(1.0);
        }
        Ok(Verdict::Different(vec![format!(
            "not reached within {timeout_s} s, last was {}",
            last.as_deref().unwrap_or("nothing")
        )]))
    }

    fn get(&self, path: &str, auth: &AuthHeaders) -> Vec<u8> {
        let mut head =
            format!("GET /api2/json{path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.client.host());
        for (name, value) in auth {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    fn files(&self, expected: &ExpectedFiles) -> Verdict {
        let mut found = Vec::new();
        for (path, text) in &expected.files {
            let free_order = expected.free_order.contains(path);
            let now = self.control.file(path);
            found.extend(difference(path, text.as_deref(), now.as_deref(), free_order));
        }
        match found {
            // What was passed over may have written these files.
            list if !list.is_empty() && !self.played_all => Verdict::OutOfScope,
            list if list.is_empty() => Verdict::Equal,
            list => Verdict::Different(list),
        }
    }

    /// The header lines for credentials as the recordings name them.
    async fn auth(&mut self, auth: &str, method: &str) -> Result<AuthHeaders, PlayError> {
        let auth = fill(auth, &self.captures);
        if auth == "none" {
            return Ok(Vec::new());
        }
        if let Some(text) = auth.strip_prefix("header:") {
            return Ok(vec![("Authorization", text.to_owned())]);
        }
        if let Some(token) = auth.strip_prefix("token:").or_else(|| self.credentials.token(&auth)) {
            return Ok(vec![("Authorization", format!("PVEAPIToken={token}"))]);
        }
        let (ticket, csrf) = if let Some(pair) = auth.strip_prefix("ticket:") {
            let (ticket, csrf) = pair.split_once(' ').unwrap_or((pair, ""));
            (ticket.to_owned(), csrf.to_owned())
        } else {
            let (who, variant) = auth.split_once('+').unwrap_or((&auth, ""));
            let (ticket, csrf) = self.login(who).await?;
            let csrf = match variant {
                "nocsrf" => String::new(),
                "badcsrf" => "00000000:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
                _ => csrf,
            };
            (ticket, csrf)
        };
        let mut headers = vec![("Cookie", format!("PVEAuthCookie={}", encode(&ticket)))];
        if method != "GET" && !csrf.is_empty() {
            headers.push(("CSRFPreventionToken", csrf));
        }
        Ok(headers)
    }

    async fn login(&mut self, who: &str) -> Result<(String, String), PlayError> {
        if let Some(known) = self.tickets.get(who) {
            return Ok(known.clone());
        }
        let unknown = || PlayError::Credentials(who.to_owned());
        let (username, password) = self.credentials.password(who).ok_or_else(unknown)?;
        let form = format!("username={}&password={}", encode(username), encode(password));
        let request = format!(
            "POST /api2/json/access/ticket HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            self.client.host(),
            form.len()
        );
        let answer = body(&self.client.send(request.as_bytes()).await?);
        let text = |pointer: &str| answer.pointer(pointer).map(as_text);
        let pair = (text("/data/ticket").ok_or_else(unknown)?, text("/data/CSRFPreventionToken").ok_or_else(unknown)?);
        self.tickets.insert(who.to_owned(), pair.clone());
        Ok(pair)
    }
}

fn verdict(found: Vec<String>) -> Verdict {
    if found.is_empty() { Verdict::Equal } else { Verdict::Different(found) }
}

/// The body as the recordings write it: null for none, an object with `#text` for what isn't JSON.
fn body(answer: &Answer) -> Value {
    if answer.body.is_empty() {
        return Value::Null;
    }
    serde_json::from_slice(&answer.body).unwrap_or_else(|_| json!({"#text": String::from_utf8_lossy(&answer.body)}))
}

fn judge(exchange: &Exchange, answer: &Answer, body: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if answer.status != exchange.status {
        found.push(format!("status: expected {}, found {} {}", exchange.status, answer.status, answer.reason));
    }
    let canonical = super::text::canonical;
    // The recorder, as most HTTP clients do, has cut blanks off the end of the status line.
    let reason = answer.reason.trim_end();
    if !exchange.reason_is_volatile() && canonical(&exchange.reason) != canonical(reason) {
        found.push(format!("reason: expected {:?}, found {reason:?}", exchange.reason));
    }
    for (name, value) in &exchange.headers {
        let sent = answer.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value);
        if sent != Some(value) {
            found.push(format!("header {name}: expected {value:?}, found {sent:?}"));
        }
    }
    found.extend(differences(&exchange.body, body, &exchange.tolerance()));
    found
}
