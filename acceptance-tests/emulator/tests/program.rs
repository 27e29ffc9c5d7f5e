//! The program itself: its one line, its log, its command line, its end.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail as the test does")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pve-emulator");

struct Running {
    child: Child,
    ready: Value,
}

impl Running {
    fn start(arguments: &[&str]) -> Self {
        let mut child =
            Command::new(PROGRAM).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, ready: serde_json::from_str(&line).unwrap() }
    }

    fn text(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    fn ctl(&self, words: &[&str]) -> Value {
        let output =
            Command::new(PROGRAM).args(["ctl", "--endpoint", self.text("endpoint")]).args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Ends it with SIGTERM and gives its log.
    fn end(mut self) -> String {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        log
    }
}

#[tokio::test]
async fn no_secret_gets_into_the_log() {
    let running = Running::start(&["--pve", "8"]);
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ca = std::fs::read(running.text("ca_certificate_file")).unwrap();
    let ca = reqwest::Certificate::from_pem(&ca).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap();
    let api = format!("{}/api2/json", running.text("endpoint"));
    let token = format!("PVEAPIToken={}", running.text("api_token"));
    let get = client.get(format!("{api}/version?canary-query=1")).header("Authorization", &token).send().await.unwrap();
    assert_eq!(get.status(), 400);
    let login = [("username", "root@pam"), ("password", running.text("password")), ("otp", "canary-otp")];
    let answer: Value =
        client.post(format!("{api}/access/ticket")).form(&login).send().await.unwrap().json().await.unwrap();
    let ticket = answer["data"]["ticket"].as_str().unwrap().to_owned();
    let cookie = format!("PVEAuthCookie={}", ticket.replace(':', "%3A").replace('+', "%2B").replace('=', "%3D"));
    let get = client.get(format!("{api}/version")).header("Cookie", cookie).send().await.unwrap();
    assert_eq!(get.json::<Value>().await.unwrap()["data"]["release"], "8.4");

    let secret = running.text("api_token").split_once('=').unwrap().1.to_owned();
    let secrets = [secret, running.text("password").to_owned(), ticket, "canary".to_owned()];
    let log = running.end();
    assert!(log.contains("POST /api2/json/access/ticket 200 OK"), "{log}");
    assert!(secrets.iter().all(|secret| !log.contains(secret.as_str())), "{log}");
}

#[test]
fn the_control_plane_is_on_the_command_line() {
    let running = Running::start(&[]);
    assert_eq!(running.ctl(&["clock", "virtual"])["running"], false);
    let before = running.ctl(&["clock"])["now"].as_f64().unwrap();
    assert_eq!(running.ctl(&["advance", "90"])["now"].as_f64().unwrap(), before + 90.0);
    assert_eq!(running.ctl(&["fail", "pve2"])["quorate"], true);
    running.ctl(&["edit", "PUT", "/cluster/options", "console=vv"]);
    let text = running.ctl(&["file", "/etc/pve/datacenter.cfg"]);
    assert_eq!(text["text"], "\nconsole: vv\nkeyboard: en-us\n");
    running.ctl(&["fault", "595", "--path", "x", "--count", "2"]);
    assert_eq!(running.ctl(&["faults"])["met"], 0);
    assert_eq!(running.ctl(&["counters"])["total"], 0);
    running.end();
}

#[test]
fn a_cluster_can_outlive_its_process() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("cluster.json");
    let state = state.to_str().unwrap();
    let first = Running::start(&["--state", state]);
    let token = first.text("api_token").to_owned();
    first.ctl(&["edit", "PUT", "/cluster/options", "console=vv"]);
    first.end();
    let second = Running::start(&["--state", state]);
    assert_eq!(second.text("api_token"), token);
    assert_eq!(second.ctl(&["file", "/etc/pve/datacenter.cfg"])["text"], "\nconsole: vv\nkeyboard: en-us\n");
    second.end();
}

#[test]
fn an_upgraded_cluster_migrates_its_groups_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("cluster.json");
    let state = state.to_str().unwrap();
    let eight = Running::start(&["--pve", "8", "--state", state]);
    eight.ctl(&["edit", "POST", "/cluster/ha/groups", "group=web", "nodes=pve1:2,pve2", "nofailback=1"]);
    eight.ctl(&["edit", "POST", "/cluster/ha/resources", "sid=vm:100", "group=web"]);
    eight.end();
    let nine = Running::start(&["--pve", "9-unmigrated", "--state", state]);
    nine.ctl(&["clock", "virtual"]);
    let groups = "/etc/pve/ha/groups.cfg";
    assert!(nine.ctl(&["file", groups])["text"].as_str().is_some_and(|text| text.contains("group: web")));
    nine.ctl(&["advance", "90"]);
    assert!(nine.ctl(&["file", groups])["text"].is_null());
    let rules = nine.ctl(&["file", "/etc/pve/ha/rules.cfg"]);
    assert!(rules["text"].as_str().unwrap().contains("node-affinity: ha-group-web"), "{rules}");
    let resources = nine.ctl(&["file", "/etc/pve/ha/resources.cfg"]);
    assert_eq!(resources["text"], "vm: 100\n\tfailback 0\n\n");
    nine.end();
    // There is no way back.
    let output = Command::new(PROGRAM).args(["--pve", "8", "--state", state]).output().unwrap();
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("Proxmox VE 9 cluster"));
}

