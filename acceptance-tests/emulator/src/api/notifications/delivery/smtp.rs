//! Mails to an SMTP server, sent by the SMTP client that Proxmox uses as well.

use std::time::Duration;

use lettre::address::AddressError;
use lettre::message::{Mailbox, Message, MultiPart, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{SmtpTransport, Transport as _};

use super::Dialer;
use crate::api::notifications::file::Section;
use crate::api::notifications::routing::Sending;

/// How long the server may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A mail and how it is sent.
pub(in super::super) struct Envelope {
    message: Message,
    server: String,
    port: u16,
    mode: Mode,
    login: Option<Credentials>,
    /// The node.
    hello: String,
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Insecure,
    StartTls,
    Tls,
}

impl std::fmt::Debug for Envelope {
    /// The login is a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope").field("server", &self.server).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// A header with which no robot answers.
#[derive(Clone, Debug)]
struct AutoSubmitted(String);

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.to_owned()))
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), self.0.clone())
    }
}

impl Mode {
    fn of(target: &Section) -> Self {
        match target.text("mode") {
            Some("insecure") => Self::Insecure,
            Some("starttls") => Self::StartTls,
            _ => Self::Tls,
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Insecure => 25,
            Self::StartTls => 587,
            Self::Tls => 465,
        }
    }
}

pub(in super::super) fn pack(sending: &Sending<'_>) -> Result<Envelope, String> {
    let target = sending.target;
    let login = match (target.text("username"), sending.secret("password")) {
        (Some(user), Some(password)) => Some(Credentials::new(user.to_owned(), password)),
        (Some(_), None) => return Err("username is set but no password was provided".to_owned()),
        (None, _) => None,
    };
    let mode = Mode::of(target);
    let port = target.values.get("port").and_then(serde_json::Value::as_u64).and_then(|port| u16::try_from(port).ok());
    Ok(Envelope {
        message: message(sending)?,
        server: target.text("server").unwrap_or_default().to_owned(),
        port: port.unwrap_or(mode.default_port()),
        mode,
        login,
        hello: sending.sender.to_owned(),
    })
}

fn message(sending: &Sending<'_>) -> Result<Message, String> {
    let from = mailbox(sending.target.text("from-address").unwrap_or_default())?;
    let mut builder = Message::builder().from(Mailbox::new(Some(sending.author()), from.email));
    for recipient in sending.recipients() {
        builder = builder.to(mailbox(&recipient)?);
    }
    let at = std::time::UNIX_EPOCH + Duration::from_secs(u64::try_from(sending.event.time).unwrap_or(0));
    builder
        .subject(sending.message.title.clone())
        .header(header::MIME_VERSION_1_0)
        .date(at)
        .header(AutoSubmitted("auto-generated;".to_owned()))
        .multipart(MultiPart::alternative_plain_html(sending.message.text.clone(), sending.message.html.clone()))
        .map_err(|why| why.to_string())
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|why: AddressError| why.to_string())
}

impl Envelope {
    /// # Errors
    /// The client's complaint, or the server's.
    pub(super) fn send(self, dialer: &Dialer) -> Result<(), String> {
        let address = dialer.resolve(&self.server, self.port).map_err(|why| format!("Connection error: {why}"))?;
        let tls = match self.mode {
            Mode::Insecure => Tls::None,
            Mode::StartTls => Tls::Required(self.tls()?),
            Mode::Tls => Tls::Wrapper(self.tls()?),
        };
        let mut transport = SmtpTransport::builder_dangerous(address.ip().to_string())
            .port(address.port())
            .hello_name(ClientId::Domain(self.hello))
            .timeout(Some(PATIENCE))
            .tls(tls);
        if let Some(login) = self.login {
            transport = transport.credentials(login);
        }
        transport.build().send(&self.message).map(drop).map_err(|why| why.to_string())
    }

    fn tls(&self) -> Result<TlsParameters, String> {
        // The client has no TLS of its own.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        TlsParameters::new(self.server.clone()).map_err(|why| why.to_string())
    }
}
