//! Time-based one-time passwords (RFC 6238, SHA-1, six digits, 30 seconds).

use aws_lc_rs::hmac;

/// The code that is good at `now`.
#[must_use]
pub fn code(secret: &[u8], now: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let counter = (now / 30).to_be_bytes();
    let mac = hmac::sign(&key, &counter);
    let mac = mac.as_ref();
    let offset = usize::from(mac[mac.len() - 1] & 0x0f);
    let number = mac[offset..offset + 4].iter().fold(0u32, |n, byte| n << 8 | u32::from(*byte)) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

/// Whether a code is good now; one step of skew is forgiven.
#[must_use]
pub fn verify(secret: &[u8], given: &str, now: i64) -> bool {
    [-30, 0, 30].iter().any(|skew| code(secret, now + skew) == given)
}

/// Reads a base32 secret.
#[must_use]
pub fn decode_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut buffer, mut out) = (0u32, 0u32, Vec::new());
    for c in text.trim_end_matches('=').chars() {
        let value = match c.to_ascii_uppercase() {
            c @ 'A'..='Z' => c as u32 - 'A' as u32,
            c @ '2'..='7' => c as u32 - '2' as u32 + 26,
            _ => return None,
        };
        buffer = (buffer << 5 | value) & 0xffff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits & 0xff) as u8);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_6238() {
        let secret = b"12345678901234567890";
        assert_eq!(code(secret, 59), "287082");
        assert_eq!(code(secret, 1_111_111_109), "081804");
        assert!(verify(secret, "287082", 89) && !verify(secret, "287082", 120));
        assert_eq!(decode_base32("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").as_deref(), Some(&secret[..]));
    }
}
