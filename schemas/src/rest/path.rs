//! The one place where a path below `/api2/json` is put together.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Everything but RFC 3986's unreserved characters and those that are plain in a path and occur in
/// Proxmox's ids: `vm:100`, `root@pam!ci`.
const SEGMENT: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':').remove(b'@').remove(b'!');

/// Joins segments to a path, each percent-encoded: `path(["cluster", "ha", "resources", sid])`.
#[must_use]
pub fn path<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    let mut path = String::new();
    for segment in segments {
        path.push('/');
        path.push_str(&encode(segment));
    }
    path
}

/// Percent-encodes one path segment.
pub(super) fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

/// Whether a path means what it says.
///
/// URLs resolve dot segments (also `%2e%2e`) before they are sent, and pveproxy ignores empty ones,
/// so that an identifier of `..` or of nothing would address another object.
#[must_use]
pub fn is_plain(path: &str) -> bool {
    let Some(below) = path.strip_prefix('/') else {
        return false;
    };
    below.split('/').all(|segment| !segment.is_empty() && !dots_only(segment))
}

fn dots_only(segment: &str) -> bool {
    matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_cannot_leave_their_place() {
        assert_eq!(path(["cluster", "ha", "resources", "vm:100"]), "/cluster/ha/resources/vm:100");
        assert_eq!(path(["a", "b/c?d#e f%2f"]), "/a/b%2Fc%3Fd%23e%20f%252f");
        assert!(is_plain("/cluster/ha/groups/a..b"));
        for id in ["", ".", ".."] {
            assert!(!is_plain(&path(["cluster", "ha", "groups", id])), "{id:?}");
        }
        assert!(!is_plain("/cluster/%2E%2e/x"));
        assert!(!is_plain("cluster"));
    }
}
