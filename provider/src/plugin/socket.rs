//! The address that core connects to: a unix socket in a folder that only this user may enter, or a local port on Windows.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};

use super::environment::Environment;

/// Both ends of a connection, whatever it runs over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A listening address as go-plugin writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) network: &'static str,
    pub(super) text: String,
}

#[cfg(unix)]
pub(super) use unix::Listener;
#[cfg(windows)]
pub(super) use windows::Listener;

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    use tempfile::TempDir;
    use tokio::net::UnixListener;

    use super::*;

    /// The longest path that every system takes: 104 bytes on macOS, with the closing zero.
    const LONGEST: usize = 103;

    pub(in crate::plugin) struct Listener {
        socket: UnixListener,
        path: PathBuf,
    }

    /// The socket's folder, removed when this is dropped. (The listener itself ends with some task of the runtime,
    /// perhaps after the process.)
    pub(in crate::plugin) struct Place {
        _folder: TempDir,
    }

    impl Listener {
        /// A socket in a fresh folder.
        ///
        /// # Errors
        /// None of the folders takes it; the text names each with the system's reason.
        pub(in crate::plugin) fn bind(environment: Option<&Environment>) -> io::Result<(Self, Place)> {
            Self::bind_in_one_of(folders(environment.and_then(|e| e.socket_folder.clone())))
        }

        fn bind_in_one_of(folders: impl IntoIterator<Item = PathBuf>) -> io::Result<(Self, Place)> {
            let mut tried = Vec::new();
            let mut reasons = Vec::new();
            for folder in folders {
                if tried.contains(&folder) {
                    continue;
                }
                match Self::bind_in(&folder) {
                    Ok(bound) => return Ok(bound),
                    Err(error) => reasons.push(format!("{}: {error}", folder.display())),
                }
                tried.push(folder);
            }
            let text = format!(
                "the socket for terraform or tofu can't be created in any directory ({}). Set TMPDIR to a writable \
                 directory",
                reasons.join("; ")
            );
            Err(io::Error::other(text))
        }

        fn bind_in(parent: &Path) -> io::Result<(Self, Place)> {
            let only_us = std::fs::Permissions::from_mode(0o700);
            let folder = tempfile::Builder::new().prefix("pve-").permissions(only_us).tempdir_in(parent)?;
            let path = folder.path().join("plugin");
            if path.as_os_str().len() > LONGEST {
                return Err(io::Error::other("its path is too long for a socket"));
            }
            let socket = UnixListener::bind(&path)?;
            Ok((Self { socket, path }, Place { _folder: folder }))
        }

        pub(in crate::plugin) fn address(&self) -> Address {
            Address { network: "unix", text: self.path.display().to_string() }
        }

        pub(in crate::plugin) async fn accept(&self) -> io::Result<Box<dyn Stream>> {
            let (stream, _) = self.socket.accept().await?;
            Ok(Box::new(stream))
        }
    }

    /// Where the socket may be: where it is asked for, where temporary files are, and, since those may be missing, full or too
    /// deep, the other places that a system has for it. `/dev/shm` is memory, which a full disk leaves alone.
    fn folders(configured: Option<PathBuf>) -> impl Iterator<Item = PathBuf> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
        let usual = ["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from);
        configured.into_iter().chain([std::env::temp_dir()]).chain(runtime).chain(usual)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[tokio::test]
        async fn the_first_folder_that_can_be_used_is_used() {
            let temporary = tempfile::tempdir().unwrap();
            let deep = temporary.path().join("x".repeat(LONGEST));
            std::fs::create_dir(&deep).unwrap();
            let file = temporary.path().join("file");
            std::fs::write(&file, "").unwrap();
            let bad = [PathBuf::from("/nonexistent"), deep, file];
            let usable = bad.iter().cloned().chain([temporary.path().to_owned()]);
            let (listener, place) = Listener::bind_in_one_of(usable).unwrap();
            assert_eq!(listener.path.parent().and_then(Path::parent), Some(temporary.path()));
            let mode = std::fs::metadata(listener.path.parent().unwrap()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
            drop(place);
            let error = Listener::bind_in_one_of(bad.into_iter().cycle().take(6)).map(drop).unwrap_err().to_string();
            for reason in ["/nonexistent: No such file", "too long for a socket", "/file: Not a directory"] {
                assert_eq!(error.matches(reason).count(), 1, "{error}");
            }
            // What was begun is taken back.
            assert_eq!(std::fs::read_dir(temporary.path()).unwrap().count(), 2);
        }

        #[test]
        fn the_place_that_is_asked_for_comes_first() {
            let folders: Vec<PathBuf> = folders(Some("/wanted".into())).collect();
            assert_eq!(folders.first(), Some(&PathBuf::from("/wanted")));
            assert_eq!(folders.get(1), Some(&std::env::temp_dir()));
            assert!(folders.ends_with(&["/tmp", "/var/tmp", "/dev/shm"].map(PathBuf::from)));
        }
    }
}

#[cfg(windows)]
mod windows {
    use std::net::{Ipv4Addr, SocketAddr};

    use tokio::net::TcpListener;

    use super::*;

    pub(in crate::plugin) struct Listener {
        socket: TcpListener,
        address: SocketAddr,
    }

    /// What a port leaves behind: nothing.
    pub(in crate::plugin) struct Place;

    impl Listener {
        /// The first free port of the range that core gives.
        ///
        /// # Errors
        /// All are taken.
        pub(in crate::plugin) fn bind(environment: Option<&Environment>) -> io::Result<(Self, Place)> {
            let ports = environment.map_or(10_000..=25_000, |e| e.ports.clone());
            let bind = |port| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok();
            let socket = ports.into_iter().find_map(bind).ok_or(io::ErrorKind::AddrInUse)?;
            socket.set_nonblocking(true)?;
            let address = socket.local_addr()?;
            Ok((Self { address, socket: TcpListener::from_std(socket)? }, Place))
        }

        pub(in crate::plugin) fn address(&self) -> Address {
            Address { network: "tcp", text: self.address.to_string() }
        }

        pub(in crate::plugin) async fn accept(&self) -> io::Result<Box<dyn Stream>> {
            let (stream, _) = self.socket.accept().await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream))
        }
    }
}
