//! `corosync.conf` as `PVE::Corosync` reads and writes it.
//!
//! Invariant: what is written from what was read differs only in the order of its lines, which is that of their names.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::Algorithm;

/// What a corosync.conf says.
#[derive(Clone, Debug, PartialEq)]
pub struct Conf {
    pub cluster_name: String,
    pub config_version: u64,
    pub members: BTreeMap<String, Member>,
    /// The host that corosync-qnetd runs on, and how the QDevice casts its votes.
    pub device: Option<(String, Algorithm)>,
    pub settings: Settings,
}

/// A node of the node list.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub id: u32,
    pub votes: u32,
    /// Its addresses by the number of the link.
    pub links: Links,
}

/// Addresses by the number of the link.
pub type Links = BTreeMap<u8, String>;

/// All but nodes, QDevice, name and version.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    pub totem: BTreeMap<String, String>,
    /// The options of each link, `linknumber` among them.
    pub interfaces: BTreeMap<u8, BTreeMap<String, String>>,
    pub logging: BTreeMap<String, String>,
}

impl Default for Settings {
    /// What `pvecm create` writes on a release that has no `token_coefficient` yet.
    fn default() -> Self {
        let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let mut settings = Self {
            totem: texts(&[("ip_version", "ipv4-6"), ("link_mode", "passive"), ("secauth", "on"), ("version", "2")]),
            interfaces: BTreeMap::new(),
            logging: texts(&[("debug", "off"), ("to_syslog", "yes")]),
        };
        settings.add_link(0, None);
        settings
    }
}

impl Settings {
    /// Configures a link. A lower `priority` is preferred.
    pub fn add_link(&mut self, number: u8, priority: Option<u8>) {
        let options = self.interfaces.entry(number).or_default();
        options.insert("linknumber".to_owned(), number.to_string());
        if let Some(priority) = priority {
            options.insert("knet_link_priority".to_owned(), priority.to_string());
        }
    }
}

