//! The server's certificate is verified, and nothing is sent to one that isn't trusted.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acceptance_tests::{Cluster, Workspace, runtime};
use pve_emulator::Options;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

#[test]
fn wrong_host_expired_unknown_issuer_and_wrong_pin_are_refused() {
    let name = "tls::wrong_host_expired_unknown_issuer_and_wrong_pin_are_refused";
    let Some(cluster) = Cluster::own(name, Options::default()).map(Arc::new) else { return };
    let other =
        Cluster::own(name, Options { listen: SocketAddr::from(([127, 0, 0, 2], 0)), ..Options::default() }).unwrap();
    let ca = |cluster: &Cluster| cluster.variable("PROXMOX_VE_CA_CERTIFICATE").to_owned();
    let endpoint = cluster.variable("PROXMOX_VE_ENDPOINT").to_owned();
    let (expired, expired_ca, sent) = expired();
    let cases = [
        ("wrong host", other.variable("PROXMOX_VE_ENDPOINT").to_owned(), ("ca_certificate", ca(&other)), "host"),
        ("expired", expired, ("ca_certificate", expired_ca), "expired"),
        ("unknown issuer", endpoint.clone(), ("ca_certificate", ca(&other)), "ca_certificate"),
        ("wrong pin", endpoint, ("tls_fingerprint", other.emulator().fingerprint().to_owned()), "new fingerprint"),
    ];
    for (what, endpoint, (argument, value), reported) in cases {
        let w = Workspace::new(&cluster);
        w.configure(&format!(
            "provider \"pve\" {{\n  endpoint = {endpoint:?}\n  api_token = \"root@pam!canary=1b2c3d4e-0000-0000-0000-000000000000\"\n  \
             {argument} = {value:?}\n}}\nresource \"pve_ha_resource\" \"a\" {{\n  sid = \"vm:900\"\n}}\n"
        ));
        let mut command = w.command(&["plan", "-json"]);
        command.env_remove("PROXMOX_VE_CA_CERTIFICATE");
        let run = acceptance_tests::output::Run::new(&command.output().unwrap());
        let error = run.only_error();
        assert!(error.flat().contains("certificate") && error.flat().contains(reported), "{what}: {error:?}");
        assert!(!run.text.contains("1b2c3d4e"), "{what}: the secret is printed");
    }
    for cluster in [&*cluster, &other] {
        assert_eq!(cluster.emulator().counters().report()["total"], 0, "something was sent");
    }
    assert_eq!(sent.load(Ordering::SeqCst), 0, "something was sent");
}

#[test]
fn whoever_checks_nothing_is_warned() {
    let Some(cluster) = Cluster::own("tls::whoever_checks_nothing_is_warned", Options::default()).map(Arc::new) else {
        return;
    };
    let w = Workspace::new(&cluster);
    w.configure(
        "provider \"pve\" {\n  insecure = true\n}\nresource \"pve_ha_resource\" \"a\" {\n  sid = \"vm:900\"\n}\n",
    );
    let mut command = w.command(&["plan", "-json"]);
    command.env_remove("PROXMOX_VE_CA_CERTIFICATE");
    let run = acceptance_tests::output::Run::new(&command.output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.text);
    assert!(run.warnings().iter().any(|warning| warning.flat().contains("tls_fingerprint")), "{}", run.text);
}

/// A server whose certificate ran out long ago: its endpoint, its CA, and how many bytes it received after a handshake.
fn expired() -> (String, String, Arc<AtomicUsize>) {
    let mut authority = CertificateParams::new(vec![]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2019, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = runtime::block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let sent = Arc::new(AtomicUsize::new(0));
    let count = sent.clone();
    runtime::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let mut bytes = [0; 64];
                count.fetch_add(stream.read(&mut bytes).await.unwrap_or(0), Ordering::SeqCst);
            }
        }
    });
    (endpoint, authority.pem(), sent)
}
