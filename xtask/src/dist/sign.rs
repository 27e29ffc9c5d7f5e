//! Detached signatures with the releaser's GPG key, in the binary form that registries require.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Failure;

/// The environment variable with the releaser's private key, armored.
pub const KEY: &str = "RELEASE_GPG_KEY";

/// The environment variable with the passphrase of that key, if it has one.
pub const PASSPHRASE: &str = "RELEASE_GPG_PASSPHRASE";

/// What signs.
#[derive(Debug)]
pub enum Signer {
    /// A key of the user's own keyring, named like gpg's `--local-user` names it.
    Keyring(String),
    /// A key that was given as text, in a keyring of its own that is removed afterwards.
    Given { home: tempfile::TempDir, passphrase: String },
}

impl Signer {
    /// The key `name` of the user's keyring; without a name the key that is in the environment. None if there is neither.
    ///
    /// # Errors
    /// The key of the environment can't be imported.
    pub fn of(name: Option<&str>) -> Result<Option<Self>, Failure> {
        let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        match (name, given(KEY)) {
            (Some(name), _) => Ok(Some(Self::Keyring(name.to_owned()))),
            (None, Some(key)) => Self::given(&key, &given(PASSPHRASE).unwrap_or_default()).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// The private key `armored`.
    ///
    /// # Errors
    /// It can't be imported.
    pub fn given(armored: &str, passphrase: &str) -> Result<Self, Failure> {
        let home = home()?;
        run(gpg(Some(home.path())).arg("--import"), armored)?;
        Ok(Self::Given { home, passphrase: passphrase.to_owned() })
    }

    /// Signs the file: the path of the signature, which is `file` with `.sig`.
    ///
    /// # Errors
    /// gpg is missing, or refuses.
    pub fn sign(&self, file: &Path) -> Result<PathBuf, Failure> {
        let mut signature = file.as_os_str().to_owned();
        signature.push(".sig");
        let signature = PathBuf::from(signature);
        let mut gpg = match self {
            Self::Keyring(name) => {
                let mut gpg = gpg(None);
                gpg.args(["--local-user", name]);
                gpg
            }
            Self::Given { home, .. } => {
                let mut gpg = gpg(Some(home.path()));
                gpg.args(["--pinentry-mode", "loopback", "--passphrase-fd", "0"]);
                gpg
            }
        };
        gpg.arg("--output").arg(&signature).arg("--detach-sign").arg(file);
        let input = match self {
            Self::Keyring(_) => "",
            Self::Given { passphrase, .. } => passphrase,
        };
        run(&mut gpg, input)?;
        Ok(signature)
    }
}

impl Drop for Signer {
    fn drop(&mut self) {
        if let Self::Given { home, .. } = self {
            // The agent that gpg has started for this keyring; without it, nothing is left of it.
            let _ = Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--kill", "all"]).status();
            let _ = fs::remove_dir_all(home.path());
        }
    }
}

/// A folder for a keyring, which only its owner may read: gpg warns of others.
///
/// # Errors
/// It can't be made.
pub fn home() -> std::io::Result<tempfile::TempDir> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("gpg");
    #[cfg(unix)]
    folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    folder.tempdir()
}

fn gpg(home: Option<&Path>) -> Command {
    let mut gpg = Command::new("gpg");
    if let Some(home) = home {
        gpg.arg("--homedir").arg(home);
    }
    gpg.args(["--batch", "--yes", "--quiet"]);
    gpg
}

fn run(command: &mut Command, input: &str) -> Result<(), Failure> {
    let mut process = command.stdin(Stdio::piped()).spawn().map_err(|e| format!("gpg: {e}"))?;
    if let Some(mut stdin) = process.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let status = process.wait()?;
    if status.success() { Ok(()) } else { Err(format!("gpg: {status}").into()) }
}
