//! The nodes' SSH servers, as a client sees them.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::sync::Arc;
use std::time::Duration;

use pve_emulator::control::commands::CommandFault;
use pve_emulator::{Emulator, Handle, Options, Seed};
use russh::client::{self, Config};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{ChannelMsg, Disconnect};
use serde_json::json;

async fn start() -> Handle {
    Emulator::start(Options { ssh: true, ..Options::default() }).await.unwrap()
}

/// Accepts the one key that the emulator has announced.
struct Client(String);

impl client::Handler for Client {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(matches!(key, PublicKeyOrCertificate::PublicKey { key, .. } if key.to_openssh().unwrap() == self.0))
    }
}

type Session = client::Handle<Client>;

async fn connect(emulator: &Handle, node: &str) -> Result<Session, russh::Error> {
    let access = emulator.ssh().unwrap();
    let address = ("127.0.0.1", access.ports[node]);
    client::connect(Arc::new(Config::default()), address, Client(access.host_key.clone())).await
}

async fn login(emulator: &Handle, node: &str, user: &str) -> Session {
    let key = load_secret_key(&emulator.ssh().unwrap().private_key_file, None).unwrap();
    let mut session = connect(emulator, node).await.unwrap();
    assert!(authenticate(&mut session, user, key).await);
    session
}

async fn authenticate(session: &mut Session, user: &str, key: PrivateKey) -> bool {
    let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
    session.authenticate_publickey(user, key).await.unwrap().success()
}

/// Exit code (if there was one), output and complaints.
async fn run(session: &Session, command: &str, stdin: &str) -> (Option<u32>, String, String) {
    let mut channel = session.channel_open_session().await.unwrap();
    channel.set_env(false, "LC_ALL", "C").await.unwrap();
    channel.exec(true, command).await.unwrap();
    if !stdin.is_empty() {
        channel.data(stdin.as_bytes()).await.unwrap();
    }
    let _ = channel.eof().await;
    let (mut code, mut out, mut err) = (None, Vec::new(), Vec::new());
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => out.extend_from_slice(&data),
            ChannelMsg::ExtendedData { data, ext: 1 } => err.extend_from_slice(&data),
            ChannelMsg::ExitStatus { exit_status } => code = Some(exit_status),
            _ => {}
        }
    }
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

#[tokio::test]
async fn each_node_has_its_own_port_and_all_share_the_cluster() {
    let emulator = start().await;
    let one = login(&emulator, "pve1", "root").await;
    let two = login(&emulator, "pve2", "root").await;
    let text = "x".repeat(300_000);
    let written = run(&one, "dd of=/etc/pve/ha/a status=none", &text).await;
    assert_eq!(written, (Some(0), String::new(), String::new()));
    assert_eq!(run(&two, "cat -- /etc/pve/ha/a", "").await.1, text);
    assert_eq!(run(&two, "hostname", "").await, (Some(0), "pve2\n".into(), String::new()));
    let failed = run(&one, "mkdir /nosuch/a", "").await;
    let complaint = "mkdir: cannot create directory '/nosuch/a': No such file or directory\n";
    assert_eq!(failed, (Some(1), String::new(), complaint.into()));
    let (code, _, refused) = run(&one, "mkdir /tmp/a; true", "").await;
    assert!(code == Some(64) && refused.contains("one program per command line"), "{code:?} {refused}");
    let log = emulator.commands().log();
    assert_eq!((log.len(), &log[2]["node"], &log[2]["exit"]), (5, &json!("pve2"), &json!(0)));
    emulator.stop().await;
}

#[tokio::test]
async fn commands_run_side_by_side_on_one_connection() {
    let emulator = start().await;
    let session = login(&emulator, "pve1", "root").await;
    let all = tokio::join!(run(&session, "echo a", ""), run(&session, "cat", "b"), run(&session, "false", ""));
    assert_eq!((all.0.1.as_str(), all.1.1.as_str(), all.2.0), ("a\n", "b", Some(1)));
    emulator.stop().await;
}

