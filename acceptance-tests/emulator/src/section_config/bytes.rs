//! Perl's byte strings. A file's text is kept as one character per byte, all of them below U+0100.
//!
//! Perl writes a string whose characters all fit into a byte as these bytes, and any other one as UTF-8, and reads back
//! bytes; so `ü` in a comment survives, until a `✓` anywhere in the same file turns both into mojibake.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest as sha1};

/// What a reader of the file finds after Perl has written `text`.
#[must_use]
pub fn written(text: String) -> String {
    if text.is_ascii() || text.chars().all(|c| u32::from(c) < 0x100) {
        return text;
    }
    text.bytes().map(char::from).collect()
}

/// The bytes of a text that comes from outside of Perl, one character each.
#[must_use]
pub fn from_utf8(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { text.bytes().map(char::from).collect() }
}

/// What a reader outside of Perl makes of a file: bytes that are no UTF-8 are replaced.
#[must_use]
pub fn to_utf8(text: &str) -> String {
    if text.is_ascii() { text.to_owned() } else { String::from_utf8_lossy(&raw(text)).into_owned() }
}

/// SHA-1 of a text of which each character is one byte.
#[must_use]
pub fn digest(text: &str) -> String {
    if text.is_ascii() {
        return hex(text.as_bytes());
    }
    hex(&raw(text))
}

/// The bytes of the characters.
#[must_use]
pub fn raw(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect()
}

fn hex(bytes: &[u8]) -> String {
    sha1(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wide_character_turns_all_into_utf8() {
        assert_eq!(written("ü".into()), "ü");
        assert_eq!(written("ü✓".into()), "Ã¼â\u{9c}\u{93}");
        assert_eq!(written(written("ü✓".into())), written("ü✓".into()));
    }

    #[test]
    fn what_is_written_as_utf8_is_read_as_bytes_and_shown_as_utf8() {
        assert_eq!(from_utf8("ü"), "Ã¼");
        assert_eq!(to_utf8(&from_utf8("ü✓")), "ü✓");
        assert_eq!(to_utf8("ü"), "\u{fffd}", "what Perl wrote as one byte is no UTF-8");
    }

    #[test]
    fn digests_are_those_of_the_bytes() {
        assert_eq!(digest(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(
            digest("vm: 100\n\tcomment ümlaut\n\tstate disabled\n\n"),
            "6014d931e360ffc9c80372950e5bc88ee958ae07"
        );
        assert_eq!(
            digest(&written("vm: 100\n\tcomment check✓\n\tstate disabled\n\n".into())),
            "e4700186eb9e3f0f4ba0e3e1a3421be09f469cbc"
        );
    }
}
