//! Where core connects to: a unix socket in a folder that only this user may enter, or a local port on Windows.

use std::io;
use std::path::{Path, PathBuf};

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

    use tempfile::TempDir;
    use tokio::net::UnixListener;

    use super::*;

    /// The longest path that every system takes: 104 bytes on macOS, with the closing zero.
    const LONGEST: usize = 103;

    /// A listening socket.
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
        /// The system's, with the place.
        pub(in crate::plugin) fn bind(environment: Option<&Environment>) -> io::Result<(Self, Place)> {
            let wanted = environment.and_then(|e| e.socket_folder.clone()).unwrap_or_else(std::env::temp_dir);
            match Self::bind_in(&wanted) {
                // A path that is too long for a socket is no reason to fail.
                Err(error) if error.kind() == io::ErrorKind::InvalidFilename => Self::bind_in(Path::new("/tmp")),
                bound => bound,
            }
        }

        fn bind_in(parent: &Path) -> io::Result<(Self, Place)> {
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", parent.display()));
            let only_us = std::fs::Permissions::from_mode(0o700);
            let folder =
                tempfile::Builder::new().prefix("pve-").permissions(only_us).tempdir_in(parent).map_err(named)?;
            let path = folder.path().join("plugin");
            if path.as_os_str().len() > LONGEST {
                return Err(io::ErrorKind::InvalidFilename.into());
            }
            let socket = UnixListener::bind(&path).map_err(named)?;
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
}

#[cfg(windows)]
mod windows {
    use std::net::{Ipv4Addr, SocketAddr};

    use tokio::net::TcpListener;

    use super::*;

    /// A listening port.
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
