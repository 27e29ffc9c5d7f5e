//! Every option and its constraints, as `PVE::DataCenterConfig` declares them.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::schema::formats::{self, Format, Named};
use crate::schema::{Prop, Schema};
use crate::world::Pve;

/// Options GET shows as objects.
pub(super) const OBJECTS: [&str; 10] =
    ["crs", "migration", "replication", "next-id", "ha", "notify", "u2f", "webauthn", "tag-style", "user-tag-access"];

const TAG: &str = r"(?i:[a-z0-9_][a-z0-9_\-+.]*)";
const TEXT: usize = 64 * 1024;
const KEYBOARDS: [&str; 25] = [
    "de", "de-ch", "da", "en-gb", "en-us", "es", "fi", "fr", "fr-be", "fr-ca", "fr-ch", "hu", "is", "it", "ja", "lt",
    "mk", "nl", "no", "pl", "pt", "pt-br", "sv", "sl", "tr",
];
const LANGUAGES: [&str; 27] = [
    "ar", "ca", "da", "de", "en", "es", "eu", "fa", "fr", "hr", "he", "it", "ja", "ka", "kr", "nb", "nl", "nn", "pl",
    "pt_BR", "ru", "sl", "sv", "tr", "ukr", "zh_CN", "zh_TW",
];
const MAC_PREFIX: Named =
    Named { name: "mac-prefix", check: |v| mac_prefix(v, r"^(?i)[a-f0-9][02468ace](:[a-f0-9]{2}){0,2}(:[a-f0-9]?)?$") };
const MAC_PREFIX_8: Named =
    Named { name: "mac-prefix", check: |v| mac_prefix(v, r"^(?i)[a-f0-9][02468ace](:[a-f0-9]{2}){0,2}:?$") };

fn mac_prefix(value: &str, pattern: &'static str) -> Result<(), String> {
    formats::matches(value, pattern, || "value is not a valid unicast MAC address prefix".to_owned())
}

/// A release's options. Made once, because compiling patterns takes longer than everything else in a request.
struct Table {
    options: Schema,
    keys: BTreeMap<&'static str, Schema>,
}

fn table(pve: Pve) -> &'static Table {
    static OF_8: LazyLock<Table> = LazyLock::new(|| Table::new(Pve::V8));
    static OF_9: LazyLock<Table> = LazyLock::new(|| Table::new(Pve::V9));
    match pve {
        Pve::V8 => &OF_8,
        Pve::V9 => &OF_9,
    }
}

impl Table {
    fn new(pve: Pve) -> Self {
        let keys = OBJECTS.into_iter().filter_map(|name| Some((name, new_keys(pve, name)?)));
        Self { options: new_options(pve), keys: keys.collect() }
    }
}

/// All options of a release; every one is optional.
pub(super) fn options(pve: Pve) -> &'static Schema {
    &table(pve).options
}

/// The keys of an option GET shows as an object.
pub(super) fn keys(pve: Pve, option: &str) -> Option<&'static Schema> {
    table(pve).keys.get(option)
}

fn new_options(pve: Pve) -> Schema {
    let mac_prefix = if pve == Pve::V8 { MAC_PREFIX_8 } else { MAC_PREFIX };
    let mut options = Schema::new()
        .opt("bwlimit", Prop::property_string(bandwidth()))
        .opt("consent-text", Prop::string().max_length(TEXT))
        .opt("console", Prop::choice(&["applet", "vv", "html5", "xtermjs"]))
        .opt("description", Prop::string().max_length(TEXT))
        .opt("email_from", Prop::string().format(Format::Optional(formats::EMAIL)))
        .opt("fencing", Prop::choice(&["watchdog", "hardware", "both"]))
        .opt("http_proxy", Prop::string().pattern("http://.*"))
        .opt("keyboard", Prop::choice(&KEYBOARDS))
        .opt("language", Prop::choice(&LANGUAGES))
        .opt("mac_prefix", Prop::string().format(Format::One(mac_prefix)))
        .opt("max_workers", Prop::integer().min(1.0))
        .opt("migration_unsecure", Prop::boolean())
        .opt("registered-tags", Prop::string().pattern(&format!("{TAG}(?:;{TAG})*")));
    if pve >= Pve::V9 {
        options = options.opt("location", Prop::property_string(location()));
    }
    for name in OBJECTS {
        if let Some(keys) = new_keys(pve, name) {
            options = options.opt(name, Prop::property_string(keys));
        }
    }
    options
}

