//! A real OpenSSH server on the loopback interface, with keys of its own, for as long as a test needs it.
//!
//! Invariant: nothing of the machine's own SSH is used or changed, and every process started here ends with its owner.

use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use tempfile::TempDir;
use terraform_provider_pve::ssh::Identity;

/// Where Debian's package `openssh-server` has it. sshd has to be started by its full path.
const SSHD: &str = "/usr/sbin/sshd";

/// How long a process started here may take to be ready.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The kind of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// `ssh-ed25519`
    Ed25519,
    /// `ecdsa-sha2-nistp256`
    Ecdsa,
    /// `ssh-rsa`
    Rsa,
}

/// A key pair in files of its own.
#[derive(Debug)]
pub struct Key {
    folder: TempDir,
    /// The line of the public key.
    pub public: String,
}

impl Key {
    /// A new key, encrypted if there is a passphrase.
    pub fn new(kind: KeyType, passphrase: &str) -> Self {
        Self::made(kind, passphrase, &[])
    }

    /// A new key in the older PEM form of OpenSSL.
    pub fn pem(kind: KeyType, passphrase: &str) -> Self {
        Self::made(kind, passphrase, &["-m", "PEM"])
    }

    /// A new key in the form of PKCS#8.
    pub fn pkcs8(kind: KeyType, passphrase: &str) -> Self {
        Self::made(kind, passphrase, &["-m", "PKCS8"])
    }

    /// The provider's SSH library refuses one ECDSA key in 256 (a private number that begins with a zero byte), so that a
    /// second one is made; the guide on SSH names that limit.
    fn made(kind: KeyType, passphrase: &str, form: &[&str]) -> Self {
        let key = Self::generated(kind, passphrase, form);
        let secret = SecretString::from(passphrase.to_owned());
        if kind != KeyType::Ecdsa || Identity::parse(&key.text(), Some(&secret)).is_ok() {
            return key;
        }
        Self::generated(kind, passphrase, form)
    }

    fn generated(kind: KeyType, passphrase: &str, form: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("tfacc-key-").tempdir().expect("a temporary folder can be made");
        let kind: &[&str] = match kind {
            KeyType::Ed25519 => &["-t", "ed25519"],
            KeyType::Ecdsa => &["-t", "ecdsa"],
            KeyType::Rsa => &["-t", "rsa", "-b", "2048"],
        };
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-C", "tfacc", "-N", passphrase]).args(kind).args(form);
        run(keygen.arg("-f").arg(folder.path().join("key")), "openssh-client");
        let public = fs::read_to_string(folder.path().join("key.pub")).expect("ssh-keygen has written the public key");
        Self { folder, public: public.trim().to_owned() }
    }

    /// The file of the private key.
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    /// The private key's text.
    pub fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("ssh-keygen has written the private key")
    }

    /// The fingerprint as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        let output =
            Command::new("ssh-keygen").arg("-lf").arg(self.file()).output().expect("ssh-keygen can be started");
        let line = String::from_utf8_lossy(&output.stdout).into_owned();
        line.split_whitespace().nth(1).unwrap_or_default().to_owned()
    }
}

/// What the server is to be like.
#[derive(Debug, Default)]
pub struct Options {
    /// Its host keys; none means a new ed25519 key.
    pub host_keys: Vec<Key>,
    /// The public keys that may log in.
    pub authorized: Vec<String>,
    /// The command that runs instead of every other; it finds that one in `SSH_ORIGINAL_COMMAND`.
    pub forced_command: Option<String>,
    /// Further lines of its configuration.
    pub lines: Vec<String>,
    /// The port; 0 means a free one.
    pub port: u16,
}

#[derive(Debug)]
pub struct Sshd {
    folder: TempDir,
    process: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
    pub host_keys: Vec<Key>,
}

