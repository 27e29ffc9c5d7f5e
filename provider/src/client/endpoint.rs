//! The address of an API.

use std::fmt;

use url::Url;

use super::settings::SettingsError;

/// What pveproxy listens on.
const PORT: u16 = 8006;

/// The base URL of an API, without `/api2/json`.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    /// Whether the port is written; a URL does not show whether the default port was.
    names_port: bool,
}

impl Endpoint {
    /// Parses `https://HOST:PORT`, with or without `/api2/json`.
    ///
    /// # Errors
    ///
    /// What is not https, or more than a base URL, is refused.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let text = text.trim();
        let mut url = Url::parse(text).map_err(|_| SettingsError::NotAUrl(text.to_owned()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(SettingsError::CredentialsInUrl);
        }
        if url.scheme() != "https" {
            return Err(SettingsError::NotHttps(text.to_owned()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(SettingsError::NotAUrl(text.to_owned()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(SettingsError::QueryInUrl(text.to_owned()));
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/api2/json").unwrap_or(path);
        let path = path.trim_end_matches('/').to_owned();
        url.set_path(&path);
        let names_port = url.port().is_some() || authority(text).is_some_and(|authority| authority.ends_with(":443"));
        Ok(Self { url, names_port })
    }

    /// Whether this is the machine we are on.
    pub(super) fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(url::Host::Domain(name)) => name == "localhost",
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// The same with the port that nodes listen on, where this one has the port of the web at large, written or not.
    pub(super) fn on_its_own_port(&self) -> Option<Self> {
        let mut url = self.url.clone();
        (url.port().is_none() && url.set_port(Some(PORT)).is_ok()).then_some(Self { url, names_port: true })
    }

    /// What it may mean where it names no port. One with a path is a proxy's.
    pub(super) fn candidates(&self) -> Option<[Self; 2]> {
        let node = self.on_its_own_port().filter(|_| !self.names_port && self.url.path() == "/")?;
        Some([self.clone(), node])
    }

    /// The URL of a path below `/api2/json`.
    pub(super) fn url(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/api2/json{path}", self.url.path().trim_end_matches('/')));
        url
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `HOST:PORT` of a URL.
fn authority(text: &str) -> Option<&str> {
    text.split_once("://")?.1.split('/').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_with_and_without_the_api_path_are_the_same() {
        for text in
            ["https://pve1:8006", "https://pve1:8006/", "https://pve1:8006/api2/json", "https://pve1:8006/api2/json/"]
        {
            let endpoint = Endpoint::parse(text).unwrap();
            assert_eq!(endpoint.url("/version").as_str(), "https://pve1:8006/api2/json/version");
            assert_eq!(endpoint.to_string(), "https://pve1:8006");
        }
        let behind = Endpoint::parse("https://proxy/pve").unwrap();
        assert_eq!(behind.url("/version").as_str(), "https://proxy/pve/api2/json/version");
    }

    #[test]
    fn endpoints_that_would_leak_are_refused() {
        let refused = |text| Endpoint::parse(text).unwrap_err();
        assert!(matches!(refused("http://pve1:8006"), SettingsError::NotHttps(_)));
        assert!(matches!(refused("pve1"), SettingsError::NotAUrl(_)));
        assert!(matches!(refused("pve1:8006"), SettingsError::NotHttps(_) | SettingsError::NotAUrl(_)));
        assert_eq!(refused("https://root:hunter2@pve1:8006"), SettingsError::CredentialsInUrl);
        assert!(matches!(refused("https://pve1:8006/?a=b"), SettingsError::QueryInUrl(_)));
    }

    #[test]
    fn an_endpoint_on_the_port_of_the_web_may_be_meant_for_another() {
        let right = |text| Endpoint::parse(text).unwrap().on_its_own_port().map(|right| right.to_string());
        assert_eq!(right("https://pve1"), Some("https://pve1:8006".to_owned()));
        assert_eq!(right("https://pve1:443/api2/json"), Some("https://pve1:8006".to_owned()));
        assert_eq!(right("https://[::1]"), Some("https://[::1]:8006".to_owned()));
        assert_eq!(right("https://pve1:8006"), None);
    }

    #[test]
    fn an_endpoint_without_a_port_may_mean_two() {
        let candidates = |text| {
            let candidates = Endpoint::parse(text).unwrap().candidates();
            candidates.map(|both| both.map(|endpoint| endpoint.to_string()))
        };
        let both = Some(["https://pve1".to_owned(), "https://pve1:8006".to_owned()]);
        for text in ["https://pve1", "https://pve1/", "https://pve1/api2/json", " HTTPS://pve1/api2/json/ "] {
            assert_eq!(candidates(text), both, "{text}");
        }
        assert_eq!(candidates("https://[::1]"), Some(["https://[::1]".to_owned(), "https://[::1]:8006".to_owned()]));
        for text in ["https://pve1:443", "https://pve1:443/api2/json", "https://pve1:8006", "https://proxy/pve"] {
            assert_eq!(candidates(text), None, "{text}");
        }
    }
}