impl Conf {
    /// Reads the text of a file.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut conf = Self {
            cluster_name: String::new(),
            config_version: 0,
            members: BTreeMap::new(),
            device: None,
            settings: Settings { totem: BTreeMap::new(), interfaces: BTreeMap::new(), logging: BTreeMap::new() },
        };
        let root = section(&mut text.lines());
        for (name, part) in root.sections {
            match name.as_str() {
                "nodelist" => conf.members = part.sections.iter().filter_map(|(_, node)| member(node)).collect(),
                "quorum" => conf.device = part.find("device").and_then(device),
                "logging" => conf.settings.logging = part.options.into_iter().collect(),
                "totem" => conf.read_totem(part),
                _ => {}
            }
        }
        conf
    }

    fn read_totem(&mut self, totem: Section) {
        for (name, value) in totem.options {
            match name.as_str() {
                "cluster_name" => self.cluster_name = value,
                "config_version" => self.config_version = value.parse().unwrap_or(0),
                _ => drop(self.settings.totem.insert(name, value)),
            }
        }
        for (_, interface) in totem.sections {
            let options: BTreeMap<String, String> = interface.options.into_iter().collect();
            let number = options.get("linknumber").or_else(|| options.get("ringnumber"));
            if let Some(number) = number.and_then(|number| number.parse().ok()) {
                self.settings.interfaces.insert(number, options);
            }
        }
    }

    /// The text of the file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let line = |text: &mut String, depth: usize, name: &str, value: &str| {
            let _ = writeln!(text, "{}{name}: {value}", "  ".repeat(depth));
        };
        text.push_str("logging {\n");
        for (name, value) in &self.settings.logging {
            line(&mut text, 1, name, value);
        }
        text.push_str("}\n\nnodelist {\n");
        for (name, member) in &self.members {
            text.push_str("  node {\n");
            line(&mut text, 2, "name", name);
            line(&mut text, 2, "nodeid", &member.id.to_string());
            line(&mut text, 2, "quorum_votes", &member.votes.to_string());
            for (number, address) in &member.links {
                line(&mut text, 2, &format!("ring{number}_addr"), address);
            }
            text.push_str("  }\n");
        }
        text.push_str("}\n\nquorum {\n");
        if let Some((host, algorithm)) = &self.device {
            text.push_str("  device {\n    model: net\n    net {\n");
            for (name, value) in [("algorithm", algorithm.as_str()), ("host", host), ("tls", "on")] {
                line(&mut text, 3, name, value);
            }
            text.push_str("    }\n");
            if *algorithm == Algorithm::Ffsplit {
                line(&mut text, 2, "votes", "1");
            }
            text.push_str("  }\n");
        }
        text.push_str("  provider: corosync_votequorum\n}\n\ntotem {\n");
        let mut parts = self.totem_options();
        let mut interfaces = String::new();
        for options in self.settings.interfaces.values() {
            interfaces.push_str("  interface {\n");
            for (name, value) in options {
                line(&mut interfaces, 2, name, value);
            }
            interfaces.push_str("  }\n");
        }
        let after = parts.split_off("interface");
        for (name, value) in parts {
            line(&mut text, 1, &name, &value);
        }
        text.push_str(&interfaces);
        for (name, value) in after {
            line(&mut text, 1, &name, &value);
        }
        text + "}\n\n"
    }

    fn totem_options(&self) -> BTreeMap<String, String> {
        let mut options = self.settings.totem.clone();
        options.insert("cluster_name".to_owned(), self.cluster_name.clone());
        options.insert("config_version".to_owned(), self.config_version.to_string());
        options
    }

    /// The answer of `GET /cluster/config/totem`.
    #[must_use]
    pub fn totem(&self) -> Value {
        let mut totem: Map<String, Value> =
            self.totem_options().into_iter().map(|(name, value)| (name, json!(value))).collect();
        let interfaces: Map<String, Value> =
            self.settings.interfaces.iter().map(|(number, options)| (number.to_string(), json!(options))).collect();
        totem.insert("interface".to_owned(), Value::Object(interfaces));
        Value::Object(totem)
    }

    /// The link addresses that are configured anywhere.
    pub fn link_numbers(&self) -> std::collections::BTreeSet<u8> {
        self.members.values().flat_map(|member| member.links.keys().copied()).collect()
    }

    /// What `verify_conf` finds: errors and warnings. `resolve` finds the IP address of a name.
    #[must_use]
    pub fn verify(&self, resolve: impl Fn(&str) -> Option<String>) -> (Vec<String>, Vec<String>) {
        let (mut errors, mut warnings) = (Vec::new(), Vec::new());
        if self.members.is_empty() {
            errors.push("no nodes found".to_owned());
        }
        for (name, member) in &self.members {
            for (number, address) in &member.links {
                let key = format!("ring{number}_addr");
                if !self.settings.interfaces.contains_key(number) && !self.settings.interfaces.is_empty() {
                    errors.push(format!(
                        "node '{name}' has '{key}', but there is no interface number {number} configured"
                    ));
                }
                match resolve(address) {
                    Some(same) if same == *address => {}
                    Some(other) => warnings.push(format!(
                        "{key} '{address}' for node '{name}' resolves to '{other}' - consider replacing it with the currently \
                         resolved IP address for stability"
                    )),
                    None => warnings.push(format!(
                        "warning: unable to resolve {key} '{address}' for node '{name}' to an IP address according to \
                         Corosync's resolve strategy - cluster could fail on restart!"
                    )),
                }
            }
            for number in self.settings.interfaces.keys().filter(|number| !member.links.contains_key(number)) {
                errors.push(format!("node '{name}' is missing address forinterface number {number}"));
            }
        }
        let is_on = |name: &str, off: &str| self.settings.totem.get(name).is_some_and(|value| value != off);
        let encrypts = is_on("secauth", "off") || is_on("crypto_cipher", "none") && is_on("crypto_hash", "none");
        if !encrypts {
            warnings.push(
                "warning: authentication/encryption is not explicitly enabled (secauth / crypto_cipher / crypto_hash)"
                    .to_owned(),
            );
        }
        (errors, warnings)
    }
}

