//! The parameters of one request, in Proxmox's form notation.

use std::borrow::Cow;
use std::fmt;

/// Parameters in the order they were set, plus the options to be deleted.
///
/// Values are written as Proxmox reads them: booleans as `1` and `0`, lists joined by commas.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(String, String)>,
    delete: Vec<String>,
}

impl Params {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a parameter; a second value for the same name replaces the first.
    pub fn set(&mut self, name: impl Into<String>, value: impl ToString) -> &mut Self {
        let (name, value) = (name.into(), value.to_string());
        match self.pairs.iter_mut().find(|(known, _)| *known == name) {
            Some(pair) => pair.1 = value,
            None => self.pairs.push((name, value)),
        }
        self
    }

    /// Sets a boolean: Proxmox takes `1` and `0`, and refuses `true` and `yes`.
    pub fn flag(&mut self, name: impl Into<String>, value: bool) -> &mut Self {
        self.set(name, u8::from(value))
    }

    /// Returns an option to its default through the `delete` parameter.
    pub fn delete(&mut self, option: impl Into<String>) -> &mut Self {
        let option = option.into();
        if !self.delete.contains(&option) {
            self.delete.push(option);
        }
        self
    }

    /// The value set for a name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.delete.is_empty()
    }

    /// The pairs as they are sent.
    pub(super) fn wire(&self) -> Vec<(&str, Cow<'_, str>)> {
        let mut wire: Vec<_> = self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str().into())).collect();
        if !self.delete.is_empty() {
            wire.push(("delete", self.delete.join(",").into()));
        }
        wire
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.pairs.iter().map(|(name, _)| name);
        f.debug_struct("Params").field("set", &names.collect::<Vec<_>>()).field("delete", &self.delete).finish()
    }
}

impl<N: Into<String>, V: ToString> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut params = Self::new();
        for (name, value) in pairs {
            params.set(name, value);
        }
        params
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletes_are_one_parameter() {
        let mut params = Params::new();
        params.set("max_restart", 3).flag("failback", false).delete("comment").delete("state").delete("comment");
        params.set("max_restart", 4);
        let wire: Vec<_> = params.wire().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(wire, ["max_restart=4", "failback=0", "delete=comment,state"]);
    }
}