impl Sshd {
    /// Starts a server and waits until it listens.
    ///
    /// # Panics
    /// Debian's `openssh-server` is not installed, or the server doesn't come up.
    pub fn start(mut options: Options) -> Self {
        assert!(
            Path::new(SSHD).exists(),
            "{SSHD} is missing: install Debian's openssh-server (`cargo xtask ci --install-tools` does)"
        );
        if options.host_keys.is_empty() {
            options.host_keys.push(Key::new(KeyType::Ed25519, ""));
        }
        // sshd run by root insists on the folder that its service file would have made.
        if is_root() {
            fs::create_dir_all("/run/sshd").expect("root can make /run/sshd");
        }
        let folder = tempfile::Builder::new().prefix("tfacc-sshd-").tempdir().expect("a temporary folder can be made");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("one's own folder");
        let fixed = options.port;
        for _ in 0..5 {
            // Another process may take the port before sshd does: then another port is used.
            let port = if fixed == 0 { free_port() } else { fixed };
            fs::write(folder.path().join("sshd_config"), options.text(folder.path(), port))
                .expect("a file can be written");
            let mut process = spawn(folder.path());
            if is_listening(&mut process, folder.path()) {
                return Self { folder, process, port, host_keys: options.host_keys };
            }
            let _ = process.kill();
            let _ = process.wait();
            if fixed != 0 {
                // The previous process has not exited yet.
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        panic!("sshd does not come up:\n{}", fs::read_to_string(folder.path().join("log")).unwrap_or_default());
    }

    /// The user who may log in: the one who runs the tests.
    pub fn user() -> String {
        let output = Command::new("id").arg("-un").output().expect("id can be started");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// The line of `known_hosts` for one of its host keys.
    pub fn line(&self, key: &Key) -> String {
        let mut words = key.public.split_whitespace();
        let (kind, data) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        format!("[127.0.0.1]:{} {kind} {data}", self.port)
    }

    /// The line for its first host key.
    pub fn known(&self) -> String {
        self.line(&self.host_keys[0])
    }

    /// All that it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// How many logins it has accepted so far.
    pub fn accepted(&self) -> usize {
        // "Accepted key … found at …" is a step before.
        self.log().lines().filter(|line| line.starts_with("Accepted ") && line.contains(" for ")).count()
    }

    /// Ends every connection and what runs on it, as when the session's process is killed.
    pub fn cut(&self) {
        for process in descendants(self.process.id()) {
            kill(process);
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let sessions = descendants(self.process.id());
        let _ = self.process.kill();
        let _ = self.process.wait();
        for process in sessions {
            kill(process);
        }
    }
}

impl Options {
    /// A server that lets `key` in.
    pub fn letting_in(key: &Key) -> Self {
        Self { authorized: vec![key.public.clone()], ..Self::default() }
    }

    fn text(&self, folder: &Path, port: u16) -> String {
        let authorized = folder.join("authorized_keys");
        fs::write(&authorized, self.authorized.join("\n") + "\n").expect("a file can be written");
        // A bash that believes to be an inner one does not read the ~/.bashrc of the user who runs the tests.
        let mut text = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\nStrictModes no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel VERBOSE\nMaxStartups 100\n\
             AcceptEnv LC_*\nSetEnv SHLVL=9\n",
            authorized.display()
        );
        for key in &self.host_keys {
            text.push_str(&format!("HostKey {}\n", key.file().display()));
        }
        if let Some(command) = &self.forced_command {
            text.push_str(&format!("ForceCommand {command}\n"));
        }
        text + &self.lines.join("\n") + "\n"
    }
}

/// An agent of one's own.
#[derive(Debug)]
pub struct Agent {
    folder: TempDir,
    process: Child,
}

impl Agent {
    /// Starts an agent that holds `keys`.
    pub fn start(keys: &[&Key]) -> Self {
        let folder = tempfile::Builder::new().prefix("tfacc-agent-").tempdir().expect("a temporary folder can be made");
        let mut command = Command::new("ssh-agent");
        command.arg("-D").arg("-a").arg(folder.path().join("socket")).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("ssh-agent can be started: install Debian's openssh-client");
        let agent = Self { folder, process };
        let deadline = Instant::now() + START_TIMEOUT;
        while std::os::unix::net::UnixStream::connect(agent.socket()).is_err() {
            assert!(Instant::now() < deadline, "ssh-agent does not come up");
            std::thread::yield_now();
        }
        for key in keys {
            run(
                Command::new("ssh-add").arg("-q").arg(key.file()).env("SSH_AUTH_SOCK", agent.socket()),
                "openssh-client",
            );
        }
        agent
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether the tests are run by root.
pub fn is_root() -> bool {
    Sshd::user() == "root"
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback interface has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

fn spawn(folder: &Path) -> Child {
    let log = File::create(folder.join("log")).expect("a file can be written");
    // It ends with the test's thread, even while others hold it: a task of the runtime is not dropped at the process's end.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", SSHD]).arg("-D").arg("-e").arg("-f").arg(folder.join("sshd_config"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sshd can be started")
}

fn is_listening(process: &mut Child, folder: &Path) -> bool {
    let deadline = Instant::now() + START_TIMEOUT;
    while Instant::now() < deadline {
        if fs::read_to_string(folder.join("log")).is_ok_and(|log| log.contains("Server listening on")) {
            return true;
        }
        if process.try_wait().is_ok_and(|end| end.is_some()) {
            return false;
        }
        std::thread::yield_now();
    }
    false
}

/// The children of a process, theirs, and so on: those nearest first.
fn descendants(process: u32) -> Vec<u32> {
    let mut found = vec![process];
    let mut next = 0;
    let family: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name in parentheses may contain anything; the state and the parent follow it.
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
            Some((id, parent))
        })
        .collect();
    while let Some(parent) = found.get(next).copied() {
        found.extend(family.iter().filter(|(_, of)| *of == parent).map(|(id, _)| *id));
        next += 1;
    }
    found.split_off(1)
}

fn kill(process: u32) {
    let _ = Command::new("kill").args(["-KILL", &process.to_string()]).stderr(Stdio::null()).status();
}

#[track_caller]
fn run(command: &mut Command, package: &str) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; install Debian's {package}", command.get_program().display()));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
