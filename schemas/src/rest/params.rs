//! The parameters of one request, in Proxmox's form notation.

use std::borrow::Cow;
use std::fmt;

/// Parameters in the order they were set, plus the options to be deleted.
///
/// Values are written as Proxmox reads them: booleans as `1` and `0`, lists joined by commas, arrays as repeated parameters.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params {
    set: Vec<(String, Vec<String>)>,
    delete: Vec<String>,
    delete_form: DeleteForm,
}

/// How a PUT writes the names of the options that it unsets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeleteForm {
    /// `delete=comment,group`, as most of the API (`pve-configid-list`).
    #[default]
    CommaList,
    /// `delete=comment&delete=group`, as the notifications.
    Array,
}

impl Params {
    /// No parameters.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with its deletions in the given form.
    #[must_use]
    pub fn deleting_by(mut self, form: DeleteForm) -> Self {
        self.delete_form = form;
        self
    }

    /// Sets a parameter; a second value for the same name replaces the first.
    pub fn set(&mut self, name: impl Into<String>, value: impl ToString) -> &mut Self {
        self.put(name.into(), vec![value.to_string()])
    }

    /// Sets an array, one parameter for each value. An empty one is the same as none: Proxmox refuses `name=`.
    pub fn set_all<V: ToString>(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = V>) -> &mut Self {
        self.put(name.into(), values.into_iter().map(|value| value.to_string()).collect())
    }

    /// Adds elements to an array: two attributes may be one array at Proxmox.
    pub fn add_all<V: ToString>(&mut self, name: &str, values: impl IntoIterator<Item = V>) -> &mut Self {
        let known = self.values(name).to_vec();
        self.set_all(name, known.into_iter().chain(values.into_iter().map(|value| value.to_string())))
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

    /// Takes a parameter back.
    pub fn unset(&mut self, name: &str) -> &mut Self {
        self.set.retain(|(known, _)| known != name);
        self
    }

    /// The value set for a name: of an array, the first one.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values(name).first().map(String::as_str)
    }

    /// The values set for a name.
    #[must_use]
    pub fn values(&self, name: &str) -> &[String] {
        self.set.iter().find(|(known, _)| known == name).map_or(&[], |(_, values)| values)
    }

    /// Every name that is set, with its value: an array has its name several times.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.set.iter().flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_str())))
    }

    /// Keeps the deletions of which `is_kept` is true.
    pub fn retain_deleted(&mut self, is_kept: impl Fn(&str) -> bool) {
        self.delete.retain(|name| is_kept(name));
    }

    /// The names that are deleted.
    pub fn deleted(&self) -> impl Iterator<Item = &str> {
        self.delete.iter().map(String::as_str)
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.delete.is_empty()
    }

    /// What makes these parameters out of `from`: what is set otherwise, each array as a whole, and what is deleted.
    #[must_use]
    pub fn since(&self, from: &Self) -> Self {
        let is_changed = |(name, values): &&(String, Vec<String>)| from.values(name) != values;
        let set = self.set.iter().filter(is_changed).cloned().collect();
        let gone = from.set.iter().map(|(name, _)| name).filter(|name| self.values(name).is_empty());
        Self { set, delete: gone.cloned().collect(), delete_form: self.delete_form }
    }

    /// The pairs as they are sent.
    #[must_use]
    pub fn pairs(&self) -> Vec<(&str, Cow<'_, str>)> {
        let set = self.iter().map(|(name, value)| (name, Cow::Borrowed(value)));
        let delete: Vec<Cow<'_, str>> = match self.delete_form {
            DeleteForm::CommaList if self.delete.is_empty() => Vec::new(),
            DeleteForm::CommaList => vec![self.delete.join(",").into()],
            DeleteForm::Array => self.delete.iter().map(|name| name.as_str().into()).collect(),
        };
        set.chain(delete.into_iter().map(|names| ("delete", names))).collect()
    }

    fn put(&mut self, name: String, values: Vec<String>) -> &mut Self {
        match self.set.iter().position(|(known, _)| *known == name) {
            Some(at) if values.is_empty() => drop(self.set.remove(at)),
            Some(at) => self.set[at].1 = values,
            None if values.is_empty() => {}
            None => self.set.push((name, values)),
        }
        self
    }
}

/// Names only: a value may be a secret.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.set.iter().map(|(name, _)| name);
        f.debug_struct("Params").field("set", &names.collect::<Vec<_>>()).field("delete", &self.delete).finish()
    }
}

impl<N: Into<String>, V: ToString> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut params = Self::new();
        params.extend(pairs);
        params
    }
}

impl<N: Into<String>, V: ToString> Extend<(N, V)> for Params {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, pairs: I) {
        for (name, value) in pairs {
            self.set(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(params: &Params) -> Vec<String> {
        params.pairs().into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn deletes_are_one_parameter() {
        let mut params = Params::new();
        params.set("max_restart", 3).flag("failback", false).delete("comment").delete("state").delete("comment");
        params.set("max_restart", 4);
        assert_eq!(sent(&params), ["max_restart=4", "failback=0", "delete=comment,state"]);
        let params = params.deleting_by(DeleteForm::Array);
        assert_eq!(sent(&params), ["max_restart=4", "failback=0", "delete=comment", "delete=state"]);
    }

    #[test]
    fn an_array_is_a_repeated_parameter_and_empty_is_none() {
        let mut params = Params::new();
        params.set_all("match-field", ["a", "b"]).set("comment", "x").set_all("target", [""; 0]);
        assert_eq!(sent(&params), ["match-field=a", "match-field=b", "comment=x"]);
        params.set_all("match-field", ["c"]).unset("comment");
        assert_eq!(sent(&params), ["match-field=c"]);
        params.add_all("match-field", ["d"]).add_all("match-field", [""; 0]);
        assert_eq!(sent(&params), ["match-field=c", "match-field=d"]);
        params.set_all("match-field", [""; 0]).add_all("match-field", [""; 0]);
        assert!(params.is_empty());
    }

    #[test]
    fn a_change_replaces_whole_arrays_and_deletes_by_name() {
        let (mut from, mut to) = (Params::new(), Params::new());
        from.set_all("match-field", ["a", "b"]).set_all("target", ["x"]).set("comment", "old").set("mode", "any");
        to.set_all("match-field", ["b", "a"]).set("mode", "any").set("disable", 1);
        assert_eq!(sent(&to.since(&from)), ["match-field=b", "match-field=a", "disable=1", "delete=target,comment"]);
        assert!(to.since(&to).is_empty());
        assert_eq!(sent(&Params::new().since(&to)), ["delete=match-field,mode,disable"]);
    }
}
