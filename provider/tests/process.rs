//! The provider's own process, started and connected to as core does it.

#![allow(clippy::unwrap_used, reason = "tests may unwrap")]
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use futures_util::future::BoxFuture;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P521_SHA512};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, ClientConfig, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use tempfile::TempDir;
use terraform_provider_pve::plugin::proto::Empty;
use terraform_provider_pve::plugin::proto::grpc_controller_client::GrpcControllerClient;
use terraform_provider_pve::plugin::proto::grpc_stdio_client::GrpcStdioClient;
use terraform_provider_pve::protocol::tfplugin5::get_metadata;
use terraform_provider_pve::protocol::tfplugin5::provider_client::ProviderClient;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;
use tonic::body::Body;

const COOKIE: (&str, &str) =
    ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2");

/// What opens an HTTP/2 connection: the preface and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// A certificate as core makes it: P-521, self-signed, an authority that is used as a leaf.
struct Identity {
    pem: String,
    der: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    fn new() -> Self {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Self { pem: certificate.pem(), der: certificate.der().clone(), key }
    }

    fn key(&self) -> Arc<CertifiedKey> {
        let key = aws_lc_rs::sign::any_supported_type(&self.key).unwrap();
        Arc::new(CertifiedKey::new(vec![self.der.clone()], key))
    }
}

/// A provider process and what its handshake said.
struct Plugin {
    process: Child,
    stdout: BufReader<ChildStdout>,
    socket: PathBuf,
    certificate: Option<CertificateDer<'static>>,
    temporary: TempDir,
}

fn command(temporary: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_terraform-provider-pve"));
    command.env_clear().env("TMPDIR", temporary.path()).stdin(Stdio::null());
    command
}

