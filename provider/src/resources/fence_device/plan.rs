//! The plan-time checks of a fence device.

use std::collections::{BTreeMap, BTreeSet};

use crate::framework::{Diagnostics, Path, Value};

/// Checks that go over several attributes: what `PVE::HA::FenceConfig` would skip, refuse or read otherwise.
pub(super) fn validate(config: &Value, diagnostics: &mut Diagnostics) {
    options(config, &Path::root(), "device", diagnostics);
    let mut nodes = BTreeSet::new();
    let verifies = config.at("verify") == &Value::Bool(true);
    let mut short = short_names(config);
    for (index, connect) in config.at("connect").elements().unwrap_or_default().iter().enumerate() {
        let path = Path::attribute("connect").index(index);
        options(connect, &path, "connection", diagnostics);
        short.extend(short_names(connect));
        if let Some(node) = connect.at("node").as_str()
            && !nodes.insert(node)
        {
            diagnostics.error_at(
                path.field("node"),
                "A node is connected twice",
                format!("{node} has a `connect` block already. Proxmox refuses the whole file then: put all options into one block."),
            );
        }
    }
    if verifies && let Some(name) = short.first() {
        diagnostics.error_at(
            Path::attribute("verify"),
            "Short options can't be verified",
            format!(
                "To verify the device, the provider passes the options to the agent on stdin. There the agent accepts \
                 only long names. Replace {name:?} with its long name."
            ),
        );
    }
    if let (Some(name), true) = (config.at("name").as_str(), config.at("name") == config.at("after")) {
        diagnostics.error_at(
            Path::attribute("after"),
            "A device can't be placed after itself",
            format!("{name} is in one place of the file. Set another device, or remove `after`."),
        );
    }
}

/// A list that only has its order changed is kept in the order of the state: connections are distinguished by their nodes.
pub(super) fn keep_order(prior: Option<&Value>, planned: &mut Value) {
    let Some(prior) = prior.map(|prior| prior.at("connect")) else { return };
    let (Some(old), Some(new)) = (prior.elements(), planned.at("connect").elements()) else { return };
    let same = old.len() == new.len()
        && planned.at("connect").is_wholly_known()
        && new.iter().all(|connect| old.iter().filter(|known| *known == connect).count() == 1);
    if same {
        planned.insert("connect", prior.clone());
    }
}

/// Where options are configured.
const MAPS: [&str; 3] = ["options", "secret_options", "secret_options_wo"];

/// At least one option, and each of them once.
fn options(object: &Value, path: &Path, what: &str, diagnostics: &mut Diagnostics) {
    let maps = MAPS.map(|name| (name, object.at(name)));
    let is_empty = |map: &Value| !map.is_unknown() && map.as_map().is_none_or(|members| members.is_empty());
    if maps.iter().all(|(_, map)| is_empty(map)) {
        diagnostics.error_at(
            path.field("options"),
            format!("A {what} without options"),
            format!(
                "Proxmox silently skips a {what} without options. Set at least one in `options`, `secret_options` or \
                 `secret_options_wo`."
            ),
        );
    }
    let mut known: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, map) in maps {
        for (key, value) in map.as_map().into_iter().flatten() {
            if let Some(other) = known.insert(key, name) {
                diagnostics.error_at(
                    path.field(name).key(key),
                    "An option is set twice",
                    format!("{key:?} is in both `{other}` and `{name}`. Keep one of them."),
                );
            }
            if value.is_null() {
                diagnostics.error_at(
                    path.field(name).key(key),
                    "An option is null",
                    format!(
                        "{key:?} has no value. Set it to \"\" for an option without a value, or remove the \
                             option."
                    ),
                );
            }
        }
    }
}

