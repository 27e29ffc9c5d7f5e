//! A port without a listener, reserved so that no other process takes it meanwhile.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// Bound and never listening: every connection is refused.
#[derive(Debug)]
pub struct ClosedPort {
    _socket: TcpSocket,
    address: SocketAddr,
}

impl ClosedPort {
    /// Takes a free port of the loopback interface.
    #[expect(clippy::new_without_default, reason = "it takes something of the machine's")]
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("the loopback interface has a free port");
        let address = socket.local_addr().expect("it is bound");
        Self { _socket: socket, address }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }
}

impl fmt::Display for ClosedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
