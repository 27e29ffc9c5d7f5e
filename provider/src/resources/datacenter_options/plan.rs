//! The plan-time checks of datacenter options.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::client::Version;
use crate::framework::{Change, Diagnostics, Number, Path, Value};

/// What not every supported version has: an option or a property of one, or just one value of it.
struct Since {
    option: &'static str,
    property: Option<&'static str>,
    value: Option<&'static str>,
    major: u32,
    minor: u32,
}

const SINCE: [Since; 8] = [
    Since::option("replication", 9, 0),
    // pve-cluster has it a little later than the dynamic scheduler.
    Since::option("location", 9, 2),
    Since { value: Some("dynamic"), ..Since::scheduler("ha") },
    Since::scheduler("ha_auto_rebalance"),
    Since::scheduler("ha_auto_rebalance_threshold"),
    Since::scheduler("ha_auto_rebalance_method"),
    Since::scheduler("ha_auto_rebalance_hold_duration"),
    Since::scheduler("ha_auto_rebalance_margin"),
];

impl Since {
    const fn option(option: &'static str, major: u32, minor: u32) -> Self {
        Self { option, property: None, value: None, major, minor }
    }

    const fn scheduler(property: &'static str) -> Self {
        Self { property: Some(property), ..Self::option("crs", 9, 2) }
    }

    fn path(&self) -> Path {
        let path = Path::attribute(self.option);
        match self.property {
            Some(property) => path.field(property),
            None => path,
        }
    }

    fn of<'a>(&self, object: &'a Value) -> &'a Value {
        let option = object.at(self.option);
        self.property.map_or(option, |property| option.at(property))
    }

    /// Whether the plan sets it. What the state has already, the cluster has taken.
    fn is_newly_set(&self, change: &Change<'_>) -> bool {
        let planned = self.of(change.planned);
        let is_meant = self.value.is_none_or(|value| planned.as_str() == Some(value));
        let is_set = !planned.is_null() && !planned.is_unknown();
        is_set && is_meant && change.prior.is_none_or(|prior| self.of(prior) != planned)
    }
}

/// Refuses what comes with a later version than the cluster's.
pub(super) fn needs_version(version: &Version, change: &Change<'_>, diagnostics: &mut Diagnostics) {
    let too_new = SINCE.iter().filter(|since| !version.is_at_least(since.major, since.minor));
    for since in too_new.filter(|since| since.is_newly_set(change)) {
        let path = since.path();
        let value = since.value.map_or_else(String::new, |value| format!(" = {value:?}"));
        let detail = format!("This cluster runs PVE {version}, which has no option {path}{value}.");
        diagnostics.error_at(path, format!("Option needs PVE {}.{}", since.major, since.minor), detail);
    }
}

/// Checks that go over several attributes.
pub(super) fn validate(config: &Value, diagnostics: &mut Diagnostics) {
    rebalance_needs_its_switch(config, diagnostics);
    bounds_in_order(config, diagnostics);
    consent_is_encoded(config, diagnostics);
    percentages(config, diagnostics);
}

fn rebalance_needs_its_switch(config: &Value, diagnostics: &mut Diagnostics) {
    let crs = config.at("crs");
    if !crs.at("ha_auto_rebalance").is_null() {
        return;
    }
    for (name, value) in crs.as_map().into_iter().flatten() {
        if name.starts_with("ha_auto_rebalance_") && !value.is_null() {
            diagnostics.error_at(
                Path::attribute("crs").field(name),
                "Missing ha_auto_rebalance",
                format!("crs.{name} has no effect without ha_auto_rebalance, and Proxmox refuses it alone."),
            );
        }
    }
}

fn bounds_in_order(config: &Value, diagnostics: &mut Diagnostics) {
    let range = config.at("next_id");
    if let (Some(lower), Some(upper)) = (range.at("lower").as_number(), range.at("upper").as_number())
        && lower > upper
    {
        diagnostics.error_at(
            Path::attribute("next_id").field("upper"),
            "Invalid range of ids",
            format!("next_id: upper = {upper} is below lower = {lower}, which Proxmox refuses."),
        );
    }
}

