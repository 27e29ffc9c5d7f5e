//! Requests of gotify and webhook targets, sent by the HTTP client that Proxmox uses as well.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Uri};
use ureq::config::Config;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error, Proxy};

use super::Dialer;

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The name with which the client introduces itself.
const CLIENT: &str = "proxmox-sync-http-client/1.0.6";

/// A request for a receiver.
pub(in super::super) struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    /// `http_proxy` of the datacenter options.
    pub(super) proxy: Option<String>,
}

impl std::fmt::Debug for Request {
    /// Address, headers and body may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Request {
    /// # Errors
    /// The client's complaint, or the status of the answer.
    pub(super) fn send(self, dialer: &Dialer) -> Result<(), String> {
        let proxy = self.proxy.as_deref().map(Proxy::new).transpose().map_err(|why| why.to_string())?;
        let config = Config::builder()
            .user_agent(CLIENT)
            .timeout_global(Some(PATIENCE))
            .proxy(proxy)
            .tls_config(tls(&self.url))
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), Local(dialer.clone()));
        let mut request = http::Request::builder().method(self.method).uri(&self.url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let request = request.body(self.body).map_err(|why| why.to_string())?;
        agent.run(request).map(drop).map_err(|why| why.to_string())
    }
}

/// The certificates that this machine trusts; they are read only where a connection needs them.
fn tls(url: &str) -> TlsConfig {
    let roots = match url.starts_with("https:") {
        true => rustls_native_certs::load_native_certs().certs,
        false => Vec::new(),
    };
    let roots: Vec<Certificate<'static>> = roots.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider)
        .root_certs(RootCerts::new_with_certs(&roots))
        .build()
}

/// Looks hosts up in the network of the emulated nodes.
#[derive(Debug)]
struct Local(Dialer);

impl Resolver for Local {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().ok_or(Error::HostNotFound)?;
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let mut found = self.empty();
        found.push(self.0.resolve(host, uri.port_u16().unwrap_or(default))?);
        Ok(found)
    }
}
