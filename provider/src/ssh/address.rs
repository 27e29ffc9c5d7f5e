//! The address of a host.

use std::fmt;

use futures_util::future::BoxFuture;

use crate::call::Call;

/// A name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// A host name, an IPv4 or an IPv6 address.
    pub host: String,
    /// The port of SSH.
    pub port: u16,
}

impl Address {
    /// An address. Brackets round an IPv6 address are taken away.
    #[must_use]
    pub fn new(host: &str, port: u16) -> Self {
        let host = host.trim();
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Self { host: bare.to_owned(), port }
    }

    /// The name it has in `known_hosts`.
    #[must_use]
    pub fn known_as(&self) -> String {
        if self.port == 22 { self.host.clone() } else { format!("[{}]:{}", self.host, self.port) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The source of the addresses of a cluster's nodes.
pub trait Locate: Send + Sync {
    /// The address of a node; `None` if there is no such node.
    ///
    /// # Errors
    ///
    /// The question could not be answered; the text says why.
    fn locate<'a>(&'a self, node: &'a str, call: &'a Call) -> BoxFuture<'a, Result<Option<String>, String>>;
}