#[test]
fn a_cluster_in_the_middle_of_its_upgrade_waits_for_the_last_node() {
    let running = Running::start(&["--pve", "9-unmigrated"]);
    running.ctl(&["edit", "POST", "/cluster/ha/resources", "sid=vm:100", "group=legacy"]);
    let groups = ["file", "/etc/pve/ha/groups.cfg"];
    running.ctl(&["advance", "300"]);
    assert!(!running.ctl(&groups)["text"].is_null());
    running.ctl(&["upgrade"]);
    running.ctl(&["advance", "90"]);
    assert!(running.ctl(&groups)["text"].is_null());
    running.end();
}

#[test]
fn a_forced_command_hands_over_to_the_cluster() {
    let running = Running::start(&["--ssh"]);
    let ports = running.ready["ssh_ports"].as_object().unwrap();
    assert_eq!((ports.len(), &running.ready["ssh_port"]), (3, &ports["pve1"]));
    assert!(running.text("ssh_host_key").starts_with("ssh-ed25519 AAAA"));
    let key = std::fs::read_to_string(running.text("ssh_private_key_file")).unwrap();
    assert!(key.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----"));
    let forced = |command: &str| {
        let arguments = ["shell", "--endpoint", running.text("endpoint"), "--node", "pve2"];
        let mut command = Command::new(PROGRAM)
            .args(arguments)
            .env("SSH_ORIGINAL_COMMAND", command)
            .env_remove("SSH_CONNECTION")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Most commands end without having read it.
        let _ = command.stdin.take().unwrap().write_all(b"text\n");
        let output = command.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(forced("dd of=/etc/pve/ha/a status=none"), (Some(0), String::new(), String::new()));
    assert_eq!(forced("cat /etc/pve/ha/a"), (Some(0), "text\n".into(), String::new()));
    assert_eq!(forced("hostname"), (Some(0), "pve2\n".into(), String::new()));
    assert_eq!(forced("ls /nosuch").0, Some(2));
    assert_eq!(forced("cat /nosuch"), (Some(1), String::new(), "cat: /nosuch: No such file or directory\n".into()));
    running.ctl(&["command-fault", "fail", "--command", "^hostname", "--exit", "9", "--stderr", "no"]);
    assert_eq!(forced("hostname"), (Some(9), String::new(), "no\n".into()));
    running.ctl(&["fail", "pve2"]);
    assert_eq!(forced("hostname").0, Some(255));
    assert_eq!(running.ctl(&["commands"])["commands"].as_array().unwrap().len(), 6);
    running.end();
}

#[test]
fn machines_can_be_changed_from_the_command_line() {
    let running = Running::start(&[]);
    running.ctl(&["machine", "10.0.0.100", "--reachable", "false", "--trusts", "", "--remove", "corosync-qnetd"]);
    let probe = running.ctl(&["run", "pve1", "ssh root@10.0.0.100 true"]);
    assert_eq!((&probe["exit"], &probe["end"]), (&255.into(), &"exit".into()));
    running.ctl(&["agent", "--agent", "fence_x", "--exit", "2", "--stdout", "Status: OFF"]);
    assert_eq!(running.ctl(&["run", "pve1", "fence_x --ip=1"])["stdout"], "Status: OFF\n");
    running.ctl(&["qdevice", "on", "--host", "10.0.0.77"]);
    assert!(running.ctl(&["file", "/etc/pve/corosync.conf"])["text"].as_str().unwrap().contains("host: 10.0.0.77"));
    running.ctl(&["reboot", "pve3"]);
    running.end();
}

#[test]
fn nodes_in_no_cluster_are_named_with_their_addresses() {
    let running = Running::start(&["--standalone", "pva,pvb"]);
    let node = |name: &str| running.ready["standalone"][name].clone();
    assert_eq!(node("pva")["endpoint"], running.ready["endpoint"]);
    assert_eq!((&node("pvb")["address"], &node("pva")["address"]), (&"10.0.0.12".into(), &"10.0.0.11".into()));
    for fact in ["endpoint", "api_token", "password", "tls_fingerprint", "ca_certificate_file"] {
        assert_ne!(node("pva")[fact], node("pvb")[fact], "{fact}");
    }
    running.ctl(&["edit", "--on", "pva", "POST", "/cluster/config", "clustername=c"]);
    running.ctl(&["advance", "10"]);
    running.ctl(&["interrupt-join", "answer", "--node", "pvb"]);
    let rows = running.ctl(&["nodes"]);
    let clusters: Vec<&Value> = rows.as_array().unwrap().iter().map(|row| &row["cluster"]).collect();
    assert_eq!(clusters, [&Value::from("c"), &Value::Null]);
    let access = running.ctl(&["reinstall", "pva"]);
    assert_eq!(access["endpoint"], running.ready["endpoint"]);
    assert_eq!(running.ctl(&["nodes"])[0]["cluster"], Value::Null);
    running.end();
    let beside = Running::start(&["--standalone", "new", "--cluster"]);
    assert_eq!(beside.ctl(&["nodes"]).as_array().unwrap().len(), 4);
    beside.end();
}
