//! What a backup job consists of, as texts.

use super::parsed::parsed;
use super::{ConfigId, texts};

/// The longest id in a path of `/cluster/backup`.
const ID_LENGTH: usize = 50;
/// The longest template.
const NOTES_LENGTH: usize = 1024;
/// The variables of a template.
const VARIABLES: [&str; 4] = ["cluster", "guestname", "node", "vmid"];

parsed! {
    /// The id of a backup job. Proxmox creates a job with a longer one, but then neither reads, changes nor deletes it. To a job
    /// that is created without an id it gives a UUID, which may begin with a digit.
    BackupJobId, "pve-backup-job-id", |text| {
        if is_uuid(text) {
            return Ok(());
        }
        text.parse::<ConfigId>().map_err(|malformed| malformed.0)?;
        match text.len() {
            length if length > ID_LENGTH => Err(format!("must be at most {ID_LENGTH} characters long, is {length}")),
            _ => Ok(()),
        }
    }
}

impl BackupJobId {
    /// Whether Proxmox gives such an id itself, but does not take it from a client.
    pub fn is_only_given(text: &str) -> bool {
        is_uuid(text) && text.starts_with(|c: char| c.is_ascii_digit())
    }
}

parsed! {
    /// The name of a storage.
    StorageId, "pve-storage-id", |text| {
        let ends = |b: u8| b.is_ascii_alphanumeric();
        let good = text.len() >= 2
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| ends(b) || matches!(b, b'-' | b'_' | b'.'))
            && text.bytes().last().is_some_and(ends);
        if good {
            return Ok(());
        }
        Err("must be the name of a storage: at least two characters, a letter, then letters, digits, -, _ or ., and a letter \
             or digit at the end".to_owned())
    }
}

parsed! {
    /// The name of a pool; a pool may be in a pool, as in `web/internal`.
    PoolId, "pve-pool-id", |text| {
        let levels: Vec<&str> = text.split('/').collect();
        let good = |name: &&str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        if levels.len() <= 3 && levels.iter().all(good) {
            return Ok(());
        }
        Err("must be the name of a pool: letters, digits, -, _ and ., in at most three levels separated by /".to_owned())
    }
}

parsed! {
    /// The template of the notes of a backup, with the variables `{{cluster}}`, `{{guestname}}`, `{{node}}` and `{{vmid}}`. It is
    /// one line: `\n` is written for a line feed and `\\` for a backslash.
    NotesTemplate, "pve-notes-template", |text| {
        texts::line(text).map_err(|demand| format!("{demand}; write \\n for a line feed"))?;
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        let length = text.chars().count();
        if length > NOTES_LENGTH {
            return Err(format!("must be at most {NOTES_LENGTH} characters long, is {length}"));
        }
        if let Some(escape) = unknown_escape(text) {
            return Err(format!("can't contain \\{escape}: Proxmox takes only \\n and \\\\"));
        }
        match unknown_variable(text) {
            Some(name) => Err(format!(
                "can't contain {{{{{name}}}}}: Proxmox replaces only {{{{cluster}}}}, {{{{guestname}}}}, {{{{node}}}} and {{{{vmid}}}}"
            )),
            None => Ok(()),
        }
    }
}

parsed! {
    /// A file, folder or pattern of a shell that backups of containers leave out. One that begins with `/` counts from the root of
    /// the container, any other one from each folder.
    ExcludePath, "pve-exclude-path", |text| {
        texts::line(text)?;
        if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(()) }
    }
}

parsed! {
    /// Who gets mails of a backup job: a mail address, or a user such as `root@pam` with a mail address.
    MailRecipient, "pve-mail-recipient", |text| {
        let demand = || "must be a mail address such as root@example.com, or a user such as root@pam".to_owned();
        let separated = text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';'));
        let whole = text.split_once('@').is_none_or(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !host.contains('@')
        });
        if text.is_empty() || separated || !whole { Err(demand()) } else { Ok(()) }
    }
}