fn new_keys(pve: Pve, option: &str) -> Option<Schema> {
    let keys = match option {
        "crs" => scheduling(pve),
        "ha" => Schema::new().req("shutdown_policy", Prop::choice(&["freeze", "failover", "conditional", "migrate"])),
        "migration" => migration(),
        "replication" if pve >= Pve::V9 => migration(),
        "next-id" => Schema::new().opt("lower", Prop::integer()).opt("upper", Prop::integer()),
        "notify" => notify(),
        "u2f" => Schema::new().opt("appid", Prop::string()).opt("origin", Prop::string()),
        "webauthn" => Schema::new()
            .opt("rp", Prop::string())
            .opt("origin", Prop::string())
            .opt("id", Prop::string())
            .opt("allow-subdomains", Prop::boolean()),
        "tag-style" => tag_style(),
        "user-tag-access" => Schema::new()
            .opt("user-allow", Prop::choice(&["none", "list", "existing", "free"]))
            .opt("user-allow-list", Prop::string().pattern(&format!("{TAG}(?:;{TAG})*"))),
        _ => return None,
    };
    Some(keys)
}

fn scheduling(pve: Pve) -> Schema {
    let keys = Schema::new().opt("ha-rebalance-on-start", Prop::boolean());
    if pve == Pve::V8 {
        return keys.opt("ha", Prop::choice(&["basic", "static"]));
    }
    let needs = |prop: Prop| prop.requires("ha-auto-rebalance");
    keys.opt("ha", Prop::choice(&["basic", "static", "dynamic"]))
        .opt("ha-auto-rebalance", Prop::boolean())
        .opt("ha-auto-rebalance-threshold", needs(Prop::number().min(0.0).max(100.0)))
        .opt("ha-auto-rebalance-method", needs(Prop::choice(&["bruteforce", "topsis"])))
        .opt("ha-auto-rebalance-hold-duration", needs(Prop::number().min(0.0)))
        .opt("ha-auto-rebalance-margin", needs(Prop::number().min(0.0).max(100.0)))
}

fn migration() -> Schema {
    Schema::new()
        .req("type", Prop::choice(&["secure", "insecure"]).default_key())
        .opt("network", Prop::string().format(Format::One(formats::CIDR)))
}

fn notify() -> Schema {
    let mut keys = Schema::new().opt("package-updates", Prop::choice(&["auto", "always", "never"]));
    for name in ["fencing", "replication"] {
        keys = keys.opt(name, Prop::choice(&["always", "never"]));
    }
    for name in ["target-package-updates", "target-fencing", "target-replication"] {
        keys = keys.opt(name, Prop::string().format(Format::One(formats::CONFIG_ID)));
    }
    keys
}

fn tag_style() -> Schema {
    let colour = format!("{TAG}:[0-9a-fA-F]{{6}}(?::[0-9a-fA-F]{{6}})?");
    Schema::new()
        .opt("shape", Prop::choice(&["full", "circle", "dense", "none"]))
        .opt("color-map", Prop::string().pattern(&format!("{colour}(?:;{colour})*")))
        .opt("ordering", Prop::choice(&["config", "alphabetical"]))
        .opt("case-sensitive", Prop::boolean())
}

fn bandwidth() -> Schema {
    let mut keys = Schema::new();
    for name in ["clone", "default", "migration", "move", "restore"] {
        keys = keys.opt(name, Prop::number().min(0.0));
    }
    keys
}

fn location() -> Schema {
    Schema::new()
        .req("latitude", Prop::number().min(-90.0).max(90.0))
        .req("longitude", Prop::number().min(-180.0).max(180.0))
        .opt("name", Prop::string().max_length(128))
}
