//! What goes in and comes out, and what becomes of a command that is not waited for, or whose connection is cut.

use std::time::{Duration, Instant};

use acceptance_tests::closed_port::ClosedPort;
use futures_util::future::try_join_all;
use terraform_provider_pve::call::Call;
use terraform_provider_pve::ssh::{Address, Command, Config, ErrorKind, Line};
use tokio_util::sync::CancellationToken;

use super::{Node, call, script, ssh};

/// Prints a line once it runs, and then nothing for longer than any test waits.
fn endless() -> Command {
    script("echo begun; exec sleep 300")
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn exit_codes_and_both_outputs() {
    let node = Node::new();
    let ssh = node.ssh();
    for code in [0, 1, 2, 77, 255] {
        let command = script(r#"echo out; echo err >&2; exit "$1""#).arg(code.to_string());
        let output = ssh.run("pve1", &command, &call()).await.unwrap();
        assert_eq!((output.exit, output.text(), output.stderr_text()), (code, "out\n".to_owned(), "err".to_owned()));
        let Err(error) = output.success() else {
            assert_eq!(code, 0);
            continue;
        };
        assert_eq!((error.kind(), error.exit(), error.message()), (ErrorKind::Failed, Some(code), "err"));
    }
    let output = ssh.run("pve1", &script("kill -KILL $$"), &call()).await.unwrap();
    assert!(!output.is_success(), "{output:?}");
    assert!(output.success().unwrap_err().message().contains("KILL"));
    let output = ssh.run("pve1", &Command::new("no-such-program"), &call()).await.unwrap();
    assert_eq!(output.exit, 127);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn arguments_arrive_as_they_are() {
    let node = Node::new();
    let words = ["", "a b", "$(reboot)", "`id`", "it's", "\"", "a\nb", "-n", "*", "~", "größe", "\\", "a=b; c"];
    let command = Command::new("printf").arg("%s\\0").args(words);
    let output = node.ssh().run("pve1", &command, &call()).await.unwrap().success().unwrap();
    let expected: Vec<u8> = words.iter().flat_map(|word| word.bytes().chain([0])).collect();
    assert_eq!(output.stdout, expected);
    let error = node.ssh().run("pve1", &Command::new("echo").arg("a\0b"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn much_goes_in_and_out() {
    let node = Node::new();
    let ssh = node.ssh();
    // Bytes of every value, more than any window or pipe holds.
    let much: Vec<u8> = (0..6_000_000_u32).map(|n| (n ^ (n >> 8)).to_le_bytes()[0]).collect();
    let output = ssh.run("pve1", &Command::new("cat").stdin(much.clone()), &call()).await.unwrap();
    assert!(output.stdout == much, "{} of {} bytes came back", output.stdout.len(), much.len());
    // A program that doesn't read its stdin doesn't hang.
    let output = ssh.run("pve1", &Command::new("true").stdin(much), &call()).await.unwrap();
    assert!(output.is_success());
    let output = ssh.run("pve1", &script("head -c 3000000 /dev/zero >&2"), &call()).await.unwrap();
    assert_eq!(output.stderr.len(), 3_000_000);
    let error = ssh.run("pve1", &script("yes"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedResponse, "{error}");
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn lines_are_returned_while_it_runs() {
    let node = Node::new();
    let mut reported = Vec::new();
    // The second line is only printed once the first one has been read.
    let command = script("echo one; echo two >&2; printf three");
    let mut tell = |line: Line<'_>| reported.push((matches!(line, Line::Out(_)), line.text().to_owned()));
    node.ssh().run_with("pve1", &command, &call(), &mut tell).await.unwrap();
    reported.sort();
    let expected = [(false, "two"), (true, "one"), (true, "three")];
    assert_eq!(reported, expected.map(|(out, text)| (out, text.to_owned())));
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_child_that_keeps_the_output_open_is_not_waited_for() {
    let node = Node::with(|options| options.lines.push("MaxSessions 1".to_owned()));
    let ssh = node.ssh();
    let output = ssh.run("pve1", &script("sleep 300 & echo started"), &call()).await.unwrap();
    assert_eq!((output.exit, output.text().as_str()), (0, "started\n"));
    // And its session is free for the next.
    let output = ssh.run("pve1", &Command::new("echo").arg("next"), &call()).await.unwrap();
    assert_eq!((output.text().as_str(), node.sshd.accepted()), ("next\n", 1));
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn texts_are_english_where_the_server_lets_choose() {
    let node = Node::new();
    let output = node.ssh().run("pve1", &Command::new("printenv").arg("LC_ALL"), &call()).await.unwrap();
    assert_eq!(output.text(), "C\n");
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn forty_commands_over_one_connection() {
    let node = Node::new();
    let ssh = node.ssh();
    for n in 0..20 {
        let output = ssh.run("pve1", &Command::new("echo").arg(n.to_string()), &call()).await.unwrap();
        assert_eq!(output.text(), format!("{n}\n"));
    }
    // At once they are more than sshd allows (`MaxSessions`, ten).
    let (call, command) = (call(), Command::new("true"));
    let all = (0..20).map(|_| ssh.run("pve1", &command, &call));
    try_join_all(all).await.unwrap();
    assert_eq!(node.sshd.accepted(), 1, "{}", node.sshd.log());
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn many_who_come_at_once_share_the_first_connection() {
    let node = Node::new();
    let ssh = node.ssh();
    let (call, command) = (call(), Command::new("true"));
    try_join_all((0..20).map(|_| ssh.run("pve1", &command, &call))).await.unwrap();
    assert_eq!(node.sshd.accepted(), 1, "{}", node.sshd.log());
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_server_that_allows_one_session_at_a_time() {
    let node = Node::with(|options| options.lines.push("MaxSessions 1".to_owned()));
    let ssh = node.ssh();
    let (call, command) = (call(), Command::new("true"));
    try_join_all((0..6).map(|_| ssh.run("pve1", &command, &call))).await.unwrap();
    assert_eq!(node.sshd.accepted(), 1, "{}", node.sshd.log());
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_server_that_runs_nothing() {
    let node = Node::with(|options| options.lines.push("MaxSessions 0".to_owned()));
    let error = node.ssh().run("pve1", &Command::new("true"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error}");
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_connection_cut_between_commands_is_opened_anew() {
    let node = Node::new();
    let ssh = node.ssh();
    for round in 1..=3 {
        let output = ssh.run("pve1", &Command::new("echo").arg("there"), &call()).await.unwrap();
        assert_eq!((output.text().as_str(), node.sshd.accepted()), ("there\n", round));
        node.sshd.cut();
    }
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_connection_cut_in_the_middle_of_a_command() {
    let node = Node::new();
    let ssh = node.ssh();
    let mut lines = 0;
    let mut cut = |_: Line<'_>| {
        lines += 1;
        node.sshd.cut();
    };
    // What changes something is not begun again.
    let error = ssh.run_with("pve1", &endless(), &call(), &mut cut).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
    assert_eq!(lines, 1);
    assert_eq!(error.command(), Some("sh -c 'echo begun; exec sleep 300' sh"));

    // What only reads is.
    let mut cuts = 0;
    let mut cut_once = |_: Line<'_>| {
        cuts += 1;
        if cuts == 1 {
            node.sshd.cut();
        }
    };
    let reading = script("echo first; sleep 1; exec cat; echo last").stdin("second").reading();
    let output = ssh.run_with("pve1", &reading, &call(), &mut cut_once).await.unwrap();
    assert_eq!(output.text(), "first\nsecond");
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_command_that_takes_too_long() {
    let node = Node::new();
    let config = Config { command_timeout: Duration::from_secs(2), ..node.config.clone() };
    let (ssh, patient) = (ssh(&config), node.ssh());
    // Logged in, so that it is the command over which the time runs out.
    for ssh in [&ssh, &patient] {
        ssh.run("pve1", &Command::new("true").may_take(Duration::from_secs(30)), &call()).await.unwrap();
    }
    let error = ssh.run("pve1", &endless(), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous, "{error}");
    assert!(error.note().unwrap().contains("`command_timeout`"), "{error}");
    let error = ssh.run("pve1", &endless().reading(), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    // The operation's own deadline ends it too, and is not the command's fault.
    let short = Call::within(Duration::from_secs(2), CancellationToken::new());
    let error = patient.run("pve1", &endless(), &short).await.unwrap_err();
    assert_eq!((error.kind(), error.note()), (ErrorKind::Ambiguous, None));
    // More time can be asked for, and the connection is still good.
    let slow = script("sleep 2.6; echo done").may_take(Duration::from_secs(30));
    assert_eq!(ssh.run("pve1", &slow, &call()).await.unwrap().text(), "done\n");
    assert_eq!(node.sshd.accepted(), 2);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_stop_drops_what_reads_at_once() {
    let node = Node::new();
    let stop = CancellationToken::new();
    let call = Call::within(Duration::from_secs(60), stop.clone());
    let mut stopped = None;
    let mut tell = |_: Line<'_>| {
        stop.cancel();
        stopped = Some(Instant::now());
    };
    let error = node.ssh().run_with("pve1", &endless().reading(), &call, &mut tell).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
    assert!(stopped.unwrap().elapsed() < Duration::from_secs(10));
    let error = node.ssh().run("pve1", &Command::new("true"), &call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stopped);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_stop_lets_what_has_begun_come_to_its_end() {
    let node = Node::new();
    let ssh = node.ssh();
    let stop = CancellationToken::new();
    let bounded = Call::within(Duration::from_secs(60), stop.clone());
    let mut tell = |_: Line<'_>| stop.cancel();
    let command = script("echo begun; sleep 1; echo done");
    let output = ssh.run_with("pve1", &command, &bounded, &mut tell).await.unwrap();
    assert_eq!(output.text(), "begun\ndone\n");

    // But not for ever.
    let stop = CancellationToken::new();
    let bounded = Call::within(Duration::from_secs(60), stop.clone());
    let mut tell = |_: Line<'_>| stop.cancel();
    let begun = Instant::now();
    let error = ssh.run_with("pve1", &endless(), &bounded, &mut tell).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Ambiguous);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    // The connection is still good for others.
    assert!(ssh.run("pve1", &Command::new("true"), &call()).await.unwrap().is_success());
    assert_eq!(node.sshd.accepted(), 1);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn no_server_is_listening() {
    let node = Node::new();
    let mut config = node.config.clone();
    let closed = ClosedPort::new();
    config.nodes.insert("pve2".to_owned(), Address::new("127.0.0.1", closed.port()));
    // Too long for a label: no resolver has to be asked.
    config.nodes.insert("pve3".to_owned(), Address::new(&format!("{}.invalid", "a".repeat(64)), 22));
    let ssh = ssh(&config);
    for node in ["pve2", "pve3"] {
        let error = ssh.run(node, &Command::new("true"), &call()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    }
    let error = ssh.run("pve4", &Command::new("true"), &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unlocated, "{error}");
    assert!(error.note().unwrap().contains("name = \"pve4\""), "{error}");
}