/// The options with a name of one letter, which become `-x`.
fn short_names(object: &Value) -> Vec<&str> {
    let names = MAPS.iter().filter_map(|name| object.at(name).as_map()).flatten().map(|(name, _)| name.as_str());
    names.filter(|name| name.len() == 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> Value {
        Value::object(pairs.iter().map(|(name, value)| (*name, Value::from(*value))))
    }

    fn connect(node: &str, options: Value) -> Value {
        Value::object([("node", Value::from(node)), ("options", options), ("secret_options", Value::Null)])
    }

    fn device(connects: Vec<Value>) -> Value {
        Value::object([
            ("name", Value::from("ipmi")),
            ("options", map(&[("ip", "10.0.0.1")])),
            ("secret_options", map(&[("password", "x")])),
            ("connect", Value::List(connects)),
        ])
    }

    fn paths(config: &Value) -> Vec<String> {
        let mut diagnostics = Diagnostics::new();
        validate(config, &mut diagnostics);
        diagnostics.iter().filter_map(|d| d.path.as_ref()).map(ToString::to_string).collect()
    }

    #[test]
    fn a_good_device_passes() {
        assert!(
            paths(&device(vec![connect("pve1", map(&[("plug", "1")])), connect("pve2", map(&[("plug", "2")]))]))
                .is_empty()
        );
    }

    #[test]
    fn what_proxmox_would_skip_or_refuse_is_named() {
        let twice = device(vec![connect("pve1", map(&[("plug", "1")])), connect("pve1", map(&[("plug", "2")]))]);
        assert_eq!(paths(&twice), ["connect[1].node"]);
        assert_eq!(paths(&device(vec![connect("pve1", Value::Null)])), ["connect[0].options"]);
        let mut bare = device(vec![connect("pve1", map(&[("plug", "1")]))]);
        bare.insert("options", Value::Null);
        bare.insert("secret_options", map(&[]));
        assert_eq!(paths(&bare), ["options"]);
        bare.insert("options", Value::Unknown);
        assert!(paths(&bare).is_empty());
        bare.insert("options", Value::Null);
        bare.insert("secret_options_wo", map(&[("password", "x")]));
        assert!(paths(&bare).is_empty());
        bare.insert("secret_options_wo", Value::object([("password", Value::Null)]));
        assert_eq!(paths(&bare), ["secret_options_wo[\"password\"]"]);
    }

    #[test]
    fn contradictions_are_named() {
        let mut both = device(vec![connect("pve1", map(&[("plug", "1")]))]);
        both.insert("options", map(&[("password", "x")]));
        assert_eq!(paths(&both), ["secret_options[\"password\"]"]);
        both.insert("options", map(&[("ip", "10.0.0.1")]));
        for name in ["ip", "password"] {
            both.insert("secret_options_wo", map(&[(name, "x")]));
            assert_eq!(paths(&both), [format!("secret_options_wo[{name:?}]")]);
        }
        let mut itself = device(vec![connect("pve1", map(&[("plug", "1")]))]);
        itself.insert("after", Value::from("ipmi"));
        assert_eq!(paths(&itself), ["after"]);
        let mut short = device(vec![connect("pve1", map(&[("n", "1")]))]);
        short.insert("verify", Value::Bool(true));
        assert_eq!(paths(&short), ["verify"]);
        let mut short = device(vec![connect("pve1", map(&[("plug", "1")]))]);
        short.insert("verify", Value::Bool(true));
        short.insert("secret_options_wo", map(&[("p", "x")]));
        assert_eq!(paths(&short), ["verify"]);
    }

    #[test]
    fn another_order_of_connections_is_no_change() {
        let (a, b) = (connect("pve1", map(&[("plug", "1")])), connect("pve2", map(&[("plug", "2")])));
        let prior = device(vec![a.clone(), b.clone()]);
        let mut planned = device(vec![b.clone(), a.clone()]);
        keep_order(Some(&prior), &mut planned);
        assert_eq!(planned, prior);
        let other = device(vec![b.clone(), connect("pve1", map(&[("plug", "9")]))]);
        let mut planned = other.clone();
        keep_order(Some(&prior), &mut planned);
        assert_eq!(planned, other);
    }
}
