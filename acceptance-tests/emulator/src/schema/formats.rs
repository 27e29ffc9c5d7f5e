//! Named formats with Proxmox's own complaint. Parts of the API define further ones as constants of [`Named`].

use std::sync::{Arc, LazyLock};

use regex::Regex;

use super::params::split_list;
use super::{Schema, property_string};

/// How a string is checked.
#[derive(Clone, Debug)]
pub enum Format {
    One(Named),
    /// A `-list` format: every element is checked; an empty list passes.
    List(Named),
    /// `-opt`: empty or one value.
    Optional(Named),
    /// A comma separated list of `key=value`.
    PropertyString(Arc<Schema>),
}

/// A format known by its name.
#[derive(Clone, Copy, Debug)]
pub struct Named {
    /// Proxmox's name of it.
    pub name: &'static str,
    /// The check; the text of an error has no line feed.
    pub check: fn(&str) -> Result<(), String>,
}

impl Format {
    pub(crate) fn is_list(&self) -> bool {
        matches!(self, Format::List(_))
    }

    pub(crate) fn check(&self, value: &str, path: &str) -> Result<(), String> {
        let line = |text: String| format!("{text}\n");
        match self {
            Format::One(format) => (format.check)(value).map_err(line),
            Format::Optional(_) if value.is_empty() => Ok(()),
            Format::Optional(format) => (format.check)(value).map_err(line),
            Format::List(format) => split_list(value).iter().try_for_each(|v| (format.check)(v)).map_err(line),
            Format::PropertyString(keys) => property_string::parse(keys, value, path).map(|_| ()),
        }
    }
}

/// `pve-configid`.
pub const CONFIG_ID: Named = Named {
    name: "pve-configid",
    check: |v| matches(v, r"^(?i)[a-z][a-z0-9_-]+\n?$", || format!("invalid configuration ID '{v}'")),
};

/// `pve-node`.
pub const NODE: Named = Named {
    name: "pve-node",
    check: |v| {
        matches(v, r"^[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?\n?$", || {
            "value does not look like a valid node name".to_owned()
        })
    },
};

/// `pve-vmid`.
pub const VMID: Named = Named {
    name: "pve-vmid",
    check: |v| matches(v, r"^[1-9][0-9]{2,8}\n?$", || "value does not look like a valid VM ID".to_owned()),
};

/// `email`, as the legacy check of `PVE::JSONSchema` has it.
pub const EMAIL: Named = Named {
    name: "email",
    check: |v| {
        matches(v, r"^[\w+\-~]+(\.[\w+\-~]+)*@[a-zA-Z0-9\-]+(\.[a-zA-Z0-9\-]+)*$", || {
            "value does not look like a valid email address".to_owned()
        })
    },
};

/// `email-or-username`: an address, or the part before the `@` of one.
pub const EMAIL_OR_USERNAME: Named = Named {
    name: "email-or-username",
    check: |v| {
        matches(v, r"^[\w+\-~]+(\.[\w+\-~]+)*(@[a-zA-Z0-9\-]+(\.[a-zA-Z0-9\-]+)*)?$", || {
            "value does not look like a valid email address or user name".to_owned()
        })
    },
};

/// `pve-userid`: a name, an `@` and a realm.
pub const USER_ID: Named = Named { name: "pve-userid", check: check_user_id };

/// `pve-tag`.
pub const TAG: Named = Named {
    name: "pve-tag",
    check: |v| matches(v, r"^(?i)[a-z0-9_][a-z0-9_\-+.]*\n?$", || "invalid characters in tag".to_owned()),
};

/// `ip`, IPv4 or IPv6.
pub const IP: Named = Named {
    name: "ip",
    check: |v| {
        let refuse = |_| "value does not look like a valid IP address".to_owned();
        v.parse::<std::net::IpAddr>().map(drop).map_err(refuse)
    },
};

/// `CIDR`, IPv4 or IPv6.
pub const CIDR: Named = Named { name: "CIDR", check: check_cidr };

/// `pve-storage-id`.
pub const STORAGE_ID: Named = Named {
    name: "pve-storage-id",
    check: |v| {
        if v.chars().count() < 2 {
            return Err(format!("storage ID '{v}' cannot be shorter than 2 characters"));
        }
        matches(v, r"^(?i)[a-z][a-z0-9\-_.]*[a-z0-9]$", || format!("storage ID '{v}' contains illegal characters"))
    },
};

fn check_user_id(value: &str) -> Result<(), String> {
    if value.len() < 3 {
        return Err(format!("user name '{value}' is too short"));
    }
    if value.chars().count() > 64 {
        return Err(format!("user name '{value}' is too long ({} > 64)", value.chars().count()));
    }
    matches(value, r"^[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+\n?$", || {
        format!("value '{value}' does not look like a valid user name")
    })
}

fn check_cidr(value: &str) -> Result<(), String> {
    let bad = || "value does not look like a valid CIDR network".to_owned();
    let (address, prefix) = value.split_once('/').ok_or_else(bad)?;
    let prefix: u8 = prefix.parse().map_err(|_| bad())?;
    match address.parse::<std::net::IpAddr>().map_err(|_| bad())? {
        std::net::IpAddr::V4(_) if (1..=32).contains(&prefix) => Ok(()),
        std::net::IpAddr::V6(_) if (1..=128).contains(&prefix) => Ok(()),
        _ => Err(bad()),
    }
}

/// Whether `value` matches; the compiled patterns are kept.
///
/// # Errors
/// The text `complaint` makes.
pub fn matches(value: &str, pattern: &'static str, complaint: impl FnOnce() -> String) -> Result<(), String> {
    use std::collections::HashMap;
    use std::sync::Mutex;
    static PATTERNS: LazyLock<Mutex<HashMap<&'static str, Regex>>> = LazyLock::new(Mutex::default);
    let mut patterns = PATTERNS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let regex = patterns.entry(pattern).or_insert_with(|| Regex::new(pattern).expect("a literal pattern"));
    if regex.is_match(value) { Ok(()) } else { Err(complaint()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_formats() {
        assert!((CONFIG_ID.check)("ab").is_ok() && (CONFIG_ID.check)("a").is_err());
        assert!((NODE.check)("pve-1").is_ok() && (NODE.check)("pve-").is_err() && (NODE.check)("a.b").is_err());
        assert!((VMID.check)("100").is_ok() && (VMID.check)("99").is_err());
        assert!((CIDR.check)("10.0.0.0/8").is_ok() && (CIDR.check)("10.0.0.0").is_err());
        assert_eq!((STORAGE_ID.check)("x"), Err("storage ID 'x' cannot be shorter than 2 characters".to_owned()));
        assert!((STORAGE_ID.check)("x1").is_ok() && (STORAGE_ID.check)("1x").is_err());
        assert!((USER_ID.check)("a@pve").is_ok() && (USER_ID.check)("root").is_err());
    }
}
