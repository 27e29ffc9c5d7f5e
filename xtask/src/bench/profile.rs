//! How another provider makes the same HA resources.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::cluster::Cluster;

/// The file that `--profile` names.
#[derive(Debug, Clone, Deserialize)]
pub struct Profile {
    /// The source address of the provider, such as `bpg/proxmox`.
    pub source: String,
    /// The name that its resource types begin with.
    pub name: String,
    /// The resource type of an HA resource.
    pub resource: String,
    /// The attribute that is `vm:100`.
    pub attribute: String,
    /// Other attributes, as expressions of the configuration.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Variables of the environment; `{endpoint}`, `{api_token}` and `{ca_certificate_file}` are those of the cluster.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// What the provider block contains.
    #[serde(default)]
    pub provider_block: String,
}

impl Profile {
    /// # Errors
    /// The file can't be read, or is no profile.
    pub fn read(path: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let text = std::fs::read_to_string(path)?;
        serde_json::from_str(&text).map_err(|problem| format!("{}: {problem}", path.display()).into())
    }

    /// Our own.
    pub fn own() -> Self {
        let variable = |name: &str, fact: &str| (format!("PROXMOX_VE_{name}"), format!("{{{fact}}}"));
        let environment = [
            variable("ENDPOINT", "endpoint"),
            variable("API_TOKEN", "api_token"),
            variable("CA_CERTIFICATE", "ca_certificate_file"),
        ];
        Self {
            source: "pve-ha/pve".to_owned(),
            name: "pve".to_owned(),
            resource: "pve_ha_resource".to_owned(),
            attribute: "sid".to_owned(),
            attributes: BTreeMap::new(),
            environment: environment.into(),
            provider_block: String::new(),
        }
    }

    /// The environment for a cluster.
    pub fn environment_for(&self, cluster: &Cluster) -> Vec<(String, String)> {
        let fill = |text: &String| {
            let facts = ["endpoint", "api_token", "ca_certificate_file"];
            facts.iter().fold(text.clone(), |text, fact| text.replace(&format!("{{{fact}}}"), cluster.fact(fact)))
        };
        self.environment.iter().map(|(name, text)| (name.clone(), fill(text))).collect()
    }

    /// Where a program is to be found, as CLI configuration.
    pub fn overrides(&self, folder: &Path) -> String {
        format!(
            "provider_installation {{\n  dev_overrides {{\n    {:?} = {folder:?}\n  }}\n  direct {{}}\n}}\n",
            self.source
        )
    }

    /// The head of a configuration.
    pub fn head(&self) -> String {
        let Self { name, source, provider_block, .. } = self;
        let block = if provider_block.is_empty() {
            String::new()
        } else {
            format!("provider {name:?} {{\n{provider_block}\n}}\n")
        };
        format!("terraform {{\n  required_providers {{\n    {name} = {{ source = {source:?} }}\n  }}\n}}\n{block}")
    }

    /// The attributes beside the id, as lines of the configuration.
    pub fn more(&self) -> String {
        self.attributes.iter().map(|(name, expression)| format!("  {name} = {expression}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_says_what_a_configuration_of_another_provider_looks_like() {
        let profile: Profile = serde_json::from_str(
            r#"{"source": "a/b", "name": "b", "resource": "b_ha", "attribute": "id", "attributes": {"state": "\"started\""},
                "provider_block": "  insecure = true"}"#,
        )
        .unwrap();
        assert!(profile.head().contains("provider \"b\" {\n  insecure = true\n}"), "{}", profile.head());
        assert_eq!(profile.more(), "  state = \"started\"\n");
    }
}
