//! Nodes that are in no cluster: they create one and join it, as a client sees that over HTTPS.

#![allow(clippy::unwrap_used, reason = "helpers of tests may")]

mod support;

use std::sync::{Arc, Mutex};

use pve_emulator::{Access, Emulator, Handle, Options, Release, Seed};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::{Value, json};
use support::{Answer, Connection, control, exchange};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

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
struct Node {
    name: String,
    endpoint: String,
    token: String,
    password: String,
    ticket: Mutex<String>,
}

impl Node {
    fn of(handle: &Handle, name: &str) -> Self {
        Self::with(name, &handle.standalone()[name])
    }

    fn with(name: &str, access: &Access) -> Self {
        Self {
            name: name.to_owned(),
            endpoint: access.endpoint.trim_start_matches("https://").to_owned(),
            token: format!("Authorization: PVEAPIToken={}", access.api_token.as_ref().unwrap()),
            password: access.password.clone().unwrap(),
            ticket: Mutex::default(),
        }
    }

    async fn connect(&self) -> (Connection, String) {
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
        let connection = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let shown = any.0.lock().unwrap().clone();
        (connection, shown)
    }

    async fn send(&self, method: &str, path: &str, header: &str, form: &str) -> Option<Answer> {
        let (mut connection, _) = self.connect().await;
        let content = "Content-Type: application/x-www-form-urlencoded";
        exchange(&mut connection, &format!("{method} /api2/json{path} HTTP/1.1\r\n{header}\r\n{content}"), form).await
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, &self.token, "").await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.reason);
        answer.data()
    }

    async fn status_with(&self, header: &str) -> u16 {
        self.send("GET", "/version", header, "").await.unwrap().status
    }

    async fn certificate(&self) -> String {
        self.connect().await.1
    }

    /// root@pam's ticket, of before if there is one.
    async fn ticket(&self) -> String {
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

    async fn post(&self, path: &str, form: &str) -> Result<Value, String> {
        let answer = self.send("POST", path, &self.ticket().await, form).await.unwrap();
        if answer.status == 200 { Ok(answer.data()) } else { Err(answer.reason) }
    }

    async fn delete(&self, path: &str) -> Result<Value, String> {
        let answer = self.send("DELETE", path, &self.ticket().await, "").await.unwrap();
        if answer.status == 200 { Ok(answer.data()) } else { Err(answer.reason) }
    }

    /// The names that corosync.conf has.
    async fn listed(&self) -> Vec<String> {
        let rows = self.get("/cluster/config/nodes").await;
        let mut names: Vec<String> =
            rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// Whether there is quorum, and who is online; nothing where there is no cluster.
    async fn cluster(&self) -> Option<(bool, Vec<String>)> {
        let rows = self.get("/cluster/status").await;
        let rows = rows.as_array().unwrap();
        let cluster = rows.iter().find(|row| row["type"] == "cluster")?;
        let online = rows.iter().filter(|row| row["type"] == "node" && row["online"] == 1);
        let mut online: Vec<String> = online.map(|row| row["name"].as_str().unwrap().to_owned()).collect();
        online.sort();
        Some((cluster["quorate"] == 1, online))
    }

    async fn log(&self, upid: &str, of: &Node) -> Vec<String> {
        let path = format!("/nodes/{}/tasks/{upid}/log?limit=500", of.name);
        let rows = self.get(&path).await;
        rows.as_array().unwrap().iter().map(|row| row["t"].as_str().unwrap().to_owned()).collect()
    }
}

fn percent_encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

async fn start(nodes: &[&str], release: Release) -> Handle {
    let nodes: Vec<String> = nodes.iter().map(|node| (*node).to_owned()).collect();
    let options =
        Options { seed: Some(Seed::alone(&nodes)), clock: Some(1_795_858_000.0), release, ..Options::default() };
    Emulator::start(options).await.unwrap()
}

fn advance(handle: &Handle, seconds: f64) {
    handle.cluster().world().advance(seconds);
}

async fn create(handle: &Handle, node: &Node) {
    node.post("/cluster/config", "clustername=newclu").await.unwrap();
    advance(handle, 8.0);
}

fn join_form(peer: &Node, address: &str, fingerprint: &str) -> String {
    format!("hostname={address}&fingerprint={fingerprint}&password={}", peer.password)
}

async fn join(node: &Node, peer: &Node) -> String {
    let form = join_form(peer, "10.0.0.11", &peer.certificate().await);
    let upid = node.post("/cluster/config/join", &form).await.unwrap();
    upid.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn nodes_alone_have_nothing_in_common() {
    let handle = start(&["pva", "pvb"], Release::V9).await;
    let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
    assert_eq!(format!("https://{}", a.endpoint), handle.endpoint());
    assert_eq!((a.status_with(&a.token).await, a.status_with(&b.token).await), (200, 401));
    assert_eq!((b.status_with(&b.token).await, b.status_with(&a.ticket().await).await), (200, 401));
    assert_ne!(a.certificate().await, b.certificate().await);
    assert_eq!(b.certificate().await, handle.standalone()["pvb"].tls_fingerprint);
    assert_eq!((a.cluster().await, a.listed().await), (None, vec![]));
    assert_eq!(b.get("/nodes").await[0]["node"], "pvb");
}

#[tokio::test]
async fn a_node_creates_a_cluster() {
    for (release, coefficient) in [(Release::V9, json!("125")), (Release::V8, Value::Null)] {
        let handle = start(&["pva"], release).await;
        let a = Node::of(&handle, "pva");
        let before = a.certificate().await;
        let upid = a.post("/cluster/config", "clustername=newclu&link0=10.0.0.11,priority%3D5").await.unwrap();
        assert_eq!(
            a.post("/cluster/config", "clustername=x").await.unwrap_err(),
            "cluster config '/etc/pve/corosync.conf' already exists"
        );
        assert_eq!((a.cluster().await, a.listed().await), (None, vec!["pva".to_owned()]));
        advance(&handle, 1.2);
        assert_eq!((a.status_with(&a.token).await, a.status_with(&a.ticket().await).await), (401, 401));
        advance(&handle, 0.5);
        assert_eq!((a.status_with(&a.token).await, a.status_with(&a.ticket().await).await), (200, 200));
        assert_eq!(a.cluster().await, None);
        advance(&handle, 6.0);
        assert_eq!(a.cluster().await, Some((true, vec!["pva".to_owned()])));
        let totem = a.get("/cluster/config/totem").await;
        assert_eq!(totem["interface"]["0"]["knet_link_priority"], "5");
        assert_eq!((&totem["token_coefficient"], &totem["cluster_name"]), (&coefficient, &json!("newclu")));
        assert_eq!(a.log(upid.as_str().unwrap(), &a).await.last().unwrap(), "TASK OK");
        assert_eq!(a.certificate().await, before);
    }
    let handle = start(&["pva"], Release::V8).await;
    let refused = Node::of(&handle, "pva").post("/cluster/config", "clustername=c&token-coefficient=125").await;
    assert_eq!(refused.unwrap_err(), "Parameter verification failed.");
}

#[tokio::test]
async fn corosync_cannot_start_with_an_address_of_another_machine() {
    let handle = start(&["pva"], Release::V9).await;
    let a = Node::of(&handle, "pva");
    let upid = a.post("/cluster/config", "clustername=newclu&link0=10.99.0.99").await.unwrap();
    advance(&handle, 10.0);
    assert_eq!(a.cluster().await, Some((false, vec![])));
    let last = a.log(upid.as_str().unwrap(), &a).await.pop().unwrap();
    assert_eq!(last, "TASK ERROR: command 'systemctl restart corosync pve-cluster' failed: exit code 1");
}

#[tokio::test]
async fn a_join_second_by_second() {
    let handle = start(&["pva", "pvb"], Release::V9).await;
    let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
    create(&handle, &a).await;
    let (old, old_ticket) = (b.certificate().await, b.ticket().await);
    let upid = join(&b, &a).await;
    assert_eq!(a.listed().await, ["pva"]);
    advance(&handle, 0.7);
    assert_eq!(a.listed().await, ["pva", "pvb"]);
    assert_eq!(a.cluster().await, Some((true, vec!["pva".to_owned()])));
    advance(&handle, 0.9);
    assert_eq!(a.cluster().await, Some((false, vec!["pva".to_owned()])));
    assert_eq!((b.status_with(&b.token).await, b.cluster().await), (200, None));
    advance(&handle, 3.5);
    for header in [&b.token, &old_ticket, &a.token] {
        assert_eq!(b.status_with(header).await, 401, "{header}");
    }
    assert_eq!(a.status_with(&a.token).await, 200);
    advance(&handle, 3.7);
    assert_eq!(a.cluster().await, Some((true, vec!["pva".to_owned(), "pvb".to_owned()])));
    assert_eq!((b.status_with(&a.token).await, b.certificate().await == old), (401, true));
    advance(&handle, 2.4);
    // What was the node's own is gone, what is the cluster's opens it.
    assert_eq!((b.status_with(&b.token).await, b.status_with(&old_ticket).await), (401, 401));
    assert_eq!((b.status_with(&a.token).await, b.certificate().await == old), (200, true));
    let log = a.log(&upid, &b).await;
    assert_eq!(log.len(), 14, "{log:#?}");
    assert_eq!(log[3], "No cluster network links passed explicitly, fallback to local node IP '10.0.0.12'");
    assert_eq!((log[12].as_str(), log[13].as_str()), ("successfully added node 'pvb' to cluster.", "TASK OK"));
    advance(&handle, 0.5);
    // Some workers have the new certificate.
    let shown = [b.certificate().await, b.certificate().await];
    assert!(shown[0] != shown[1] && shown.contains(&old), "{shown:?}");
    advance(&handle, 1.0);
    let new = b.certificate().await;
    assert!(new != old && b.certificate().await == new);
    let info = a.get("/cluster/config/join").await;
    let rows = info["nodelist"].as_array().unwrap();
    assert_eq!(rows.iter().find(|row| row["name"] == "pvb").unwrap()["pve_fp"], json!(new));
    // It is a node as any other: it answers for itself, and takes part in HA.
    let rows = control(&handle, "nodes", json!({})).await;
    assert!(rows.as_array().unwrap().iter().all(|row| row["cluster"] == "newclu" && row["online"] == true), "{rows}");
    assert_eq!(handle.cluster().world().nodes.len(), 2);
    advance(&handle, 60.0);
    assert!(handle.cluster().world().file("/etc/pve/nodes/pvb/lrm_status").contains("\"mode\":\"active\""));
}

#[tokio::test]
async fn a_node_that_is_not_empty_does_not_join() {
    let handle = start(&["pva", "pvb"], Release::V9).await;
    let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
    create(&handle, &a).await;
    let key = json!({"file": "/etc/corosync/authkey", "text": "x", "node": "pvb"});
    control(&handle, "edit", key).await;
    let upid = join(&b, &a).await;
    advance(&handle, 2.0);
    let log = b.log(&upid, &b).await;
    assert_eq!(
        log,
        [
            "detected the following error(s):",
            "* authentication key '/etc/corosync/authkey' already exists",
            "TASK ERROR: Check if node may join a cluster failed!",
        ]
    );
    assert_eq!(a.listed().await, ["pva"]);
    // Nothing but a member can be joined, and only while it is there.
    control(&handle, "edit", json!({"file": "/etc/corosync/authkey", "text": null, "node": "pvb"})).await;
    control(&handle, "fail", json!({"node": "pva"})).await;
    let form = join_form(&a, "10.0.0.11", &["AB"; 32].join(":"));
    let upid = b.post("/cluster/config/join", &form).await.unwrap();
    advance(&handle, 4.0);
    let last = b.log(upid.as_str().unwrap(), &b).await.pop().unwrap();
    assert_eq!(last, "TASK ERROR: 500 Can't connect to 10.0.0.11:8006 (No route to host)");
}

#[tokio::test]
async fn a_join_breaks_off_before_every_step() {
    let steps = ["connect", "request", "answer", "database", "start", "certificate"];
    for (at, step) in steps.into_iter().enumerate() {
        let handle = start(&["pva", "pvb"], Release::V9).await;
        let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
        create(&handle, &a).await;
        let old = b.certificate().await;
        control(&handle, "interrupt-join", json!({"before": step})).await;
        join(&b, &a).await;
        advance(&handle, 20.0);
        let key = control(&handle, "file", json!({"file": "/etc/corosync/authkey", "node": "pvb"})).await;
        assert_eq!(a.listed().await.len(), if at < 2 { 1 } else { 2 }, "{step}");
        assert_eq!(key["text"].is_string(), at >= 3, "{step}");
        let online = a.cluster().await.unwrap().1;
        assert_eq!(online.len(), if at < 5 { 1 } else { 2 }, "{step}");
        let own = b.status_with(&b.token).await;
        assert_eq!(own, if at < 4 { 200 } else { 401 }, "{step}");
        assert_eq!(b.certificate().await, old, "{step}");
        // A node that has the key becomes a member when it boots.
        control(&handle, "reboot", json!({"node": "pvb"})).await;
        advance(&handle, 30.0);
        let online = a.cluster().await.unwrap().1;
        assert_eq!(online.len(), if at < 3 { 1 } else { 2 }, "{step}");
        assert_eq!(b.certificate().await == old, at < 3, "{step}");
        assert_eq!(b.status_with(&a.token).await, if at < 3 { 401 } else { 200 }, "{step}");
    }
}

#[tokio::test]
async fn an_online_node_takes_the_quorum_with_it() {
    let handle = start(&["pva", "pvb"], Release::V9).await;
    let (a, b) = (Node::of(&handle, "pva"), Node::of(&handle, "pvb"));
    create(&handle, &a).await;
    join(&b, &a).await;
    advance(&handle, 20.0);
    let refused = a.delete("/cluster/config/nodes/pvb").await.unwrap_err();
    assert!(refused.starts_with("unable to open file '/etc/pve/corosync.conf.new.tmp."), "{refused}");
    assert!(refused.ends_with("' - Permission denied"), "{refused}");
    assert_eq!((a.listed().await.len(), a.cluster().await), (2, Some((false, vec!["pva".to_owned()]))));
}

#[tokio::test]
async fn a_removed_node_is_installed_anew_and_joins_again() {
    let handle = start(&["pva", "pvb", "pvc"], Release::V9).await;
    let [a, b, c] = ["pva", "pvb", "pvc"].map(|node| Node::of(&handle, node));
    create(&handle, &a).await;
    for node in [&b, &c] {
        join(node, &a).await;
        advance(&handle, 20.0);
    }
    control(&handle, "fail", json!({"node": "pvb"})).await;
    advance(&handle, 10.0);
    assert_eq!(a.delete("/cluster/config/nodes/pvb").await, Ok(Value::Null));
    advance(&handle, 2.0);
    assert_eq!((a.listed().await, a.cluster().await.unwrap().0), (vec!["pva".to_owned(), "pvc".to_owned()], true));
    // With its old configuration it is alone, and has no quorum.
    control(&handle, "restore", json!({"node": "pvb"})).await;
    advance(&handle, 30.0);
    let alone = Node { token: a.token.clone(), ..Node::of(&handle, "pvb") };
    assert_eq!(alone.cluster().await, Some((false, vec!["pvb".to_owned()])));
    assert_eq!((alone.listed().await.len(), a.listed().await.len()), (3, 2));
    // Installed anew, it is as it was.
    let access = control(&handle, "reinstall", json!({"node": "pvb"})).await;
    assert_eq!(access["endpoint"], format!("https://{}", b.endpoint));
    let b = Node::of(&handle, "pvb");
    assert_eq!((b.status_with(&b.token).await, b.cluster().await), (200, None));
    assert_eq!(b.certificate().await, access["tls_fingerprint"]);
    join(&b, &a).await;
    advance(&handle, 20.0);
    assert_eq!(a.cluster().await.unwrap().1, ["pva", "pvb", "pvc"]);
}

#[tokio::test]
async fn a_node_joins_the_usual_cluster() {
    let seed = Seed::usual().beside(&["new".to_owned()]);
    let options = Options { seed: Some(seed), clock: Some(1_795_858_000.0), ..Options::default() };
    let handle = Emulator::start(options).await.unwrap();
    let new = Node::of(&handle, "new");
    let mine = format!("Authorization: PVEAPIToken={}", handle.api_token().unwrap());
    assert_eq!(new.status_with(&mine).await, 401);
    let form =
        format!("hostname=10.0.0.1&fingerprint={}&password={}", handle.fingerprint(), handle.password().unwrap());
    new.post("/cluster/config/join", &form).await.unwrap();
    advance(&handle, 20.0);
    assert_eq!(new.status_with(&mine).await, 200);
    let nodes = support::call(&handle, "GET", "/nodes", "").await.unwrap().data();
    assert_eq!(nodes.as_array().unwrap().iter().filter(|node| node["status"] == "online").count(), 4);
    assert_eq!(handle.cluster().world().votes(), (4, 3));
    // A member of the cluster that was never alone gets a listener when it is installed anew.
    control(&handle, "fail", json!({"node": "pve3"})).await;
    advance(&handle, 10.0);
    let access: Value = control(&handle, "reinstall", json!({"node": "pve3"})).await;
    assert!(access["endpoint"].as_str().unwrap().starts_with("https://127.0.0.1:"), "{access}");
    assert_eq!(handle.cluster().world().nodes.len(), 4);
}
