//! Mails by way of the mail transfer agent of the node. The emulator has no such agent: it keeps the mails.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

use crate::api::notifications::routing::Sending;

/// A mail as `sendmail` is called with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The arguments.
    pub arguments: Vec<String>,
    /// What is written to it.
    pub text: String,
}

pub(in super::super) fn pack(sending: &Sending<'_>) -> Result<Mail, String> {
    let recipients = sending.recipients();
    if recipients.is_empty() {
        return Err("no recipients provided for the mail, cannot send it.".to_owned());
    }
    let own = sending.target.text("from-address").map(str::to_owned);
    let from = own.or_else(|| sending.option("email_from")).unwrap_or_else(|| "root".to_owned());
    let mut arguments: Vec<String> = ["-B", "8BITMIME", "-f", &from, "--"].map(str::to_owned).into();
    arguments.extend(recipients.iter().cloned());
    Ok(Mail { arguments, text: text(sending, &from, &recipients) })
}

fn text(sending: &Sending<'_>, from: &str, recipients: &[String]) -> String {
    let time = sending.event.time;
    let date = Timestamp::from_second(time).map(|time| time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string());
    let boundary = format!("----_=_NextPart_002_{time}");
    let message = sending.message;
    let head = format!(
        "Content-Type: multipart/alternative;\n\tboundary=\"{boundary}\"\nMIME-Version: 1.0\nSubject: {}\n\
         From: {} <{from}>\nTo: {}\nDate: {}\nAuto-Submitted: auto-generated;\n\n\
         This is a multi-part message in MIME format.\n\n",
        word(&message.title),
        word(&sending.author()),
        recipients.join(", "),
        date.unwrap_or_default(),
    );
    format!(
        "{head}--{boundary}\n{}\n--{boundary}\n{}\n--{boundary}--\n",
        part("plain", &message.text),
        part("html", &message.html)
    )
}

fn part(kind: &str, text: &str) -> String {
    let (encoding, text) = match text.is_ascii() {
        true => ("7bit", text.to_owned()),
        false => ("base64", format!("{}\n", STANDARD.encode(text))),
    };
    format!("Content-Type: text/{kind};\n\tcharset=\"UTF-8\"\nContent-Transfer-Encoding: {encoding}\n\n{text}")
}

/// A text in a header.
fn word(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { format!("=?utf-8?B?{}?=", STANDARD.encode(text)) }
}
