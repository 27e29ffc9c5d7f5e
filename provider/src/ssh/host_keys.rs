//! The trusted keys of hosts, from lines in the format of `known_hosts`. The lines are parsed by `ssh_key`; which of them
//! apply to a host is decided here.
//!
//! Nothing here ever writes: the user adds the line of a new key.

use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use russh::keys::ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use russh::keys::{Algorithm, HashAlg, PublicKey};

use super::address::Address;
use super::error::HostKey;

/// Trusted host keys: lines and a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostKeys {
    /// The lines of `host_keys`.
    given: Vec<Entry>,
    /// A file, read at each connect.
    file: Option<PathBuf>,
}

/// Why a line is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Not in the format of `known_hosts`.
    #[error("`{0}` is not a line of known_hosts, such as `pve1.example.com ssh-ed25519 AAAAC3…`")]
    Malformed(String),
    /// The host is missing: a line of a `.pub` file.
    #[error("`{0}` has no host: write its name or address before the key")]
    WithoutHost(String),
    #[error("`{0}`: host certificates are not supported; use the host's own key")]
    Authority(String),
}

impl HostKeys {
    /// Trusts these lines, and those of a file.
    ///
    /// # Errors
    ///
    /// A malformed line. Empty lines and comments are skipped.
    pub fn new<L: AsRef<str>>(lines: &[L], file: Option<PathBuf>) -> Result<Self, LineError> {
        let mut given = Vec::new();
        for line in lines.iter().flat_map(|lines| lines.as_ref().lines()) {
            let Some(entry) = parse(line)? else { continue };
            if entry.marker() == Some(&Marker::CertAuthority) {
                return Err(LineError::Authority(line.trim().to_owned()));
            }
            given.push(entry);
        }
        Ok(Self { given, file })
    }

    /// The keys of the host at `address`, also listed as `alias`.
    ///
    /// # Errors
    ///
    /// The file exists and can't be read.
    pub(super) fn of(&self, address: &Address, alias: Option<&str>) -> std::io::Result<Trusted> {
        let mut entries = self.given.clone();
        let mut consulted = Vec::new();
        if !self.given.is_empty() {
            consulted.push("`host_keys`".to_owned());
        }
        if let Some(path) = &self.file {
            entries.extend(read(path)?);
            consulted.push(path.display().to_string());
        }
        let names = [Some(address.known_as()), alias.map(|alias| Address::new(alias, address.port).known_as())];
        let mut trusted = Trusted { consulted: consulted.join(" and "), ..Trusted::default() };
        for name in names.into_iter().flatten() {
            let of_name = |marker| {
                let lines =
                    entries.iter().filter(|entry| is_for(entry.host_patterns(), &name) && entry.marker() == marker);
                lines.map(|entry| entry.public_key().clone()).collect::<Vec<_>>()
            };
            trusted.revoked.extend(of_name(Some(&Marker::Revoked)));
            // A line for the address decides; lines for the node's name apply if it has none.
            if trusted.keys.is_empty() {
                trusted.keys = of_name(None);
            }
        }
        Ok(trusted)
    }
}

/// The keys of one host.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Trusted {
    keys: Vec<PublicKey>,
    revoked: Vec<PublicKey>,
    /// The sources that were read, for the error.
    pub(super) consulted: String,
}

impl Trusted {
    /// Whether a key is the host's.
    pub(super) fn check(&self, key: &PublicKey) -> Result<(), HostKey> {
        let same = |other: &PublicKey| other.key_data() == key.key_data();
        if self.revoked.iter().any(same) {
            return Err(HostKey::Revoked);
        }
        if self.keys.iter().any(same) {
            return Ok(());
        }
        // A host with a known key that presents one of another type conceals the known one.
        Err(if self.keys.is_empty() { HostKey::Unknown } else { HostKey::Changed })
    }

    /// The host key algorithms to offer, those of the known keys first: a host has several keys, and presents one.
    /// SHA-1 signatures are never offered.
    pub(super) fn algorithms(&self) -> Vec<Algorithm> {
        let (mut first, rest): (Vec<_>, Vec<_>) = ALGORITHMS.iter().cloned().partition(|algorithm| {
            self.keys.iter().any(|key| match (key.algorithm(), algorithm) {
                (Algorithm::Rsa { .. }, Algorithm::Rsa { .. }) => true,
                (one, other) => one == *other,
            })
        });
        first.extend(rest);
        first
    }
}

/// As OpenSSH prefers them.
const ALGORITHMS: &[Algorithm] = {
    use russh::keys::EcdsaCurve::{NistP256, NistP384, NistP521};
    &[
        Algorithm::Ed25519,
        Algorithm::Ecdsa { curve: NistP256 },
        Algorithm::Ecdsa { curve: NistP384 },
        Algorithm::Ecdsa { curve: NistP521 },
        Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
        Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
    ]
};

