//! How long the plugin takes from its start to the handshake line, as core starts it: with a client certificate.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P521_SHA512};

use super::watch;

/// The start of a plugin process.
#[derive(Debug)]
pub struct Start {
    /// The median of all starts.
    pub median: Duration,
    /// The most resident memory it had by then, of all starts, in bytes.
    pub rss: u64,
}

/// Starts `provider` that often.
///
/// # Errors
/// It can't be started, or says something else.
pub fn measure(provider: &Path, times: usize) -> Result<Start, Box<dyn std::error::Error>> {
    let certificate = client_certificate()?;
    let mut took = Vec::new();
    let mut rss = 0;
    for _ in 0..times {
        let start = Instant::now();
        let mut child = Command::new(provider)
            .env("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
            .env("PLUGIN_PROTOCOL_VERSIONS", "5,6")
            .env("PLUGIN_CLIENT_CERT", &certificate)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut line = String::new();
        let read = child.stdout.take().map(|out| BufReader::new(out).read_line(&mut line)).transpose();
        took.push(start.elapsed());
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        rss = rss.max(watch::field(&status, "VmHWM:").unwrap_or_default());
        child.kill()?;
        child.wait()?;
        read?;
        if !line.starts_with("1|5|unix|") {
            return Err(format!("the plugin's first line is {line:?}").into());
        }
    }
    Ok(Start { median: super::median(took), rss })
}

/// Core's client key is P-521.
fn client_certificate() -> Result<String, rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512)?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&key)?;
    Ok(certificate.pem())
}
