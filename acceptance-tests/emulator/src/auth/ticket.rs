//! Tickets `PVE:user:TIME::SIGNATURE` and CSRF tokens `TIME:MAC`.
//!
//! Proxmox signs tickets with RSA; clients don't verify them, so an HMAC of the same length is used.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{self, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// How long a ticket lives.
const LIFETIME: i64 = 7200;
/// How far in the future it may lie.
const SKEW: i64 = 300;
/// Characters `uri_escape` leaves alone, plus `@`, as they are in tickets.
const ESCAPE: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'!').remove(b'@');

/// The cluster's signing keys.
pub struct Keys {
    ticket: hmac::Key,
    csrf: hmac::Key,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

impl Keys {
    /// New random keys.
    ///
    /// # Panics
    /// When the machine has no randomness.
    #[must_use]
    pub fn generate() -> Self {
        let key =
            |algorithm| hmac::Key::generate(algorithm, &SystemRandom::new()).expect("the system gives random bytes");
        Self { ticket: key(hmac::HMAC_SHA512), csrf: key(hmac::HMAC_SHA256) }
    }

    /// A ticket for a user.
    #[must_use]
    pub fn ticket(&self, user: &str, now: i64) -> String {
        self.sign(&utf8_percent_encode(user, ESCAPE).to_string(), now)
    }

    /// The ticket of a user who has not given the second factor yet.
    #[must_use]
    pub fn half_ticket(&self, user: &str, challenge: &str, now: i64) -> String {
        let escaped = utf8_percent_encode(challenge, NON_ALPHANUMERIC);
        self.sign_for(&format!("!tfa!{escaped}"), user, now)
    }

    /// Whether this is a ticket of the kind [`Self::half_ticket`] makes.
    #[must_use]
    pub fn is_half(&self, ticket: &str) -> bool {
        ticket.starts_with("PVE:!tfa!") || ticket.starts_with("PVE:%21tfa%21")
    }

    /// The user of a valid ticket.
    #[must_use]
    pub fn verify(&self, ticket: &str, now: i64) -> Option<String> {
        let (user, time) = parts(ticket)?;
        let fresh = (-SKEW..=LIFETIME).contains(&(now - time));
        (fresh && self.sign(user, time) == ticket).then(|| percent_decode_str(user).decode_utf8_lossy().into_owned())
    }

    /// Whether a half ticket is valid for that user.
    #[must_use]
    pub fn verify_half(&self, ticket: &str, user: &str, now: i64) -> bool {
        parts(ticket).is_some_and(|(body, time)| {
            (-SKEW..=LIFETIME).contains(&(now - time)) && self.sign_for(body, user, time) == ticket
        })
    }

    /// A CSRF prevention token.
    #[must_use]
    pub fn csrf(&self, user: &str, now: i64) -> String {
        let time = format!("{now:08X}");
        let mac = hmac::sign(&self.csrf, format!("{time}:{user}").as_bytes());
        format!("{time}:{}", STANDARD_NO_PAD.encode(mac.as_ref()))
    }

    /// Whether a CSRF prevention token is that user's and fresh.
    #[must_use]
    pub fn verify_csrf(&self, token: &str, user: &str, now: i64) -> bool {
        let time = token.split(':').next().and_then(|t| i64::from_str_radix(t, 16).ok());
        time.is_some_and(|time| (-SKEW..=LIFETIME).contains(&(now - time)) && self.csrf(user, time) == token)
    }

    fn sign(&self, body: &str, time: i64) -> String {
        self.sign_for(body, "", time)
    }

    /// 256 bytes of signature, as long as that of an RSA key of 2048 bits.
    fn sign_for(&self, body: &str, bound_to: &str, time: i64) -> String {
        let plain = format!("PVE:{body}:{time:08X}");
        let mut signature = Vec::with_capacity(256);
        for round in 0..4 {
            let mac = hmac::sign(&self.ticket, format!("{round}:{bound_to}:{plain}").as_bytes());
            signature.extend_from_slice(mac.as_ref());
        }
        format!("{plain}::{}", STANDARD.encode(signature))
    }
}

fn parts(ticket: &str) -> Option<(&str, i64)> {
    let plain = ticket.strip_prefix("PVE:")?.split_once("::")?.0;
    let (body, time) = plain.rsplit_once(':')?;
    Some((body, i64::from_str_radix(time, 16).ok()?))
}

/// A random UUID, as token secrets are.
///
/// # Panics
/// When the machine has no randomness.
#[must_use]
pub fn uuid() -> String {
    let mut bytes = [0u8; 16];
    rand::fill(&mut bytes).expect("the system gives random bytes");
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_expire_and_cannot_be_bent() {
        let keys = Keys::generate();
        let ticket = keys.ticket("root@pam", 1_000_000);
        assert!(ticket.starts_with("PVE:root@pam:000F4240::"));
        assert_eq!(keys.verify(&ticket, 1_000_000 + LIFETIME).as_deref(), Some("root@pam"));
        assert_eq!(keys.verify(&ticket, 1_000_001 + LIFETIME), None);
        assert_eq!(keys.verify(&ticket.replace("root", "toor"), 1_000_000), None);
        assert!(keys.verify_csrf(&keys.csrf("a@pve", 5_000), "a@pve", 5_100));
        assert!(!keys.verify_csrf(&keys.csrf("a@pve", 5_000), "b@pve", 5_100));
    }

    #[test]
    fn a_half_ticket_is_bound_to_its_user() {
        let keys = Keys::generate();
        let half = keys.half_ticket("a@pve", r#"{"totp":true}"#, 9_000);
        assert!(keys.is_half(&half) && keys.verify_half(&half, "a@pve", 9_001));
        assert!(!keys.verify_half(&half, "b@pve", 9_001));
        assert_eq!(keys.verify(&half, 9_001), None);
    }
}