impl Plugin {
    fn start(client: Option<&Identity>) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut command = command(&temporary);
        command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "6,5").stdout(Stdio::piped());
        if let Some(client) = client {
            command.env("PLUGIN_CLIENT_CERT", &client.pem);
        }
        let mut process = command.spawn().unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let fields: Vec<_> = line.strip_suffix('\n').unwrap().split('|').collect();
        let [core, protocol, network, socket, kind, certificate] = fields[..] else { panic!("{line}") };
        assert_eq!((core, protocol, network, kind), ("1", "5", "unix", "grpc"));
        let certificate = (!certificate.is_empty()).then(|| BASE64_STANDARD_NO_PAD.decode(certificate).unwrap().into());
        Self { process, stdout, socket: socket.into(), certificate, temporary }
    }

    async fn stream(&self) -> UnixStream {
        UnixStream::connect(&self.socket).await.unwrap()
    }

    /// A TLS connection that checks the provider as core does, and shows `key` when asked.
    async fn tls(&self, key: Option<Arc<CertifiedKey>>) -> tokio_rustls::client::TlsStream<UnixStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone().unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let mut config = config.with_client_cert_resolver(Arc::new(Shows(key)));
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, self.stream().await).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
        stream
    }

    /// Why a client with `key` is not let in.
    async fn refusal(&self, key: Option<Arc<CertifiedKey>>) -> AlertDescription {
        let mut stream = self.tls(key).await;
        // Either may be the first to see the alert. A write that comes after the other end has closed only finds a
        // broken pipe, while the alert is still there to be read.
        let written = stream.write_all(PREFACE).await.err();
        let read = stream.read_exact(&mut [0; 9]).await.err();
        let seen = [written, read].into_iter().flatten().find_map(|error| match error.get_ref()?.downcast_ref()? {
            rustls::Error::AlertReceived(alert) => Some(*alert),
            _ => None,
        });
        seen.expect("refused by an alert")
    }

    async fn connect(&self, client: Option<&Identity>) -> Channel {
        match client {
            Some(client) => Channel::over(self.tls(Some(client.key())).await).await,
            None => Channel::over(self.stream().await).await,
        }
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.process.id().to_string()]).status().unwrap().success());
    }

    /// Waits for the end; nothing may be left, and nothing have been said on stdout.
    fn ended(mut self, within: Duration) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > within {
                self.process.kill().unwrap();
                panic!("still running after {within:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        assert!(status.success(), "{status}");
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        let left: Vec<_> = fs::read_dir(self.temporary.path()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Shows a certificate without asking whether it could be of use.
#[derive(Debug)]
struct Shows(Option<Arc<CertifiedKey>>);

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.clone()
    }

    fn has_certs(&self) -> bool {
        self.0.is_some()
    }
}

/// A gRPC channel over one connection.
#[derive(Clone)]
struct Channel(SendRequest<Body>);

impl Channel {
    async fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn asks(self) -> Result<(), tonic::Status> {
        let mut client = ProviderClient::with_origin(self, "http://localhost".parse().unwrap());
        client.get_metadata(get_metadata::Request {}).await.map(drop)
    }
}

impl tonic::codegen::Service<http::Request<Body>> for Channel {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

/// Far less than what is waited for where an end isn't orderly.
const QUICKLY: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn only_the_pinned_client_is_let_in() {
    let (client, stranger) = (Identity::new(), Identity::new());
    let plugin = Plugin::start(Some(&client));
    assert_eq!(plugin.refusal(None).await, AlertDescription::CertificateRequired);
    assert_eq!(plugin.refusal(Some(stranger.key())).await, AlertDescription::AccessDenied);
    // A client with only the certificate, which is in our environment, does not have its key.
    let key = aws_lc_rs::sign::any_supported_type(&stranger.key).unwrap();
    let stolen = Arc::new(CertifiedKey::new(vec![client.der.clone()], key));
    assert_eq!(plugin.refusal(Some(stolen)).await, AlertDescription::DecryptError);
    // Without TLS there is no answer at all.
    let mut plain = plugin.stream().await;
    plain.write_all(PREFACE).await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.windows(4).any(|bytes| bytes == [0, 0, 0, 4]), "{answer:?}");

    plugin.connect(Some(&client)).await.asks().await.unwrap();
    plugin.signal("-TERM");
    plugin.ended(QUICKLY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_socket_is_for_this_user_only() {
    use std::os::unix::fs::PermissionsExt;
    let plugin = Plugin::start(None);
    assert!(plugin.certificate.is_none());
    let mode = fs::metadata(plugin.socket.parent().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    plugin.connect(None).await.asks().await.unwrap();
    plugin.signal("-TERM");
    plugin.ended(QUICKLY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn shutdown_is_quick_with_an_open_stream() {
    let client = Identity::new();
    let plugin = Plugin::start(Some(&client));
    let channel = plugin.connect(Some(&client)).await;
    let origin: http::Uri = "http://localhost".parse().unwrap();
    let mut stdio = GrpcStdioClient::with_origin(channel.clone(), origin.clone());
    let mut stream = stdio.stream_stdio(()).await.unwrap().into_inner();
    channel.clone().asks().await.unwrap();
    GrpcControllerClient::with_origin(channel, origin).shutdown(Empty {}).await.unwrap();
    assert!(stream.message().await.unwrap().is_none(), "the stream has to end, not to break");
    plugin.ended(QUICKLY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_interrupt_is_for_core_to_act_upon() {
    let plugin = Plugin::start(None);
    let channel = plugin.connect(None).await;
    plugin.signal("-INT");
    plugin.signal("-INT");
    channel.clone().asks().await.unwrap();
    plugin.signal("-TERM");
    plugin.ended(QUICKLY);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_process_ends_when_its_core_is_gone() {
    let plugin = Plugin::start(None);
    let channel = plugin.connect(None).await;
    channel.clone().asks().await.unwrap();
    drop(channel);
    plugin.ended(Duration::from_secs(30));
}

#[test]
fn a_start_by_hand_prints_what_this_program_is() {
    let temporary = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| command(&temporary).args(arguments).output().unwrap();
    let text = |output: &Output| String::from_utf8(output.stderr.clone()).unwrap();
    let by_hand = run(&[]);
    assert_eq!(by_hand.status.code(), Some(1));
    assert!(text(&by_hand).contains("plugin that terraform or tofu starts"));
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert!(String::from_utf8(version.stdout).unwrap().contains(env!("CARGO_PKG_VERSION")));
    assert_eq!(run(&["--serve"]).status.code(), Some(1));
}
