//! A client of one node, with whatever certificate that shows.

use std::sync::{Arc, Mutex};

use pve_emulator::{Access, Handle};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{Answer, Connection, exchange};

/// Takes any certificate, and remembers its fingerprint.
#[derive(Debug, Default)]
struct Any(Mutex<String>);

impl ServerCertVerifier for Any {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, end);
        let pairs: Vec<String> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        *self.0.lock().unwrap() = pairs.join(":");
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A client of one node, with whatever certificate it shows.
pub struct Node {
    pub name: String,
    pub endpoint: String,
    /// The header with root@pam's token.
    pub token: String,
    pub password: String,
    ticket: Mutex<String>,
}

impl Node {
    pub fn of(handle: &Handle, name: &str) -> Self {
        Self::with(name, &handle.standalone()[name])
    }

    pub fn with(name: &str, access: &Access) -> Self {
        Self {
            name: name.to_owned(),
            endpoint: access.endpoint.trim_start_matches("https://").to_owned(),
            token: format!("Authorization: PVEAPIToken={}", access.api_token.as_ref().unwrap()),
            password: access.password.clone().unwrap(),
            ticket: Mutex::default(),
        }
    }

    /// Whether it speaks TLS at all.
    pub async fn answers(&self) -> bool {
        self.try_connect().await.is_some()
    }

    async fn connect(&self) -> (Connection, String) {
        self.try_connect().await.unwrap()
    }

    async fn try_connect(&self) -> Option<(Connection, String)> {
        let any = Arc::new(Any::default());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(any.clone())
            .with_no_client_auth();
        let stream = TcpStream::connect(&self.endpoint).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connection = TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?;
        let shown = any.0.lock().unwrap().clone();
        Some((connection, shown))
    }

    pub async fn send(&self, method: &str, path: &str, header: &str, form: &str) -> Option<Answer> {
        let (mut connection, _) = self.connect().await;
        let content = "Content-Type: application/x-www-form-urlencoded";
        exchange(&mut connection, &format!("{method} /api2/json{path} HTTP/1.1\r\n{header}\r\n{content}"), form).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, &self.token, "").await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.reason);
        answer.data()
    }

    pub async fn status_with(&self, header: &str) -> u16 {
        self.send("GET", "/version", header, "").await.unwrap().status
    }

    pub async fn certificate(&self) -> String {
        self.connect().await.1
    }

    /// root@pam's ticket, of before if there is one.
    pub async fn ticket(&self) -> String {
        let known = self.ticket.lock().unwrap().clone();
        if !known.is_empty() {
            return known;
        }
        let form = format!("username=root%40pam&password={}", self.password);
        let answer = self.send("POST", "/access/ticket", "X: y", &form).await.unwrap().data();
        let cookie = percent_encode(answer["ticket"].as_str().unwrap());
        let csrf = answer["CSRFPreventionToken"].as_str().unwrap();
        let header = format!("Cookie: PVEAuthCookie={cookie}\r\nCSRFPreventionToken: {csrf}");
        self.ticket.lock().unwrap().clone_from(&header);
        header
    }

    pub async fn post(&self, path: &str, form: &str) -> Result<Value, String> {
        let answer = self.send("POST", path, &self.ticket().await, form).await.unwrap();
        if answer.status == 200 { Ok(answer.data()) } else { Err(answer.reason) }
    }

    pub async fn delete(&self, path: &str) -> Result<Value, String> {
        let answer = self.send("DELETE", path, &self.ticket().await, "").await.unwrap();
        if answer.status == 200 { Ok(answer.data()) } else { Err(answer.reason) }
    }

    /// The names that corosync.conf has.
    pub async fn listed(&self) -> Vec<String> {
        let rows = self.get("/cluster/config/nodes").await;
        let mut names: Vec<String> =
            rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// Whether there is quorum, and who is online; nothing where there is no cluster.
    pub async fn cluster(&self) -> Option<(bool, Vec<String>)> {
        let rows = self.get("/cluster/status").await;
        let rows = rows.as_array().unwrap();
        let cluster = rows.iter().find(|row| row["type"] == "cluster")?;
        let online = rows.iter().filter(|row| row["type"] == "node" && row["online"] == 1);
        let mut online: Vec<String> = online.map(|row| row["name"].as_str().unwrap().to_owned()).collect();
        online.sort();
        Some((cluster["quorate"] == 1, online))
    }

    pub async fn log(&self, upid: &str, of: &Node) -> Vec<String> {
        let path = format!("/nodes/{}/tasks/{upid}/log?limit=500", of.name);
        let rows = self.get(&path).await;
        rows.as_array().unwrap().iter().map(|row| row["t"].as_str().unwrap().to_owned()).collect()
    }
}

fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
