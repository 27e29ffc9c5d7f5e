//! What a real sshd can't be made to do without changing the machine it runs on: passwords. All else is tested against one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use proptest::prelude::*;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Response, Session};
use russh::{Channel, ChannelId, MethodKind, MethodSet};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::*;

struct Nowhere;

impl Locate for Nowhere {
    fn locate<'a>(&'a self, _: &'a str, _: &'a Call) -> BoxFuture<'a, Result<Option<String>, String>> {
        Box::pin(std::future::ready(Ok(None)))
    }
}

/// A server that takes passwords, plainly or in a dialogue, and answers every command by its own words.
#[derive(Clone)]
struct Host {
    methods: &'static [MethodKind],
    /// The questions of the dialogue, and whether the answer is shown while it is typed.
    questions: &'static [(&'static str, bool)],
    /// The passwords and answers that came.
    seen: Arc<Mutex<Vec<String>>>,
}

const PASSWORD: &str = "correct horse";

impl server::Handler for Host {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, Self::Error> {
        self.seen.lock().unwrap().push(format!("password {password}"));
        let taken = self.methods.contains(&MethodKind::Password) && password == PASSWORD;
        Ok(if taken { Auth::Accept } else { Auth::reject() })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        let Some(response) = response else {
            let prompts = self.questions.iter().map(|(text, echo)| (Cow::Borrowed(*text), *echo)).collect();
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts: Cow::Owned(prompts) });
        };
        let answers: Vec<String> = response.map(|answer| String::from_utf8_lossy(&answer).into_owned()).collect();
        self.seen.lock().unwrap().push(format!("answers {answers:?}"));
        Ok(if answers == [PASSWORD] { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, line: &[u8], session: &mut Session) -> Result<(), Self::Error> {
        session.channel_success(id)?;
        session.data(id, line.to_vec())?;
        session.exit_status_request(id, 0)?;
        session.close(id)
    }
}

/// What the server at the other end saw, and what came of a command.
async fn try_password(
    methods: &'static [MethodKind],
    questions: &'static [(&'static str, bool)],
    password: &str,
) -> (Vec<String>, Result<Output, Error>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = Address::new("127.0.0.1", listener.local_addr().unwrap().port());
    let key = PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&[7; 32])), "").unwrap();
    let known = host_keys::line(&address, key.public_key());
    let host = Host { methods, questions, seen: Arc::default() };
    let config = server::Config {
        keys: vec![key],
        methods: MethodSet::from(host.methods),
        auth_rejection_time: Duration::ZERO,
        ..server::Config::default()
    };
    let seen = Arc::clone(&host.seen);
    tokio::spawn(async move {
        let (config, mut sessions) = (Arc::new(config), Vec::new());
        while let Ok((stream, _)) = listener.accept().await {
            sessions.push(server::run_stream(Arc::clone(&config), stream, host.clone()).await);
        }
    });
    let config = Config {
        password: Some(password.to_owned().into()),
        host_keys: HostKeys::new(&[known], None).unwrap(),
        nodes: BTreeMap::from([("pve1".to_owned(), address)]),
        ..Config::default()
    };
    let ssh = Ssh::new(config, Arc::new(Nowhere));
    let call = Call::within(Duration::from_secs(30), CancellationToken::new());
    let result = ssh.run("pve1", &Command::new("id"), &call).await;
    let seen = seen.lock().unwrap().clone();
    (seen, result)
}

#[tokio::test]
async fn an_unreachable_node_keeps_the_error_of_the_network() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nodes = BTreeMap::from([("pve1".to_owned(), Address::new("127.0.0.1", port))]);
    let ssh = Ssh::new(Config { nodes, ..Config::default() }, Arc::new(Nowhere));
    let call = Call::within(Duration::from_secs(30), CancellationToken::new());
    let error = ssh.run("pve1", &Command::new("id"), &call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    let refused = crate::source::cause::<std::io::Error>(&error).map(std::io::Error::kind);
    assert_eq!(refused, Some(std::io::ErrorKind::ConnectionRefused));
}

#[tokio::test]
async fn a_password() {
    let (seen, output) = try_password(&[MethodKind::Password], &[], PASSWORD).await;
    assert_eq!(
        (seen.as_slice(), output.unwrap().text().as_str()),
        (["password correct horse".to_owned()].as_slice(), "id")
    );
}

#[tokio::test]
async fn a_password_in_a_dialogue() {
    let (seen, output) = try_password(&[MethodKind::KeyboardInteractive], &[("Password: ", false)], PASSWORD).await;
    assert!(output.is_ok(), "{output:?}");
    assert_eq!(seen.last().unwrap(), "answers [\"correct horse\"]");
}

#[tokio::test]
async fn a_password_is_no_answer_to_another_question() {
    let questions = &[("Verification code: ", true)];
    let (seen, output) = try_password(&[MethodKind::KeyboardInteractive], questions, PASSWORD).await;
    assert_eq!(output.unwrap_err().kind(), ErrorKind::Login);
    assert_eq!(seen.last().unwrap(), "answers [\"\"]");
}

#[tokio::test]
async fn a_wrong_password() {
    let methods = &[MethodKind::Password, MethodKind::KeyboardInteractive];
    let (_, output) = try_password(methods, &[("Password: ", false)], "battery staple").await;
    let error = output.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Login);
    let reported = format!("{error} {error:?}");
    assert!(reported.contains("Tried: the password; the password, as an answer"), "{reported}");
    assert!(!reported.contains("battery"), "{reported}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_line_of_known_hosts_does_harm(line in "[ -~\t]{0,60}", name in "[ -~]{0,20}", port in any::<u16>()) {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
        for line in [line.clone(), format!("{line} {key}")] {
            if let Ok(keys) = HostKeys::new(&[line], None) {
                let _ = keys.of(&Address::new(&name, port), Some("pve1"));
            }
        }
    }

    #[test]
    fn no_text_is_a_key_by_accident(head in 0..5_usize, text in "[A-Za-z0-9+/=\n]{0,300}") {
        let kinds = ["OPENSSH PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "ENCRYPTED PRIVATE KEY"];
        let kind = kinds[head];
        let text = format!("-----BEGIN {kind}-----\n{text}\n-----END {kind}-----\n");
        prop_assert!(Identity::parse(&text, None).is_err());
        prop_assert!(Identity::parse(&text, Some(&"x".to_owned().into())).is_err());
    }
}
