//! `/nodes/{node}/config`: the node's own options, in a file of their own below `/etc/pve/nodes`.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde_json::{Map, Value, json};

use crate::error::{ApiError, ApiResult};
use crate::route::{Call, Permission, Route};
use crate::schema::check::perl_text;
use crate::schema::formats::{CONFIG_ID, Format, Named, matches};
use crate::schema::{Prop, Schema, property_string};
use crate::section_config::{bytes, escape};
use crate::world::{Pve, World};

const PATH: &str = "/nodes/{node}/config";
const DELAY: &str = "startall-onboot-delay";
const WAKE: &str = "wakeonlan";

const MAC: Named = Named {
    name: "mac-addr",
    check: |value| {
        matches(value, r"^(?i)[a-f0-9][02468ace](:[a-f0-9]{2}){5}$", || {
            "value does not look like a valid unicast MAC address".to_owned()
        })
    },
};
const INTERFACE: Named = Named {
    name: "pve-iface",
    check: |value| {
        matches(value, r"^(?i)[a-z][a-z0-9_]{1,20}([:.]\d+)?$", || format!("invalid network interface name '{value}'"))
    },
};
const IPV4: Named = Named {
    name: "ipv4",
    check: |value| {
        let refuse = |_| "value does not look like a valid IPv4 address".to_owned();
        value.parse::<std::net::Ipv4Addr>().map(drop).map_err(refuse)
    },
};
const DOMAIN: Named = Named {
    name: "pve-acme-domain",
    check: |value| {
        matches(value, r"^(?i)([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])?$", || {
            "value does not look like a valid domain name!".to_owned()
        })
    },
};

pub(super) fn routes(pve: Pve) -> Vec<Route> {
    let mut names: Vec<&'static str> = options(pve).props.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    let get = super::node_param().opt("property", Prop::choice(&names));
    let own = options(pve).props.into_iter().fold(super::node_param(), |schema, (name, prop)| schema.opt(name, prop));
    let put =
        own.opt("delete", Prop::string().format(Format::List(CONFIG_ID))).opt("digest", Prop::string().max_length(40));
    vec![
        Route::get(PATH, read).permission(Permission::root(&["Sys.Audit"])).params(get).proxied(),
        Route::put(PATH, update).permission(Permission::root(&["Sys.Modify"])).params(put).proxied(),
    ]
}

fn options(pve: Pve) -> Schema {
    const DOMAINS: [&str; 6] =
        ["acmedomain0", "acmedomain1", "acmedomain2", "acmedomain3", "acmedomain4", "acmedomain5"];
    let acme = Schema::new()
        .opt("account", Prop::string().format(Format::One(CONFIG_ID)))
        .opt("domains", Prop::string().format(Format::List(DOMAIN)));
    let domain = || {
        Schema::new()
            .req("domain", Prop::string().format(Format::One(DOMAIN)).default_key())
            .opt("plugin", Prop::string().format(Format::One(CONFIG_ID)))
            .opt("alias", Prop::string().format(Format::One(DOMAIN)))
    };
    let mut schema = Schema::new()
        .opt("description", Prop::string().max_length(64 * 1024))
        .opt(DELAY, Prop::integer().min(0.0).max(300.0))
        .opt("ballooning-target", Prop::integer().min(0.0).max(100.0))
        .opt(WAKE, Prop::property_string(wake_keys()))
        .opt("acme", Prop::property_string(acme));
    if pve >= Pve::V9 {
        let coordinate = |limit: f64| Prop::number().min(-limit).max(limit);
        let location = Schema::new()
            .req("latitude", coordinate(90.0))
            .req("longitude", coordinate(180.0))
            .opt("name", Prop::string().max_length(128));
        schema = schema.opt("location", Prop::property_string(location));
    }
    DOMAINS.into_iter().fold(schema, |schema, name| schema.opt(name, Prop::property_string(domain())))
}