/// The line that trusts `key` for the host at `address`.
pub(super) fn line(address: &Address, key: &PublicKey) -> String {
    let mut key = key.clone();
    key.set_comment("");
    let text = key.to_openssh().unwrap_or_else(|_| key.algorithm().to_string());
    format!("{} {}", address.known_as(), text.trim_end())
}

/// An empty line and a comment are no entry.
fn parse(line: &str) -> Result<Option<Entry>, LineError> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    // The parser expects single spaces. The comment after the key has no meaning.
    let fields = if line.starts_with('@') { 4 } else { 3 };
    let words: Vec<_> = line.split_whitespace().take(fields).collect();
    words.join(" ").parse().map(Some).map_err(|_| match words.first() {
        Some(first) if is_key_type(first) => LineError::WithoutHost(line.to_owned()),
        _ => LineError::Malformed(line.to_owned()),
    })
}

/// Whether the line is for the host of this name, which is `HOST` or `[HOST]:PORT`.
fn is_for(hosts: &HostPatterns, name: &str) -> bool {
    let patterns = match hosts {
        HostPatterns::Patterns(patterns) => patterns,
        // HMAC-SHA1 of the name with the salt as key.
        HostPatterns::HashedName { salt, hash } => {
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
            return hmac::verify(&key, name.as_bytes(), hash).is_ok();
        }
    };
    let name = name.to_lowercase();
    let mut found = false;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(not) if matches(&not.to_lowercase(), &name) => return false,
            Some(_) => {}
            None => found |= matches(&pattern.to_lowercase(), &name),
        }
    }
    found
}