/// As a browser's `atob` reads it, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Proxmox stores any text, but its web interface decodes it as base64 of UTF-8 and shows garbage, or nothing, for any other.
fn consent_is_encoded(config: &Value, diagnostics: &mut Diagnostics) {
    let Some(text) = config.at("consent_text").as_str() else { return };
    let decoded = BASE64.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    if decoded.is_none() {
        diagnostics.warning_at(
            Path::attribute("consent_text"),
            "consent_text is not base64",
            "Proxmox stores the text as it is, but its web interface decodes it as base64 before it shows it. Write `consent_text = \
             base64encode(\"…\")` around your text.",
        );
    }
}

/// Warns of what was a fraction in the first releases of the load balancer.
fn percentages(config: &Value, diagnostics: &mut Diagnostics) {
    for name in ["ha_auto_rebalance_threshold", "ha_auto_rebalance_margin"] {
        let value = config.at("crs").at(name).as_number().and_then(Number::as_f64);
        let Some(value) = value.filter(|value| *value > 0.0 && *value < 1.0) else { continue };
        diagnostics.warning_at(
            Path::attribute("crs").field(name),
            "Less than one percent",
            format!(
                "crs.{name} = {value} means {value} percent. Proxmox reads percentages since pve-cluster 9.1.5 and pve-ha-manager \
                 5.2.3, and read fractions before. Write {} for what {value} was as a fraction.",
                value * 100.0
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_consent_text_that_the_web_interface_could_not_show_is_warned_of() {
        let warned = |text: Value| {
            let mut diagnostics = Diagnostics::new();
            validate(&Value::object([("consent_text", text)]), &mut diagnostics);
            assert!(!diagnostics.has_error());
            diagnostics.iter().any(|d| d.detail.contains("base64encode"))
        };
        for plain in ["Authorised users only", "Willkommen", "abcdefgh", "x"] {
            assert!(warned(plain.into()), "{plain}");
        }
        for good in ["QXV0aG9yaXNlZA==", "QXV0aG9yaXNlZA", "w6TDtsO8", "QQ=="] {
            assert!(!warned(good.into()), "{good}");
        }
        assert!(!warned(Value::Unknown) && !warned(Value::Null));
    }

    #[test]
    fn a_fraction_in_the_place_of_a_percentage_is_a_warning() {
        let warned = |name: &str, value: f64| {
            let crs = Value::object([
                ("ha_auto_rebalance", true.into()),
                (name, Value::Number(Number::from_f64(value).unwrap())),
            ]);
            let mut diagnostics = Diagnostics::new();
            validate(&Value::object([("crs", crs)]), &mut diagnostics);
            diagnostics.iter().map(|d| d.detail.clone()).collect::<String>()
        };
        assert!(warned("ha_auto_rebalance_threshold", 0.25).contains("Write 25 for"));
        assert!(
            warned("ha_auto_rebalance_margin", 0.5).contains("crs.ha_auto_rebalance_margin = 0.5 means 0.5 percent")
        );
        for value in [0.0, 1.0, 30.0] {
            assert_eq!(warned("ha_auto_rebalance_threshold", value), "");
        }
        assert_eq!(warned("ha_auto_rebalance_hold_duration", 0.5), "");
    }

    fn refused(minor: u32, prior: Option<&Value>, planned: &Value) -> Vec<String> {
        let text = String::new();
        let version = Version { major: 9, minor, patch: 0, version: text.clone(), release: text.clone(), repoid: text };
        let mut diagnostics = Diagnostics::new();
        needs_version(&version, &Change { prior, config: planned, planned, replaces: None }, &mut diagnostics);
        diagnostics.iter().filter_map(|d| d.path.as_ref().map(ToString::to_string)).collect()
    }

    fn options(crs: &[(&str, Value)]) -> Value {
        let place = Value::object([("latitude", Value::from(1)), ("longitude", Value::from(2))]);
        Value::object([("location", place), ("crs", Value::object(crs.iter().cloned()))])
    }

    #[test]
    fn what_came_with_9_2_is_refused_on_9_1() {
        let crs =
            [("ha", "dynamic".into()), ("ha_auto_rebalance", true.into()), ("ha_rebalance_on_start", true.into())];
        let planned = options(&crs);
        assert_eq!(refused(1, None, &planned), ["location", "crs.ha", "crs.ha_auto_rebalance"]);
        assert!(refused(2, None, &planned).is_empty());
        assert_eq!(refused(1, None, &options(&[("ha", "static".into())])), ["location"]);
        assert!(refused(1, Some(&planned), &planned).is_empty());
    }
}
