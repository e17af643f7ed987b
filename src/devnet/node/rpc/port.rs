//! The port of an endpoint.

use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1_024;

/// A port that is ours, whether somebody listens there or not.
#[derive(Debug)]
pub(in crate::devnet) struct Port {
    address: SocketAddr,
    /// Bound and never listening: connections are refused, and nobody else gets the port.
    _reserved: TcpSocket,
}

impl Port {
    /// Takes a port; 0 is a free one.
    pub fn reserve(address: SocketAddr) -> std::io::Result<Self> {
        let reserved = bound(address)?;
        Ok(Self { address: reserved.local_addr()?, _reserved: reserved })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Listens there, on the runtime that is entered.
    pub fn listen(&self) -> std::io::Result<TcpListener> {
        listen(self.address)
    }
}

/// Listens at the address of a port that is ours.
pub(super) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    bound(address)?.listen(BACKLOG)
}

fn bound(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
