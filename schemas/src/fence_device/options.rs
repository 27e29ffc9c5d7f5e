//! Options of a device or a connection as arguments of the agent, and which of them are secret.

use std::collections::{BTreeMap, BTreeSet};

use super::FenceDevice;
use crate::value::{Options, SecretOptions};

/// What the state says of a device: which options are secret, which maps are written although they are empty, and the order of
/// the nodes.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Of the device itself.
    pub device: KnownOptions,
    /// Of each node.
    pub connects: Vec<(String, KnownOptions)>,
}

/// The names of the options, grouped by the state attribute that holds them. Null and empty are distinct.
#[derive(Debug, Clone, Default)]
pub struct KnownOptions {
    /// The open ones.
    pub open: Option<Vec<String>>,
    /// The secret ones.
    pub secret: Option<Vec<String>>,
    /// The write-only ones: wherever else they are named, too, their values are left out.
    pub write_only: Option<Vec<String>>,
}

/// Options as a read divides them.
pub(super) struct Found {
    pub(super) open: Options,
    pub(super) secret: SecretOptions,
    pub(super) write_only: Option<BTreeSet<String>>,
}

impl From<&FenceDevice> for Known {
    fn from(device: &FenceDevice) -> Self {
        let connects = device.connect.iter().map(|c| {
            let known = KnownOptions::new(&c.options, &c.secret_options, &c.secret_options_wo_names);
            (c.node.to_string(), known)
        });
        let names = &device.secret_options_wo_names;
        Self { device: KnownOptions::new(&device.options, &device.secret_options, names), connects: connects.collect() }
    }
}

impl KnownOptions {
    fn new(options: &Options, secret: &SecretOptions, write_only: &Option<BTreeSet<String>>) -> Self {
        let names = |map: &Option<BTreeMap<String, String>>| map.as_ref().map(|map| map.keys().cloned().collect());
        let write_only = write_only.as_ref().map(|names| names.iter().cloned().collect());
        Self { open: names(&options.0), secret: names(&secret.0), write_only }
    }

    fn is_secret(&self, name: &str) -> bool {
        is_among(&self.secret, name) || (!is_among(&self.open, name) && is_called_like_a_secret(name))
    }
}

impl Found {
    /// Options out of arguments. An argument that is given twice is refused, since either value may be meant.
    pub(super) fn of(arguments: &[String], known: &KnownOptions) -> Result<Self, String> {
        let (mut open, mut secret, mut write_only) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for argument in arguments {
            let (name, value) = parts(argument);
            let into = if is_among(&known.write_only, name) {
                &mut write_only
            } else if known.is_secret(name) {
                &mut secret
            } else {
                &mut open
            };
            if into.insert(name.to_owned(), value.to_owned()).is_some() {
                return Err(format!("the option {name:?} is given twice"));
            }
        }
        let some = |map: BTreeMap<String, String>, known: &Option<Vec<String>>| {
            (!map.is_empty() || known.as_ref().is_some_and(Vec::is_empty)).then_some(map)
        };
        Ok(Self {
            open: Options(some(open, &known.open)),
            secret: SecretOptions(some(secret, &known.secret)),
            write_only: known.write_only.as_ref().map(|_| write_only.into_keys().collect()),
        })
    }
}

/// How options are written, by name: `name=value`, or the bare word.
pub(super) fn arguments(options: &Options, secret: &SecretOptions, write_only: &SecretOptions) -> Vec<String> {
    let all: BTreeMap<&str, &str> = options.iter().chain(secret.iter()).chain(write_only.iter()).collect();
    let written =
        |(name, value): (&str, &str)| if value.is_empty() { name.to_owned() } else { format!("{name}={value}") };
    all.into_iter().map(written).collect()
}

/// Adds to `options` those of the names `names` that it does not have, with the values of `arguments`.
///
/// # Errors
/// An option that has no value in `arguments`.
pub(super) fn complete<'n>(
    options: &mut SecretOptions,
    names: &'n Option<BTreeSet<String>>,
    arguments: &[String],
) -> Result<(), &'n str> {
    let mut all = options.0.take().unwrap_or_default();
    for name in names.iter().flatten() {
        if !all.contains_key(name) {
            let value = arguments.iter().map(|argument| parts(argument)).find(|(known, _)| known == name);
            all.insert(name.clone(), value.ok_or(name.as_str())?.1.to_owned());
        }
    }
    options.0 = Some(all);
    Ok(())
}

fn parts(argument: &str) -> (&str, &str) {
    argument.split_once('=').unwrap_or((argument, ""))
}

fn is_among(names: &Option<Vec<String>>, name: &str) -> bool {
    names.iter().flatten().any(|known| known == name)
}

/// Options of fence agents that hold a secret; `…_script` names a program that prints it.
pub(super) fn is_called_like_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    [
        "passw",
        "secret",
        "token",
        "private_key",
        "passphrase",
        "community",
        "snmp_priv",
        "snmp_auth_pass",
        "apikey",
        "api_key",
    ]
    .iter()
    .any(|word| name.contains(word))
        || ["p", "pass"].contains(&name.as_str())
}