/// The lines of a file. As `ssh` does, malformed lines are skipped, and an absent file is empty.
fn read(path: &Path) -> std::io::Result<Vec<Entry>> {
    match std::fs::read(path) {
        Ok(bytes) => {
            Ok(String::from_utf8_lossy(&bytes).lines().filter_map(|line| parse(line).ok().flatten()).collect())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"].iter().any(|kind| word.starts_with(kind))
}

/// `*` matches any text, `?` one character.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // The position of the last star, and of the text that it does not cover yet.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(one) if *one == '?' || *one == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, eaten)) => {
                    star = Some((at, eaten + 1));
                    (p, t) = (at + 1, eaten + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ED: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const OTHER: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILIG2T/B0l0gaqj3puu510tu9N1OkQ4znY3LYuEm5zCF";

    fn key(text: &str) -> PublicKey {
        PublicKey::from_openssh(text).unwrap()
    }

    fn trusted(lines: &[String], host: &str, port: u16, alias: Option<&str>) -> Trusted {
        HostKeys::new(lines, None).unwrap().of(&Address::new(host, port), alias).unwrap()
    }

    fn check(line: &str, host: &str, port: u16) -> Result<(), HostKey> {
        trusted(&[format!("{line} {ED}")], host, port, None).check(&key(ED))
    }

    /// A host would otherwise present a key of a type that is not listed, and seem to have changed.
    #[test]
    fn the_types_of_known_keys_are_offered_first() {
        let ecdsa = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";
        let of = |key: &str| trusted(&[format!("pve1 {key}")], "pve1", 22, None).algorithms();
        assert_eq!(of(ED), ALGORITHMS);
        let first = of(ecdsa);
        assert_eq!(first[0], ALGORITHMS[1]);
        assert_eq!((first.len(), first.contains(&Algorithm::Ed25519)), (ALGORITHMS.len(), true));
    }

    #[test]
    fn an_unreadable_file_is_an_error_and_an_absent_one_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let of = |path: &Path| {
            HostKeys::new::<&str>(&[], Some(path.to_owned())).unwrap().of(&Address::new("pve1", 22), None)
        };
        assert!(of(folder.path()).is_err());
        assert_eq!(of(&folder.path().join("absent")).unwrap().keys, []);
    }

    #[test]
    fn lines_match_names_ports_and_patterns() {
        assert_eq!(check("pve1", "pve1", 22), Ok(()));
        assert_eq!(check("PVE1.Example.com", "pve1.example.COM", 22), Ok(()));
        assert_eq!(check("pve1,10.0.0.1", "10.0.0.1", 22), Ok(()));
        assert_eq!(check("10.0.0.1", "10.0.0.1", 2222), Err(HostKey::Unknown), "another port is another host");
        assert_eq!(check("[10.0.0.1]:2222", "10.0.0.1", 2222), Ok(()));
        assert_eq!(check("[10.0.0.1]:2222", "10.0.0.1", 22), Err(HostKey::Unknown));
        assert_eq!(check("*.example.com", "pve1.example.com", 22), Ok(()));
        assert_eq!(check("10.0.0.?", "10.0.0.7", 22), Ok(()));
        assert_eq!(check("*,!10.0.0.7", "10.0.0.7", 22), Err(HostKey::Unknown));
        assert_eq!(check("fd00::1", "fd00::1", 22), Ok(()));
        assert_eq!(check("[fd00::1]:2222", "fd00::1", 2222), Ok(()));
    }

    #[test]
    fn a_hashed_name_matches_its_host_alone() {
        // Made by `ssh-keygen -H`, for example.com.
        let line = "|1|O33ESRMWPVkMYIwJ1Uw+n877jTo=|nuuC5vEqXlEZ/8BXQR7m619W6Ak=";
        assert_eq!(check(line, "example.com", 22), Ok(()));
        assert_eq!(check(line, "example.org", 22), Err(HostKey::Unknown));
    }

    #[test]
    fn a_key_is_changed_revoked_or_unknown() {
        let known = trusted(&[format!("pve1 {ED}")], "pve1", 22, None);
        assert_eq!(known.check(&key(OTHER)), Err(HostKey::Changed));
        let revoked = trusted(&[format!("* {ED}"), format!("@revoked * {ED}")], "pve1", 22, None);
        assert_eq!(revoked.check(&key(ED)), Err(HostKey::Revoked));
        let by_name = [format!("10.0.0.1 {ED}"), format!("@revoked pve1 {ED}")];
        assert_eq!(trusted(&by_name, "10.0.0.1", 22, Some("pve1")).check(&key(ED)), Err(HostKey::Revoked));
        assert_eq!(trusted(&[], "pve1", 22, None).check(&key(ED)), Err(HostKey::Unknown));
    }

    #[test]
    fn lines_for_the_nodes_name_apply_if_its_address_has_none() {
        let lines = [format!("pve1 {ED}")];
        assert_eq!(trusted(&lines, "10.0.0.1", 22, Some("pve1")).check(&key(ED)), Ok(()));
        let lines = [format!("pve1 {ED}"), format!("10.0.0.1 {OTHER}")];
        assert_eq!(trusted(&lines, "10.0.0.1", 22, Some("pve1")).check(&key(ED)), Err(HostKey::Changed));
    }

    #[test]
    fn sha1_signatures_are_never_offered() {
        let algorithms = trusted(&[], "pve1", 22, None).algorithms();
        assert_eq!(algorithms.first(), Some(&Algorithm::Ed25519));
        assert!(!algorithms.contains(&Algorithm::Rsa { hash: None }));
    }

    #[test]
    fn malformed_lines_are_refused() {
        let refused = |line: &str| HostKeys::new(&[line], None).unwrap_err();
        assert!(matches!(refused("pve1"), LineError::Malformed(_)));
        assert!(matches!(refused("pve1 ssh-ed25519"), LineError::Malformed(_)));
        assert!(matches!(refused("pve1 ssh-ed25519 AAAA"), LineError::Malformed(_)));
        assert!(matches!(refused(&format!("@what pve1 {ED}")), LineError::Malformed(_)));
        assert!(matches!(refused(&format!("@revoked {ED}")), LineError::Malformed(_)));
        assert!(matches!(refused(&format!("|1|not|base64 {ED}")), LineError::Malformed(_)));
        assert!(matches!(refused(&format!("|1|O33ESRMWPVkMYIwJ1Uw+n877jTo= {ED}")), LineError::Malformed(_)));
        assert!(matches!(refused(ED), LineError::WithoutHost(_)));
        assert!(matches!(refused(&format!("{ED} root@pve1")), LineError::WithoutHost(_)));
        assert!(matches!(refused(&format!("@cert-authority * {ED}")), LineError::Authority(_)));
        assert_eq!(HostKeys::new(&["", "# a comment", "  "], None).unwrap(), HostKeys::default());
    }

    #[test]
    fn the_suggested_line_trusts_the_key() {
        let address = Address::new("fd00::1", 2222);
        let text = line(&address, &key(&format!("{ED} a comment")));
        assert_eq!(text, format!("[fd00::1]:2222 {ED}"));
        assert_eq!(trusted(&[text], "fd00::1", 2222, None).check(&key(ED)), Ok(()));
    }

    #[test]
    fn malformed_lines_of_a_file_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("known_hosts");
        std::fs::write(&path, format!("# mine\nnonsense\n|1|not|base64 {ED}\n\n\tpve1\t{ED}  root@pve1\n")).unwrap();
        let keys = HostKeys::new::<&str>(&[], Some(path)).unwrap();
        assert_eq!(keys.of(&Address::new("pve1", 22), None).unwrap().check(&key(ED)), Ok(()));
        let absent = HostKeys::new::<&str>(&[], Some(folder.path().join("absent"))).unwrap();
        assert_eq!(absent.of(&Address::new("pve1", 22), None).unwrap().check(&key(ED)), Err(HostKey::Unknown));
    }
}
