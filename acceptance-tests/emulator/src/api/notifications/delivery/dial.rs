//! Where an address really is.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// `ECONNREFUSED`
const REFUSED: i32 = 111;
/// `ENETUNREACH`
const UNREACHABLE: i32 = 101;

/// The network of the emulated nodes: this machine, and whatever is said to be on it. Nothing is sent anywhere else.
#[derive(Clone, Debug, Default)]
pub struct Dialer {
    addresses: BTreeMap<String, SocketAddr>,
}

impl Dialer {
    /// A network in which each `HOST:PORT` is where the table says.
    #[must_use]
    pub fn new(addresses: BTreeMap<String, SocketAddr>) -> Self {
        Self { addresses }
    }

    /// The address that a connection to that host uses.
    ///
    /// # Errors
    /// The host is not on this machine.
    pub(super) fn resolve(&self, host: &str, port: u16) -> io::Result<SocketAddr> {
        if let Some(address) = self.addresses.get(&format!("{host}:{port}")) {
            return Ok(*address);
        }
        let is_known = self.addresses.keys().any(|known| known.rsplit_once(':').is_some_and(|(name, _)| name == host));
        if is_known {
            return Err(io::Error::from_raw_os_error(REFUSED));
        }
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(ip) if ip.is_loopback() => Ok(SocketAddr::new(ip, port)),
            Ok(_) => Err(io::Error::from_raw_os_error(UNREACHABLE)),
            Err(_) if host == "localhost" => Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)),
            Err(_) => Err(io::Error::other("failed to lookup address information: Name or service not known")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_this_machine() {
        let here = SocketAddr::from(([127, 0, 0, 1], 7));
        let dialer = Dialer::new([("10.99.0.254:25".to_owned(), here)].into());
        assert_eq!(dialer.resolve("10.99.0.254", 25).unwrap(), here);
        assert_eq!(dialer.resolve("127.0.0.1", 7).unwrap(), here);
        assert_eq!(dialer.resolve("localhost", 7).unwrap(), here);
        assert_eq!(dialer.resolve("10.99.0.254", 26).unwrap_err().to_string(), "Connection refused (os error 111)");
        assert_eq!(dialer.resolve("10.99.0.1", 25).unwrap_err().to_string(), "Network is unreachable (os error 101)");
        assert!(dialer.resolve("mx.example.org", 25).is_err());
    }
}