/// `UUID::uuid()`
fn is_uuid(text: &str) -> bool {
    let is_part = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == 5 && parts.into_iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| is_part(part, length))
}

/// The character behind a backslash that is neither `n` nor another backslash; a blank for none at the end.
fn unknown_escape(text: &str) -> Option<char> {
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            let escaped = characters.next().unwrap_or(' ');
            if !matches!(escaped, 'n' | '\\') {
                return Some(escaped);
            }
        }
    }
    None
}

/// The name between double braces that is no variable. Braces around blanks are text.
fn unknown_variable(text: &str) -> Option<&str> {
    let is_name =
        |name: &&str| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || matches!(c, '{' | '}'));
    let inner = text.split("{{").skip(1).filter_map(|rest| Some(rest.split_once("}}")?.0));
    inner.filter(is_name).find(|name| !VARIABLES.contains(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::check;

    /// Which of these texts a format takes.
    fn taken<'t>(format: &str, texts: &[&'t str]) -> Vec<&'t str> {
        texts.iter().copied().filter(|text| check(format, text).is_ok()).collect()
    }

    #[test]
    fn ids_of_jobs_can_be_read_again() {
        let (longest, longer) = ("i".repeat(50), "i".repeat(51));
        let given = "1c6d2f0e-8a3b-4f57-9b1d-0a2c4e6f8b1d";
        let texts = ["ab", "backup-1", &longest, given, &longer, "x", "1a", "a b", "", "a.b"];
        assert_eq!(taken(BackupJobId::FORMAT, &texts), ["ab", "backup-1", &longest, given]);
        assert!(BackupJobId::is_only_given(given) && !BackupJobId::is_only_given("ab"));
        assert!(!BackupJobId::is_only_given(&given.replacen('1', "f", 1)));
    }

    #[test]
    fn storages_have_two_characters() {
        let texts = ["local", "a1", "Nfs-1.b_c", "x", "1a", "a-", "a b", "", "ä1"];
        assert_eq!(taken(StorageId::FORMAT, &texts), ["local", "a1", "Nfs-1.b_c"]);
    }

    #[test]
    fn pools_have_three_levels() {
        let texts = ["prod", "1", "a/b/c", "a/b/c/d", "a//b", "/a", "a b", ""];
        assert_eq!(taken(PoolId::FORMAT, &texts), ["prod", "1", "a/b/c"]);
    }

    #[test]
    fn templates_have_four_variables() {
        let good = [r"{{cluster}}/{{node}}: {{guestname}} ({{vmid}})\nkept \\ here", "plain", "{{ x }} {a} {{}}"];
        assert_eq!(taken(NotesTemplate::FORMAT, &good), good);
        let long = "ü".repeat(1025);
        let bad = ["", "a\nb", " a", "{{guest}}", "{{vmid}} {{VMID}}", r"\t", r"a\", &long];
        assert_eq!(taken(NotesTemplate::FORMAT, &bad), [""; 0]);
        assert!(check(NotesTemplate::FORMAT, "{{guest}}").unwrap_err().contains("{{guest}}"));
        assert!(check(NotesTemplate::FORMAT, &"ü".repeat(1024)).is_ok());
    }

    #[test]
    fn excluded_paths_are_lines() {
        let texts = ["/var/tmp", "/mnt/?x", "*.iso", "two words", "", " /a", "/a\n"];
        assert_eq!(taken(ExcludePath::FORMAT, &texts), ["/var/tmp", "/mnt/?x", "*.iso", "two words"]);
    }

    #[test]
    fn recipients_are_one_each() {
        let texts = ["a@b.cd", "root@pam", "root", "", "a b", "a,b", "a@", "@b", "a@b@c", "a;b"];
        assert_eq!(taken(MailRecipient::FORMAT, &texts), ["a@b.cd", "root@pam", "root"]);
    }
}