#[derive(Debug, Default)]
struct Section {
    options: Vec<(String, String)>,
    sections: Vec<(String, Section)>,
}

impl Section {
    fn find(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|(other, _)| other == name).map(|(_, section)| section)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.options.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

fn section<'t>(lines: &mut impl Iterator<Item = &'t str>) -> Section {
    let mut found = Section::default();
    while let Some(line) = lines.next().map(str::trim) {
        if line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_suffix('{') {
            let inner = section(lines);
            found.sections.push((name.trim().to_owned(), inner));
        } else if line == "}" {
            break;
        } else if let Some((name, value)) = line.split_once(':') {
            found.options.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    found
}

fn member(node: &Section) -> Option<(String, Member)> {
    let links = node.options.iter().filter_map(|(name, address)| {
        let number = name.strip_prefix("ring")?.strip_suffix("_addr")?.parse().ok()?;
        Some((number, address.clone()))
    });
    let links: Links = links.collect();
    let name = node.text("name").or_else(|| links.values().next().map(String::as_str))?.to_owned();
    let number = |name: &str| node.text(name).and_then(|text| text.parse().ok());
    Some((name, Member { id: number("nodeid")?, votes: number("quorum_votes").unwrap_or(1), links }))
}

fn device(device: &Section) -> Option<(String, Algorithm)> {
    let net = device.find("net")?;
    let algorithm = if net.text("algorithm") == Some("lms") { Algorithm::Lms } else { Algorithm::Ffsplit };
    Some((net.text("host")?.to_owned(), algorithm))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf() -> Conf {
        let member = |id, address: &str| Member { id, votes: 1, links: Links::from([(0, address.to_owned())]) };
        Conf {
            cluster_name: "c".to_owned(),
            config_version: 3,
            members: BTreeMap::from([("b".to_owned(), member(1, "10.0.0.2")), ("a".to_owned(), member(2, "10.0.0.1"))]),
            device: Some(("10.0.0.9".to_owned(), Algorithm::Ffsplit)),
            settings: Settings::default(),
        }
    }

    #[test]
    fn what_is_read_is_written_again() {
        let mut conf = conf();
        conf.settings.add_link(1, Some(7));
        conf.settings.totem.insert("token".to_owned(), "5000".to_owned());
        let text = conf.render();
        assert_eq!(Conf::parse(&text), conf);
        assert_eq!(Conf::parse(&text).render(), text);
        assert!(
            text.contains("  interface {\n    knet_link_priority: 7\n    linknumber: 1\n  }\n  ip_version: ipv4-6\n")
        );
        assert!(text.ends_with("  token: 5000\n  version: 2\n}\n\n"), "{text}");
    }

    #[test]
    fn links_and_names_are_verified() {
        let mut conf = conf();
        let verify = |conf: &Conf| conf.verify(|name| name.starts_with("10.").then(|| name.to_owned()));
        assert_eq!(verify(&conf), (vec![], vec![]));
        conf.settings.add_link(1, None);
        conf.members.get_mut("a").unwrap().links.insert(2, "nosuchhost".to_owned());
        conf.settings.totem.insert("secauth".to_owned(), "off".to_owned());
        let (errors, warnings) = verify(&conf);
        assert_eq!(
            errors,
            [
                "node 'a' has 'ring2_addr', but there is no interface number 2 configured",
                "node 'a' is missing address forinterface number 1",
                "node 'b' is missing address forinterface number 1",
            ]
        );
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        conf.members.clear();
        assert_eq!(verify(&conf).0, ["no nodes found"]);
    }
}
