//! The hashes by which a CLI and a registry know a package.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::archive::Member;

/// SHA-256 in hexadecimal digits.
pub fn sha256(content: &[u8]) -> String {
    digest(&SHA256, content).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The `zh:` hash of a lock file: of the archive itself.
pub fn of_archive(archive: &[u8]) -> String {
    format!("zh:{}", sha256(archive))
}

/// The `h1:` hash of a lock file: of what an archive contains, however it is packed.
pub fn of_content(members: &[Member]) -> String {
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let list = sorted.iter().fold(String::new(), |mut list, member| {
        let _ = writeln!(list, "{}  {}", sha256(&member.content), member.name);
        list
    });
    format!("h1:{}", STANDARD.encode(digest(&SHA256, list.as_bytes())))
}

/// A file of sums, as `sha256sum --check` reads it, sorted by name.
pub fn sums(files: &[(String, String)]) -> String {
    let mut lines: Vec<String> = files.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect();
    lines.sort_by(|a, b| a.split_whitespace().nth(1).cmp(&b.split_whitespace().nth(1)));
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_sorted_by_name() {
        assert_eq!(sha256(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let files = [("b".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        assert_eq!(sums(&files), "2  a\n1  b\n");
    }
}
