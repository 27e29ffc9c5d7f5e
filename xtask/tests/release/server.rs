//! A web server on this machine with a release behind it: the mirror, and a registry that speaks as much of the OCI distribution
//! protocol as a client needs that only reads.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value as Json, json};
use xtask::dist::hashes::sha256;
use xtask::dist::release::Written;

pub struct Server {
    address: SocketAddr,
    authority: PathBuf,
    _folder: tempfile::TempDir,
}

/// What an answer consists of: type, content.
type Answer = (String, Vec<u8>);

impl Server {
    /// A server that lives as long as the test.
    pub fn start(release: &Written) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = folder.path().join("authority.pem");
        let config = Arc::new(configuration(&authority));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let files = Arc::new(Files { mirror: release.mirror.clone(), blobs: release.oci.clone() });
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, files) = (config.clone(), files.clone());
                thread::spawn(move || serve(stream, &config, &files));
            }
        });
        Self { address, authority, _folder: folder }
    }

    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate that a client has to trust.
    pub fn authority(&self) -> &Path {
        &self.authority
    }
}

fn configuration(authority: &Path) -> ServerConfig {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    fs::write(authority, params.self_signed(&key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key).unwrap()
}

/// Answers the requests of one connection until the client ends it.
fn serve(stream: TcpStream, config: &Arc<ServerConfig>, files: &Files) {
    let Ok(connection) = ServerConnection::new(config.clone()) else { return };
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line);
        }
        let mut words = head[0].split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (status, (kind, content)) = match files.at(path.split('?').next().unwrap_or_default()) {
            Some(answer) => ("200 OK", answer),
            None => ("404 Not Found", ("text/plain".to_owned(), Vec::new())),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nDocker-Content-Digest: sha256:{}\r\n\r\n",
            content.len(),
            sha256(&content)
        );
        let body = if method == "HEAD" { &[] } else { &content[..] };
        let to = stream.get_mut();
        if to.write_all(head.as_bytes()).and_then(|()| to.write_all(body)).and_then(|()| to.flush()).is_err() {
            return;
        }
    }
}

struct Files {
    mirror: PathBuf,
    blobs: PathBuf,
}

impl Files {
    fn at(&self, path: &str) -> Option<Answer> {
        if let Some(file) = path.strip_prefix("/mirror/") {
            let kind = if file.ends_with(".json") { "application/json" } else { "application/zip" };
            return Some((kind.to_owned(), fs::read(self.mirror.join(file)).ok()?));
        }
        if path == "/v2/" {
            return Some(("application/json".to_owned(), b"{}".to_vec()));
        }
        let rest = path.strip_prefix("/v2/pve-ha/pve/")?;
        let (tags, types) = self.index();
        if rest == "tags/list" {
            let tags: Vec<&String> = tags.keys().collect();
            let list = json!({"name": "pve-ha/pve", "tags": tags});
            return Some(("application/json".to_owned(), list.to_string().into_bytes()));
        }
        let (_, reference) = rest.split_once('/')?;
        let digest = tags.get(reference).map_or(reference, String::as_str);
        let content = fs::read(self.blobs.join("blobs").join(digest.replace(':', "/"))).ok()?;
        let kind = types.get(digest).cloned().unwrap_or_else(|| "application/octet-stream".to_owned());
        Some((kind, content))
    }

    /// The digests of the tags, and the media types of all manifests by their digest.
    fn index(&self) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
        let (mut tags, mut types) = (BTreeMap::new(), BTreeMap::new());
        let mut open = vec![self.blobs.join("index.json")];
        while let Some(file) = open.pop() {
            let index: Json = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
            for entry in index["manifests"].as_array().into_iter().flatten() {
                let member = |name: &str| entry[name].as_str().unwrap().to_owned();
                let (digest, kind) = (member("digest"), member("mediaType"));
                if let Some(tag) = entry["annotations"]["org.opencontainers.image.ref.name"].as_str() {
                    tags.insert(tag.to_owned(), digest.clone());
                }
                if kind.contains("image.index") {
                    open.push(self.blobs.join("blobs").join(digest.replace(':', "/")));
                }
                types.insert(digest, kind);
            }
        }
        (tags, types)
    }
}
