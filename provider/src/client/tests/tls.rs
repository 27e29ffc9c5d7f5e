//! The server is who it should be, or nothing is sent.

use std::sync::Arc;

use rustls::SupportedProtocolVersion;

use super::server::{Identity, Server, call, ok};
use crate::client::{Certificate, Client, Error, ErrorKind, Fingerprint, Trust, Version};

const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [rustls::DEFAULT_VERSIONS, &[&rustls::version::TLS12]];

async fn serve(identity: Identity) -> Server {
    let handler = Arc::new(|_| -> std::pin::Pin<Box<dyn Future<Output = _> + Send>> {
        Box::pin(async { ok(r#"{"version":"9.2.11","release":"9.2","repoid":"x"}"#) })
    });
    Server::with_identity(identity, handler).await
}

async fn version(server: &Server, trust: Trust) -> Result<Version, Error> {
    let mut settings = server.settings();
    settings.trust = trust;
    Client::new(settings).unwrap().version(&call()).await
}

async fn refusal(server: &Server, trust: Trust) -> ErrorKind {
    let error = version(server, trust).await.unwrap_err();
    assert!(server.lines().is_empty(), "nothing may be sent");
    assert_eq!(error.tries(), 1, "a certificate does not get better");
    error.kind()
}

#[tokio::test]
async fn a_known_authority_is_believed() {
    let server = serve(Identity::valid()).await;
    let trust = Trust::with_ca(&server.identity.ca_pem).unwrap();
    assert_eq!(version(&server, trust).await.unwrap().major, 9);
}

#[tokio::test]
async fn an_authority_from_a_file_is_believed() {
    let server = serve(Identity::valid()).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &server.identity.ca_pem).unwrap();
    let trust = Trust::with_ca(file.path().to_str().unwrap()).unwrap();
    assert_eq!(version(&server, trust).await.unwrap().minor, 2);
}

#[tokio::test]
async fn an_unknown_issuer_is_refused() {
    let server = serve(Identity::valid()).await;
    let issuer = ErrorKind::Certificate(Certificate::UnknownIssuer);
    assert_eq!(refusal(&server, Trust::system()).await, issuer);
    // The same name, another key: as every Proxmox cluster has.
    let other = Trust::with_ca(&Identity::valid().ca_pem).unwrap();
    assert_eq!(refusal(&server, other).await, issuer);
}

#[tokio::test]
async fn a_wrong_host_is_refused() {
    let server = serve(Identity::new(&["pve1.example.org"], 2026, 2100)).await;
    let trust = Trust::with_ca(&server.identity.ca_pem).unwrap();
    let kind = refusal(&server, trust).await;
    assert_eq!(kind, ErrorKind::Certificate(Certificate::WrongHost));
}

#[tokio::test]
async fn an_expired_certificate_is_refused() {
    let server = serve(Identity::new(&["127.0.0.1"], 2001, 2002)).await;
    let trust = Trust::with_ca(&server.identity.ca_pem).unwrap();
    let kind = refusal(&server, trust).await;
    assert_eq!(kind, ErrorKind::Certificate(Certificate::Expired));
}

#[tokio::test]
async fn a_certificate_of_the_future_is_refused() {
    let server = serve(Identity::new(&["127.0.0.1"], 2099, 2100)).await;
    let trust = Trust::with_ca(&server.identity.ca_pem).unwrap();
    let kind = refusal(&server, trust).await;
    assert_eq!(kind, ErrorKind::Certificate(Certificate::NotYetValid));
}

#[tokio::test]
async fn a_pin_decides_alone() {
    let server = serve(Identity::new(&["elsewhere"], 2001, 2002)).await;
    let pin = server.identity.fingerprint;
    assert!(version(&server, Trust::Pin(pin)).await.is_ok());

    let server = serve(Identity::valid()).await;
    let wrong = Fingerprint::parse(&"00".repeat(32)).unwrap();
    let error = version(&server, Trust::Pin(wrong)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Certificate(Certificate::WrongPin));
    assert!(server.lines().is_empty());
    let found = server.identity.fingerprint.to_string();
    assert!(error.message().contains(&found) && !error.message().contains("PinMismatch"), "{error}");
}

/// What `openssl req -x509` makes: a certificate that signs itself and calls itself an authority.
#[tokio::test]
async fn a_server_whose_own_certificate_is_given_is_believed() {
    let server = serve(Identity::itself(&["127.0.0.1"], 2026, 2100)).await;
    let trust = Trust::with_ca(&server.identity.ca_pem).unwrap();
    assert!(version(&server, trust.clone()).await.is_ok());
    // It is trusted as this one server, not as an authority for others that call themselves one.
    let other = serve(Identity::itself(&["127.0.0.1"], 2026, 2100)).await;
    assert_eq!(refusal(&other, Trust::system()).await, ErrorKind::Certificate(Certificate::Authority));
    assert_eq!(refusal(&other, trust).await, ErrorKind::Certificate(Certificate::Authority));
    for (names, from, until, problem) in [
        (["elsewhere"], 2026, 2100, Certificate::WrongHost),
        (["127.0.0.1"], 2001, 2002, Certificate::Expired),
        (["127.0.0.1"], 2099, 2100, Certificate::NotYetValid),
    ] {
        let server = serve(Identity::itself(&names, from, until)).await;
        let trust = Trust::with_ca(&server.identity.ca_pem).unwrap();
        assert_eq!(refusal(&server, trust).await, ErrorKind::Certificate(problem));
    }
}

#[tokio::test]
async fn a_pin_needs_nothing_of_the_certificate_but_its_key() {
    for identity in [Identity::version_1(), Identity::with_unknown_critical_extension()] {
        for versions in VERSIONS {
            let server = serve(identity.speaking(versions)).await;
            assert!(version(&server, Trust::Pin(server.identity.fingerprint)).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_pin_does_not_take_the_certificate_without_its_key() {
    for versions in VERSIONS {
        let stolen = Identity::valid().with_another_key().speaking(versions);
        let server = serve(stolen).await;
        let error = version(&server, Trust::Pin(server.identity.fingerprint)).await.unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Certificate(_)), "{error}");
        assert!(server.lines().is_empty());
    }
}

#[tokio::test]
async fn a_certificate_of_version_1_is_reported_as_that() {
    let server = serve(Identity::version_1()).await;
    assert_eq!(refusal(&server, Trust::system()).await, ErrorKind::Certificate(Certificate::OldVersion));
}

#[tokio::test]
async fn dates_are_reported_as_dates() {
    let server = serve(Identity::new(&["127.0.0.1"], 2001, 2002)).await;
    let trust = Trust::with_ca(&server.identity.ca_pem).unwrap();
    let error = version(&server, trust).await.unwrap_err();
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    assert!(
        error.message().contains("from 2001-01-01 until 2002-01-01") && error.message().contains(&today),
        "{error}"
    );
    let server = serve(Identity::new(&["127.0.0.1"], 2099, 2100)).await;
    let trust = Trust::with_ca(&server.identity.ca_pem).unwrap();
    let error = version(&server, trust).await.unwrap_err();
    assert!(error.message().contains("from 2099-01-01 until 2100-01-01"), "{error}");
    // Made with a negative number of days.
    let server = serve(Identity::new(&["127.0.0.1"], 2026, 2025)).await;
    let trust = Trust::with_ca(&server.identity.ca_pem).unwrap();
    let error = version(&server, trust).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Certificate(Certificate::Expired));
    assert!(error.message().contains("from 2026-01-01 until 2025-01-01"), "{error}");
}

#[tokio::test]
async fn any_certificate_is_accepted_when_insecure() {
    let server = serve(Identity::new(&["elsewhere"], 2001, 2002)).await;
    assert!(version(&server, Trust::Anyone).await.is_ok());
}

#[tokio::test]
async fn the_version_is_asked_for_once() {
    let server = serve(Identity::valid()).await;
    let client = server.client();
    for _ in 0..3 {
        client.version(&call()).await.unwrap();
    }
    assert_eq!(server.lines(), ["GET /version"]);
}
