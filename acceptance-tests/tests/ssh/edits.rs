//! Edits of a cluster file under its lock, by the real commands on a folder in the place of `/etc/pve`.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use acceptance_tests::sshd::is_root;
use futures_util::future::join_all;
use tempfile::TempDir;
use terraform_provider_pve::call::Call;
use terraform_provider_pve::ssh::{ClusterFile, Edit, Error, ErrorKind};
use tokio_util::sync::CancellationToken;

use super::{Node, call};

/// A node whose `/etc/pve` is a temporary folder.
struct Pmxcfs {
    folder: TempDir,
    node: Node,
}

impl Pmxcfs {
    fn new() -> Self {
        Self::run_by(r#"sh -c "$line""#)
    }

    /// `run` runs `$line`.
    fn run_by(run: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("tfacc-pve-").tempdir().unwrap();
        let root = folder.path().display().to_string();
        fs::create_dir_all(folder.path().join("priv/lock")).unwrap();
        fs::create_dir_all(folder.path().join("ha")).unwrap();
        fs::write(folder.path().join(".members"), "{}").unwrap();
        // Every command line is logged, then run with /etc/pve replaced; what it prints is kept, too.
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$SSH_ORIGINAL_COMMAND\" >>{root}/commands\n\
             root={root}\nline=$(printf %s \"$SSH_ORIGINAL_COMMAND\" | sed 's|/etc/pve|{root}|g')\n\
             {{ {run}\n}} >{root}/printed.$$\ncode=$?\ncat {root}/printed.$$\nexit $code\n"
        );
        fs::write(folder.path().join("forced"), script).unwrap();
        let node = Node::with(|options| options.forced_command = Some(format!("sh {root}/forced")));
        Self { folder, node }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self) -> Option<String> {
        fs::read_to_string(self.path("ha/fence.cfg")).ok()
    }

    fn commands(&self) -> Vec<String> {
        let commands = fs::read_to_string(self.path("commands")).unwrap_or_default();
        let id = format!("tmp.{}", std::process::id());
        commands.lines().map(|line| line.replace(&id, "tmp.PID")).collect()
    }

    /// All that came back over stdout.
    fn printed(&self) -> String {
        let files = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let printed = files.filter(|path| path.file_stem().is_some_and(|name| name == "printed"));
        printed.map(|path| fs::read_to_string(path).unwrap()).collect()
    }

    async fn edit(&self, call: &Call, decide: impl FnOnce(Option<&str>) -> Result<Edit, Error>) -> Result<bool, Error> {
        file().edit(&self.node.ssh(), "pve1", call, decide).await
    }

    fn is_locked(&self) -> bool {
        self.path("priv/lock/domain-ha").exists()
    }
}

