//! Which clusters to read, and the environment that the provider is configured from for each.
//!
//! The file has addresses and fingerprints; credentials are in the environment alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The variables of this process, or those of a test.
pub type Variables = BTreeMap<String, String>;

/// A cluster to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// Its name in the file; without a file the cluster's own name is used.
    pub(super) name: Option<String>,
    pub(super) endpoint: String,
    /// What the provider is configured from.
    pub(super) variables: Variables,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    clusters: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    endpoint: String,
    #[serde(default)]
    fallback_endpoints: Vec<String>,
    tls_fingerprint: Option<String>,
    ca_certificate: Option<String>,
}

/// Ways to log in that each cluster may have of its own: `PROXMOX_VE_API_TOKEN_BERLIN`.
const LOGINS: [&str; 3] = ["PROXMOX_VE_API_TOKEN", "PROXMOX_VE_USERNAME", "PROXMOX_VE_PASSWORD"];

/// Everything that is a way to log in.
const ALL_LOGINS: [&str; 11] = [
    "PROXMOX_VE_API_TOKEN",
    "PROXMOX_VE_USERNAME",
    "PROXMOX_VE_PASSWORD",
    "PROXMOX_VE_OTP",
    "PROXMOX_VE_AUTH_TICKET",
    "PROXMOX_VE_CSRF_PREVENTION_TOKEN",
    "PM_API_TOKEN_ID",
    "PM_API_TOKEN_SECRET",
    "PM_USER",
    "PM_PASS",
    "PM_OTP",
];

const TRUST: [&str; 4] =
    ["PROXMOX_VE_TLS_FINGERPRINT", "PROXMOX_VE_CA_CERTIFICATE", "PROXMOX_VE_INSECURE", "PM_TLS_INSECURE"];

/// The one cluster that the environment names.
pub(super) fn from_environment(variables: &Variables) -> Vec<Target> {
    let endpoint = ["PROXMOX_VE_ENDPOINT", "PM_API_URL"].iter().find_map(|name| variables.get(*name)).cloned();
    vec![Target { name: None, endpoint: endpoint.unwrap_or_default(), variables: variables.clone() }]
}

/// The clusters of a file.
///
/// # Errors
/// Says what of the file is wrong.
pub(super) fn from_file(text: &str, variables: &Variables) -> Result<Vec<Target>, String> {
    let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if file.clusters.is_empty() {
        return Err("`clusters` is empty".to_owned());
    }
    let mut suffixes = BTreeSet::new();
    for entry in &file.clusters {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if entry.name.is_empty() || !entry.name.chars().all(is_plain) {
            return Err(format!("the name {:?} has to be letters, digits, `-`, `_` and `.`", entry.name));
        }
        if !suffixes.insert(suffix(&entry.name)) {
            return Err(format!(
                "two clusters would have the variable PROXMOX_VE_API_TOKEN_{}: rename one of them",
                suffix(&entry.name)
            ));
        }
    }
    Ok(file.clusters.into_iter().map(|entry| entry.target(variables)).collect())
}

impl Entry {
    fn target(self, variables: &Variables) -> Target {
        let mut own = variables.clone();
        own.remove("PM_API_URL");
        own.insert("PROXMOX_VE_ENDPOINT".to_owned(), self.endpoint.clone());
        own.insert("PROXMOX_VE_FALLBACK_ENDPOINTS".to_owned(), self.fallback_endpoints.join(","));
        if self.tls_fingerprint.is_some() || self.ca_certificate.is_some() {
            // Trust is chosen as a whole.
            TRUST.iter().for_each(|name| drop(own.remove(*name)));
            let given = [
                ("PROXMOX_VE_TLS_FINGERPRINT", self.tls_fingerprint),
                ("PROXMOX_VE_CA_CERTIFICATE", self.ca_certificate),
            ];
            own.extend(given.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        let suffix = suffix(&self.name);
        let of_cluster = |name: &str| variables.get(&format!("{name}_{suffix}")).filter(|value| !value.is_empty());
        if LOGINS.iter().any(|name| of_cluster(name).is_some()) {
            ALL_LOGINS.iter().for_each(|name| drop(own.remove(*name)));
            own.extend(LOGINS.iter().filter_map(|name| Some(((*name).to_owned(), of_cluster(name)?.clone()))));
        }
        Target { name: Some(self.name), endpoint: self.endpoint, variables: own }
    }
}

/// The end of the names of a cluster's own variables.
fn suffix(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    const FILE: &str = r#"{"clusters": [
        {"name": "berlin-1", "endpoint": "https://b:8006", "tls_fingerprint": "AA", "fallback_endpoints": ["https://c:8006", "https://d:8006"]},
        {"name": "lab", "endpoint": "https://l:8006"}
    ]}"#;

    #[test]
    fn each_cluster_has_its_endpoint_its_trust_and_its_own_login_or_the_common_one() {
        let given = variables(&[
            ("PROXMOX_VE_API_TOKEN", "common"),
            ("PROXMOX_VE_API_TOKEN_BERLIN_1", "own"),
            ("PROXMOX_VE_PASSWORD", "left over"),
            ("PROXMOX_VE_INSECURE", "true"),
            ("PROXMOX_VE_FALLBACK_ENDPOINTS", "https://elsewhere:8006"),
        ]);
        let targets = from_file(FILE, &given).unwrap();
        let get = |index: usize, name: &str| targets[index].variables.get(name).map(String::as_str);
        assert_eq!(targets[0].name.as_deref(), Some("berlin-1"));
        assert_eq!(get(0, "PROXMOX_VE_ENDPOINT"), Some("https://b:8006"));
        assert_eq!(get(0, "PROXMOX_VE_FALLBACK_ENDPOINTS"), Some("https://c:8006,https://d:8006"));
        assert_eq!((get(0, "PROXMOX_VE_TLS_FINGERPRINT"), get(0, "PROXMOX_VE_INSECURE")), (Some("AA"), None));
        assert_eq!((get(0, "PROXMOX_VE_API_TOKEN"), get(0, "PROXMOX_VE_PASSWORD")), (Some("own"), None));
        assert_eq!((get(1, "PROXMOX_VE_API_TOKEN"), get(1, "PROXMOX_VE_INSECURE")), (Some("common"), Some("true")));
        assert_eq!(get(1, "PROXMOX_VE_FALLBACK_ENDPOINTS"), Some(""));
    }

    #[test]
    fn a_file_that_is_wrong_is_refused_and_never_quotes_a_secret() {
        let cluster = |more: &str| format!(r#"{{"clusters": [{{"name": "a", "endpoint": "https://a:8006"{more}}}]}}"#);
        let problem = |text: &str| from_file(text, &Variables::new()).unwrap_err();
        let secret = problem(&cluster(r#", "api_token": "geheim""#));
        assert!(secret.contains("unknown field `api_token`") && !secret.contains("geheim"), "{secret}");
        assert!(problem(r#"{"clusters": []}"#).contains("empty"));
        assert!(problem(r#"{"clusters": [{"name": "a b", "endpoint": "x"}]}"#).contains("letters"));
        let twins = r#"{"clusters": [{"name": "a-b", "endpoint": "x"}, {"name": "a.b", "endpoint": "y"}]}"#;
        assert!(problem(twins).contains("PROXMOX_VE_API_TOKEN_A_B"));
    }
}
