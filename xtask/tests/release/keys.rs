//! A throw-away key in a keyring of its own.

use std::path::Path;
use std::process::Command;

use xtask::dist::sign::Signer;

pub struct Keys {
    home: tempfile::TempDir,
    armored: String,
}

const PASSPHRASE: &str = "throw away";

impl Keys {
    pub fn new() -> Self {
        let home = xtask::dist::sign::home().unwrap();
        let gpg = |arguments: &[&str]| {
            let mut command = Command::new("gpg");
            command.arg("--homedir").arg(home.path()).args(["--batch", "--quiet", "--pinentry-mode", "loopback"]);
            let output = command.args(["--passphrase", PASSPHRASE]).args(arguments).output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        gpg(&["--quick-generate-key", "Releaser <releaser@example.com>", "ed25519", "sign", "never"]);
        let armored = gpg(&["--armor", "--export-secret-keys"]);
        Self { home, armored }
    }

    pub fn signer(&self) -> Signer {
        Signer::given(&self.armored, PASSPHRASE).unwrap()
    }

    /// Verifies the signature beside `file`.
    pub fn verify(&self, file: &Path) -> Result<(), String> {
        let mut gpg = Command::new("gpg");
        gpg.arg("--homedir").arg(self.home.path()).args(["--batch", "--verify"]);
        let output = gpg.arg(format!("{}.sig", file.display())).arg(file).output().unwrap();
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}
