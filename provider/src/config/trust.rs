//! Which certificates to trust. Chosen as a whole, as the credentials are: a variable left over from elsewhere must not
//! switch off the trust anchor that is configured.

use pve_schemas::ProviderBlock;

use super::environment::Environment;
use super::given::Given;
use crate::client::{Fingerprint, Trust};
use crate::framework::{Diagnostics, Path};

/// The trust settings of one source.
#[derive(Default)]
pub struct Anchors {
    insecure: Option<Given>,
    tls_fingerprint: Option<Given>,
    ca_certificate: Option<Given>,
}

impl Anchors {
    /// All of it from the provider block, else all of it from `PROXMOX_VE_*`, else all of it from `PM_*`.
    pub fn choose(block: &ProviderBlock, environment: &Environment) -> Self {
        let ours = || Self {
            insecure: environment.find("INSECURE", &[]),
            tls_fingerprint: environment.find("TLS_FINGERPRINT", &[]),
            ca_certificate: environment.find("CA_CERTIFICATE", &[]),
        };
        let insecure = |text| Given::from_variable("PM_TLS_INSECURE", text);
        let telmate = || Self { insecure: environment.variable("PM_TLS_INSECURE").map(insecure), ..Self::default() };
        let chosen = Self::of_block(block).or_else(ours).or_else(telmate);
        // That the certificate is to be checked says nothing of by what.
        let checked = block.insecure == Some(false);
        Self { insecure: if checked { None } else { chosen.insecure }, ..chosen }
    }

    fn of_block(block: &ProviderBlock) -> Self {
        Self {
            insecure: block.insecure.filter(|insecure| *insecure).map(|insecure| Given::written(insecure.to_string())),
            tls_fingerprint: block.tls_fingerprint.as_ref().map(Given::written),
            ca_certificate: block.ca_certificate.as_ref().map(Given::written),
        }
    }

    fn or_else(self, other: impl FnOnce() -> Self) -> Self {
        let is_silent = self.insecure.is_none() && self.tls_fingerprint.is_none() && self.ca_certificate.is_none();
        if is_silent { other() } else { self }
    }

    /// The decision; none if it can't be made, which is reported.
    pub fn trust(&self, diagnostics: &mut Diagnostics) -> Option<Trust> {
        let insecure = match &self.insecure {
            Some(given) => given.truth("insecure", diagnostics)?,
            None => false,
        };
        if insecure {
            diagnostics.warning_at(
                Path::attribute("insecure"),
                "The server's certificate is not checked",
                "With `insecure = true` a man in the middle can read the credentials and change the cluster. Pin the \
                 certificate with `tls_fingerprint`, or trust the cluster's CA with `ca_certificate`.",
            );
            return Some(Trust::Anyone);
        }
        if let Some(pin) = &self.tls_fingerprint {
            return Fingerprint::parse(&pin.text)
                .map(Trust::Pin)
                .map_err(|error| pin.blame(diagnostics, "tls_fingerprint", &error))
                .ok();
        }
        match &self.ca_certificate {
            Some(ca) => Trust::with_ca(&ca.text).map_err(|error| ca.blame(diagnostics, "ca_certificate", &error)).ok(),
            None => Some(Trust::system()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const PIN: &str = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF";

    fn trust(block: &ProviderBlock, variables: &[(&str, &str)]) -> Option<Trust> {
        let variables: BTreeMap<_, _> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Anchors::choose(block, &Environment::from(variables)).trust(&mut Diagnostics::new())
    }

    #[test]
    fn a_trust_anchor_of_the_block_is_not_switched_off_by_the_environment() {
        let pin = Fingerprint::parse(PIN).map(Trust::Pin).ok();
        let pinned = ProviderBlock { tls_fingerprint: Some(PIN.to_owned()), ..ProviderBlock::default() };
        for variable in ["PROXMOX_VE_INSECURE", "PM_TLS_INSECURE"] {
            assert_eq!(trust(&pinned, &[(variable, "true")]), pin, "{variable}");
        }
        let ca = rcgen::generate_simple_self_signed(["ca".to_owned()]).unwrap().cert.pem();
        let own_ca = ProviderBlock { ca_certificate: Some(ca.clone()), ..ProviderBlock::default() };
        assert_eq!(trust(&own_ca, &[("PROXMOX_VE_TLS_FINGERPRINT", PIN)]), Trust::with_ca(&ca).ok());
        let checked = ProviderBlock { insecure: Some(false), ..ProviderBlock::default() };
        assert_eq!(trust(&checked, &[("PM_TLS_INSECURE", "true")]), Some(Trust::system()));
        assert_eq!(trust(&checked, &[("PROXMOX_VE_TLS_FINGERPRINT", PIN), ("PROXMOX_VE_INSECURE", "true")]), pin);
    }

    #[test]
    fn our_variables_are_used_whole_before_those_of_telmate() {
        let silent = ProviderBlock::default();
        let both = [("PROXMOX_VE_TLS_FINGERPRINT", PIN), ("PM_TLS_INSECURE", "true")];
        assert_eq!(trust(&silent, &both), Fingerprint::parse(PIN).map(Trust::Pin).ok());
        assert_eq!(trust(&silent, &both[1..]), Some(Trust::Anyone));
        assert_eq!(trust(&silent, &[("PROXMOX_VE_INSECURE", "")]), Some(Trust::system()));
    }

    #[test]
    fn a_truth_value_of_the_environment_has_to_be_one() {
        let insecure = |text: &str| trust(&ProviderBlock::default(), &[("PROXMOX_VE_INSECURE", text)]);
        assert_eq!(insecure("True"), Some(Trust::Anyone));
        assert_eq!(insecure("0"), Some(Trust::system()));
        assert_eq!(insecure("ja"), None);
    }
}