#[tokio::test]
async fn only_known_keys_and_root_s_password_open_a_session() {
    let emulator = start().await;
    let stranger = || {
        let seed = russh::keys::ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]);
        PrivateKey::new(seed.into(), "").unwrap()
    };
    let mut session = connect(&emulator, "pve1").await.unwrap();
    assert!(!authenticate(&mut session, "root", stranger()).await);
    let mut session = connect(&emulator, "pve1").await.unwrap();
    assert!(!session.authenticate_password("root", "wrong").await.unwrap().success());
    let mut session = connect(&emulator, "pve1").await.unwrap();
    let password = emulator.password().unwrap().to_owned();
    assert!(session.authenticate_password("root", password).await.unwrap().success());
    let mut session = connect(&emulator, "pve1").await.unwrap();
    let key = load_secret_key(&emulator.ssh().unwrap().private_key_file, None).unwrap();
    assert!(!authenticate(&mut session, "nobody", key).await);
    let user = login(&emulator, "pve1", "terraform").await;
    assert_eq!(run(&user, "id -un", "").await.1, "terraform\n");
    assert_eq!(run(&user, "sudo -n -- id -un", "").await.1, "root\n");
    emulator.stop().await;
}

#[tokio::test]
async fn a_node_without_power_is_not_there() {
    let emulator = start().await;
    let session = login(&emulator, "pve2", "root").await;
    emulator.cluster().world().power("pve2", false);
    // The connection ends, and from then on connects are refused.
    assert!(tokio::time::timeout(Duration::from_secs(60), session).await.is_ok());
    while connect(&emulator, "pve2").await.is_ok() {}
    emulator.cluster().world().power("pve2", true);
    let again = async {
        while connect(&emulator, "pve2").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), again).await.unwrap();
    assert_eq!(run(&login(&emulator, "pve2", "root").await, "hostname", "").await.1, "pve2\n");
    emulator.stop().await;
}

#[tokio::test]
async fn a_connection_can_be_cut_before_and_after_a_command() {
    let emulator = start().await;
    let fault =
        |kind: &str| -> CommandFault { serde_json::from_value(json!({"command": "^dd", "kind": kind})).unwrap() };
    for (kind, written) in [("cut-before", ""), ("cut-after", "x")] {
        emulator.commands().fault(fault(kind)).unwrap();
        let session = login(&emulator, "pve1", "root").await;
        assert_eq!(run(&session, "dd of=/tmp/f", "x").await.0, None, "{kind}");
        let session = login(&emulator, "pve1", "root").await;
        assert_eq!(run(&session, "cat /tmp/f", "").await.1, written, "{kind}");
    }
    emulator.stop().await;
}

#[tokio::test]
async fn a_command_that_hangs_is_ended_by_a_signal() {
    let emulator = start().await;
    let fault = json!({"command": "^ha-manager", "kind": "hang-before"});
    emulator.commands().fault(serde_json::from_value(fault).unwrap()).unwrap();
    let session = login(&emulator, "pve1", "root").await;
    let mut channel = session.channel_open_session().await.unwrap();
    channel.exec(true, "ha-manager status").await.unwrap();
    channel.eof().await.unwrap();
    assert!(matches!(channel.wait().await, Some(ChannelMsg::Success)));
    while run(&session, "pgrep -x ha-manager", "").await.0 != Some(0) {}
    channel.signal(russh::Sig::TERM).await.unwrap();
    while run(&session, "pgrep -x ha-manager", "").await.0 != Some(1) {}
    session.disconnect(Disconnect::ByApplication, "", "").await.unwrap();
    emulator.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_in_no_cluster_have_servers_of_their_own_and_join_there() {
    let seed = Seed::alone(&["pva".to_owned(), "pvb".to_owned()]);
    let options = Options { ssh: true, seed: Some(seed), clock: Some(1_795_858_000.0), ..Options::default() };
    let emulator = Emulator::start(options).await.unwrap();
    let (one, two) = (login(&emulator, "pva", "root").await, login(&emulator, "pvb", "terraform").await);
    let passing = async {
        loop {
            emulator.cluster().world().advance(1.0);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let work = async {
        assert_eq!(run(&one, "pvecm create c", "").await.0, Some(0));
        let key = run(&two, "sudo -n cat /root/.ssh/id_rsa.pub", "").await.1;
        assert_eq!(run(&one, "dd of=/etc/pve/priv/authorized_keys status=none", &key).await.0, Some(0));
        let (code, out, err) = run(&two, "sudo -n pvecm add 10.0.0.11 --use_ssh", "").await;
        assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
        assert!(out.ends_with("successfully added node 'pvb' to cluster.\n"), "{out}");
        let (code, _, err) = run(&two, "sudo -n pvecm add 10.0.0.11 --use_ssh", "").await;
        assert_eq!(code, Some(255));
        assert!(err.contains("* cluster config '/etc/pve/corosync.conf' already exists\n"), "{err}");
        assert_eq!(run(&one, "cat /etc/hostname", "").await.1, "pva\n");
    };
    tokio::select! {
        () = work => {}
        () = passing => {}
    }
    assert_eq!(emulator.cluster().world().votes(), (2, 2));
}