fn wake_keys() -> Schema {
    Schema::new()
        .req("mac", Prop::string().format(Format::One(MAC)).default_key())
        .opt("bind-interface", Prop::string().format(Format::One(INTERFACE)))
        .opt("broadcast-address", Prop::string().format(Format::One(IPV4)))
}

/// The options of a node.
#[derive(Debug, Default)]
pub(super) struct NodeConfig {
    description: String,
    values: BTreeMap<String, String>,
}

impl NodeConfig {
    pub(super) fn read(world: &World, node: &str) -> Self {
        let mut config = Self::default();
        for line in world.file(&path(node)).lines() {
            if let Some(text) = line.strip_prefix('#') {
                config.description.push_str(&percent_decode(&bytes::raw(text)).decode_utf8_lossy());
                config.description.push('\n');
            } else if let Some((key, value)) = line.split_once(':') {
                config.values.insert(key.to_owned(), value.trim().to_owned());
            }
        }
        config
    }

    /// The address of its network card, if it can be woken.
    pub(super) fn mac(&self) -> Option<String> {
        let keys = property_string::parse(&wake_keys(), self.values.get(WAKE)?, WAKE).ok()?;
        keys.get("mac").map(perl_text)
    }

    /// How long after a boot its guests start.
    pub(super) fn start_delay(&self) -> i64 {
        self.values.get(DELAY).and_then(|delay| delay.parse().ok()).unwrap_or(0)
    }

    fn set(&mut self, name: &str, value: &str) {
        if name == "description" {
            self.description = value.to_owned();
        } else {
            self.values.insert(name.to_owned(), value.to_owned());
        }
    }

    fn unset(&mut self, name: &str) {
        if name == "description" {
            self.description.clear();
        }
        self.values.remove(name);
    }

    fn write(&self, world: &mut World, node: &str) {
        let mut text = String::new();
        let description = self.description.trim_end_matches('\n');
        for line in description.split('\n').filter(|_| !description.is_empty()) {
            // What is decoded again must not be what was written.
            text.push_str(&format!("#{}\n", escape(line.replace('%', "%25").bytes())));
        }
        for (key, value) in &self.values {
            text.push_str(&format!("{key}: {value}\n"));
        }
        world.write_file(&path(node), bytes::written(text));
    }
}

fn path(node: &str) -> String {
    format!("/etc/pve/nodes/{node}/config")
}

fn read(call: &mut Call<'_>) -> ApiResult {
    let node = call.params.text("node");
    let config = NodeConfig::read(call.world, &node);
    let mut shown = Map::new();
    if call.world.file_opt(&path(&node)).is_some_and(|text| !text.is_empty()) {
        shown.extend(config.values.iter().map(|(key, value)| (key.clone(), json!(value))));
        shown.insert("description".to_owned(), json!(config.description));
        shown.insert("digest".to_owned(), json!(call.world.digest(&path(&node))));
    }
    if let Some(only) = call.params.str("property") {
        shown.retain(|key, _| *key == only);
    }
    Ok(Value::Object(shown))
}

fn update(call: &mut Call<'_>) -> ApiResult {
    let node = call.params.text("node");
    let file = path(&node);
    if !call.world.is_quorate() {
        return Err(ApiError::die(format!("unable to open file '{file}.tmp.1' - Permission denied")));
    }
    let changed = call.params.str("digest").is_some_and(|digest| digest != call.world.digest(&file));
    if changed {
        return Err(ApiError::die("detected modified configuration - file changed by other user? Try again."));
    }
    let mut config = NodeConfig::read(call.world, &node);
    for (name, value) in call.params.iter().filter(|(name, _)| !matches!(*name, "node" | "digest" | "delete")) {
        config.set(name, &perl_text(value));
    }
    for name in call.params.list("delete") {
        config.unset(&name);
    }
    config.write(call.world, &node);
    Ok(Value::Null)
}
