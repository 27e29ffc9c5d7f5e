//! The messages to targets, and their delivery. It blocks, so that it runs on a thread of its own.

mod dial;
pub(super) mod gotify;
mod request;
pub(super) mod sendmail;
pub(super) mod smtp;
pub(super) mod webhook;

pub use dial::Dialer;
pub use sendmail::Mail;

/// Something for a target.
#[derive(Debug)]
pub struct Delivery {
    pub(super) target: String,
    pub(super) kind: &'static str,
    pub(super) title: String,
    /// Or why it can't be made.
    pub(super) parcel: Result<Parcel, String>,
}

/// What a target is sent.
#[derive(Debug)]
pub(super) enum Parcel {
    Http(request::Request),
    Smtp(smtp::Envelope),
    Sendmail(Mail),
}

/// Why a target did not receive it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The words that most endpoints put before it.
    #[error("could not notify via endpoint(s): {target}: {reason}")]
    Endpoint {
        /// The target.
        target: String,
        /// Why.
        reason: String,
    },
    /// A webhook puts nothing before it.
    #[error("{0}")]
    Webhook(String),
    /// The thread that sent it ended without a result.
    #[error("the delivery was aborted")]
    Aborted,
}

impl Delivery {
    /// Delivers it. A mail to the mail transfer agent of the node is returned.
    ///
    /// # Errors
    /// Why the receiver did not take it.
    pub(crate) fn deliver(self, dialer: &Dialer) -> Result<Option<Mail>, Failure> {
        let sent = self.parcel.and_then(|parcel| match parcel {
            Parcel::Http(request) => request.send(dialer).map(|()| None),
            Parcel::Smtp(envelope) => envelope.send(dialer).map(|()| None),
            Parcel::Sendmail(mail) => Ok(Some(mail)),
        });
        sent.map_err(|reason| match self.kind {
            "webhook" => Failure::Webhook(reason),
            _ => Failure::Endpoint { target: self.target, reason },
        })
    }
}