fn file() -> ClusterFile {
    ClusterFile::new("/etc/pve/ha/fence.cfg", "domain-ha")
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn written_under_the_lock_beside_and_renamed() {
    let pve = Pmxcfs::new();
    let text = "# größe, \"quoted\" $(not run)\n\n\tdevice a fence_x ip=1\r\nno newline at the end";
    let bounds = call();
    let wrote = pve.edit(&bounds, |now| {
        assert_eq!(now, None);
        assert!(pve.is_locked());
        Ok(Edit::Write(text.to_owned()))
    });
    assert!(wrote.await.unwrap());
    assert_eq!(pve.text().as_deref(), Some(text));
    assert!(!pve.is_locked());
    assert_eq!(
        pve.commands(),
        [
            "mkdir -- /etc/pve/priv/lock/domain-ha",
            "cat -- /etc/pve/ha/fence.cfg",
            "test -e /etc/pve/.members",
            "dd 'of=/etc/pve/ha/fence.cfg.tmp.PID' 'bs=128K' 'status=none'",
            "mv -f -- /etc/pve/ha/fence.cfg.tmp.PID /etc/pve/ha/fence.cfg",
            "rmdir -- /etc/pve/priv/lock/domain-ha",
        ]
    );
    assert_eq!(pve.printed(), "", "a file may hold passwords");
    // What is there is given to the next as it is, byte by byte.
    assert_eq!(file().read(&pve.node.ssh(), "pve1", &call()).await.unwrap().as_deref(), Some(text));
    let wrote = pve.edit(&bounds, |now| {
        assert_eq!(now, Some(text));
        Ok(Edit::Write(text.to_owned()))
    });
    assert!(!wrote.await.unwrap(), "the same text is not written again");
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn while_etc_pve_is_not_mounted_nothing_is_absent() {
    let pve = Pmxcfs::new();
    fs::remove_file(pve.path(".members")).unwrap();
    let error = file().read(&pve.node.ssh(), "pve1", &call()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    assert!(error.note().unwrap().contains("pve-cluster"), "{error}");
    fs::write(pve.path(".members"), "{}").unwrap();
    assert_eq!(file().read(&pve.node.ssh(), "pve1", &call()).await.unwrap(), None);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn what_is_refused_is_not_written() {
    let pve = Pmxcfs::new();
    fs::write(pve.path("ha/fence.cfg"), "device a fence_x ip=1\n").unwrap();
    struct Refused;
    impl From<Error> for Refused {
        fn from(error: Error) -> Self {
            panic!("{error}")
        }
    }
    let result = file().edit(&pve.node.ssh(), "pve1", &call(), |_| Err(Refused)).await;
    assert!(matches!(result, Err(Refused)));
    assert!(!pve.edit(&call(), |_| Ok(Edit::Keep)).await.unwrap());
    assert_eq!(pve.text().as_deref(), Some("device a fence_x ip=1\n"));
    assert!(!pve.is_locked() && !pve.commands().iter().any(|line| line.starts_with("mv")));
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_lock_that_is_held_is_waited_for() {
    let pve = Pmxcfs::new();
    let lock = pve.path("priv/lock/domain-ha");
    fs::create_dir(&lock).unwrap();
    let short = Call::within(Duration::from_secs(15), CancellationToken::new());
    let error = pve.edit(&short, |_| unreachable!("another process holds the lock")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert!(pve.is_locked(), "the lock of another process is kept");
    // It was asked to be let go, in the way pmxcfs understands.
    assert_eq!(fs::metadata(&lock).unwrap().modified().unwrap(), std::time::UNIX_EPOCH);

    // Let go, as pmxcfs does with a lock that is too old.
    let asked = pve.commands().len();
    let release = async {
        while pve.commands().len() < asked + 2 {
            tokio::task::yield_now().await;
        }
        fs::remove_dir(&lock).unwrap();
    };
    let bounds = call();
    let (wrote, ()) = tokio::join!(pve.edit(&bounds, |_| Ok(Edit::Write("device".to_owned()))), release);
    assert!(wrote.unwrap());
    assert_eq!(pve.text().as_deref(), Some("device"));
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn many_writers_lose_nothing() {
    let pve = Pmxcfs::new();
    let ssh = pve.node.ssh();
    let bounds = Call::within(Duration::from_secs(120), CancellationToken::new());
    let writers = (0..5).map(|n| {
        let (ssh, call) = (ssh.clone(), bounds.clone());
        async move {
            let add = |now: Option<&str>| Ok::<_, Error>(Edit::Write(format!("{}{n}\n", now.unwrap_or_default())));
            file().edit(&ssh, "pve1", &call, add).await
        }
    });
    for wrote in join_all(writers).await {
        assert!(wrote.unwrap());
    }
    let mut lines: Vec<String> = pve.text().unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn the_lock_is_given_back_on_failure_and_cancellation() {
    let pve = Pmxcfs::new();
    // The file can't be written beside: its temporary name is taken by a folder.
    let taken = pve.path(&format!("ha/fence.cfg.tmp.{}", std::process::id()));
    fs::create_dir(&taken).unwrap();
    let error = pve.edit(&call(), |_| Ok(Edit::Write("x".to_owned()))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    assert!(!pve.is_locked() && pve.text().is_none());
    fs::remove_dir(&taken).unwrap();

    // Stopped right after the lock was taken.
    let stop = CancellationToken::new();
    let bounded = Call::within(Duration::from_secs(60), stop.clone());
    let error = pve.edit(&bounded, |_| {
        stop.cancel();
        Ok(Edit::Write("x".to_owned()))
    });
    assert_eq!(error.await.unwrap_err().kind(), ErrorKind::Stopped);
    assert!(!pve.is_locked() && pve.text().is_none());

    // Dropped while it holds the lock.
    let edit = tokio::time::timeout(Duration::from_millis(1), async {
        let bounds = call();
        pve.edit(&bounds, |_| Ok(Edit::Write("x".to_owned()))).await
    });
    let _ = edit.await;
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while pve.is_locked() {
        assert!(std::time::Instant::now() < deadline, "the lock was left");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_full_file_system_leaves_the_file_as_it_was() {
    let pve = Pmxcfs::new();
    fs::write(pve.path("ha/fence.cfg"), "device a fence_x ip=1\n").unwrap();
    let beside = pve.path(&format!("ha/fence.cfg.tmp.{}", std::process::id()));
    std::os::unix::fs::symlink("/dev/full", &beside).unwrap();
    let error = pve.edit(&call(), |_| Ok(Edit::Write("device b fence_x ip=2\n".to_owned()))).await.unwrap_err();
    assert_eq!((error.kind(), error.exit()), (ErrorKind::Failed, Some(1)), "{error}");
    assert!(error.message().ends_with("No space left on device"), "{error}");
    assert_eq!(pve.text().as_deref(), Some("device a fence_x ip=1\n"));
    assert!(!pve.is_locked() && beside.symlink_metadata().is_err());
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn a_file_larger_than_any_block_arrives_whole() {
    let pve = Pmxcfs::new();
    // As large as pmxcfs takes a file, and more than a pipe holds.
    let text: String = (0..80_000).map(|n| format!("{n:>12}\n")).collect();
    assert!(pve.edit(&call(), |_| Ok(Edit::Write(text.clone()))).await.unwrap());
    assert!(pve.text().is_some_and(|now| now == text));
}

#[tokio::test]
#[cfg_attr(no_openssh, ignore = "OpenSSH is not installed: `cargo xtask test` installs it")]
async fn without_quorum_there_is_one_clear_error() {
    if !is_root() {
        return acceptance_tests::cluster::skipped("without_quorum", "only root can become a user without rights");
    }
    use std::os::unix::fs::PermissionsExt as _;
    // As pmxcfs does it: not even root may write. A user other than root and a script in the place of `pvecm` emulate that.
    let pve = Pmxcfs::run_by(
        r#"PATH="$root/bin:$PATH" setpriv --reuid=65534 --regid=65534 --clear-groups env PATH="$root/bin:$PATH" sh -c "$line""#,
    );
    fs::write(pve.path("commands"), "").unwrap();
    let set = |mode: u32| {
        for name in ["priv", "priv/lock", "ha"] {
            fs::set_permissions(pve.path(name), fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    let program = |name: &str, script: &str| {
        fs::create_dir_all(pve.path("bin")).unwrap();
        fs::write(pve.path(&format!("bin/{name}")), format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(pve.path(&format!("bin/{name}")), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let pvecm = |quorate: &str, total: u8, exit: u8| {
        let text = format!(
            "Quorate:          {quorate}\nExpected votes:   3\nTotal votes:      {total}\nQuorum:           2 \nFlags:            \n"
        );
        program("pvecm", &format!("cat <<'END'\n{text}END\nexit {exit}"));
    };
    pvecm("No", 1, 2);
    set(0o555);
    let refused = async || pve.edit(&call(), |_| unreachable!("there is no lock to be had")).await.unwrap_err();
    assert_eq!(refused().await.kind(), ErrorKind::NoQuorum);
    // In the first seconds after the loss the modes are those of before, and pmxcfs is busy.
    program("mkdir", "echo \"mkdir: cannot create directory '$2': Device or resource busy\" >&2\nexit 1");
    set(0o755);
    assert_eq!(refused().await.kind(), ErrorKind::NoQuorum);
    // With quorum it is a lock that another writer holds, which is waited for as long as there is time.
    pvecm("Yes", 3, 0);
    let short = Call::within(Duration::from_secs(4), CancellationToken::new());
    let error = pve.edit(&short, |_| unreachable!("there is no lock to be had")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked, "{error}");
    assert!(error.note().unwrap().contains("although the cluster has quorum"), "{error}");
    let tries = pve.path("tries");
    program(
        "mkdir",
        &format!(
            "echo x >> {0}\nif [ $(wc -l < {0}) -lt 3 ]; then echo \"mkdir: cannot create directory '$2': Device or resource busy\" \
             >&2; exit 1; fi\nexec /bin/mkdir \"$@\"",
            tries.display()
        ),
    );
    fs::write(&tries, "").unwrap();
    // The commands are not run as the user who runs the test.
    fs::set_permissions(&tries, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    set(0o777);
    pve.edit(&call(), |_| Ok(Edit::Keep)).await.unwrap();
    assert_eq!(fs::read_to_string(&tries).unwrap().lines().count(), 3);
    fs::remove_file(pve.path("bin/mkdir")).unwrap();
    // Quorum is lost once the lock is held: the file can't be written beside, whichever of the two the kernel says.
    pvecm("No", 1, 2);
    set(0o555);
    let lost = async || pve.edit(&call(), |_| Ok(Edit::Write("x".to_owned()))).await.unwrap_err();
    for name in ["priv", "priv/lock"] {
        fs::set_permissions(pve.path(name), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let error = lost().await;
    assert_eq!((error.kind(), error.exit()), (ErrorKind::NoQuorum, Some(1)), "{error}");
    assert!(error.message().starts_with("dd: failed to open"), "{error}");
    program("dd", "echo \"dd: failed to open '$1': Device or resource busy\" >&2\nexit 1");
    assert_eq!(lost().await.kind(), ErrorKind::NoQuorum);
    fs::remove_file(pve.path("bin/dd")).unwrap();
    // Whoever is denied with quorum is not root.
    pvecm("Yes", 3, 0);
    set(0o555);
    let error = refused().await;
    assert_eq!(error.kind(), ErrorKind::Failed, "{error}");
    assert!(error.note().unwrap().contains("Only root"), "{error}");
}
