//! The listening socket, which all workers share.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::SockRef;
use tokio::net::TcpSocket;

use super::SupervisorError;

/// The number of connections that may wait to be accepted, also while a worker restarts. The system's own limit
/// (`net.core.somaxconn`) may be lower.
const BACKLOG: u32 = 4096;

/// The number of bytes of a response that a connection takes beyond those that are on their way, which bounds the kernel's
/// memory. Without it a full connection has room again only when the client has read a megabyte: a slow one looks like one
/// that does not read at all.
const NOT_SENT: u32 = 256 << 10;

/// Binds `address`. Returns the socket and its address, where port 0 has become a free one. Needs a tokio runtime.
pub(super) fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), SupervisorError> {
    let bound = || -> io::Result<(TcpListener, SocketAddr)> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // A port with old connections in TIME_WAIT is free.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        // Connections inherit it.
        SockRef::from(&socket).set_tcp_notsent_lowat(NOT_SENT)?;
        // It stays non-blocking, which the workers need.
        let listener = socket.listen(BACKLOG)?.into_std()?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bound().map_err(|source| SupervisorError::Bind { address, source })
}

/// Returns the host and port that reach `address` from this machine.
pub(crate) fn reachable_authority(address: SocketAddr) -> String {
    if address.ip().is_unspecified() || address.ip() == Ipv4Addr::LOCALHOST {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_0_becomes_a_free_one_and_a_busy_one_says_what_to_do() {
        let any = "127.0.0.1:0".parse().expect("a literal");
        let (listener, bound) = bind(any).expect("a free port");
        assert_ne!(bound.port(), 0);
        assert_eq!(listener.local_addr().expect("bound"), bound);
        let error = bind(bound).expect_err("busy").to_string();
        assert!(
            error.contains(&bound.to_string()) && error.contains("--port"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn connections_take_little_in_advance() {
        let any = "127.0.0.1:0".parse().expect("a literal");
        let (listener, bound) = bind(any).expect("a free port");
        listener.set_nonblocking(false).expect("set");
        let _client = std::net::TcpStream::connect(bound).expect("connected");
        let (connection, _) = listener.accept().expect("accepted");
        let limit = SockRef::from(&connection).tcp_notsent_lowat().expect("read");
        assert_eq!(limit, NOT_SENT);
    }

    #[tokio::test]
    async fn an_address_of_another_machine_says_what_to_do() {
        // TEST-NET-1, which no machine has.
        let error = bind("192.0.2.1:0".parse().expect("a literal"))
            .expect_err("not ours")
            .to_string();
        assert!(error.contains("--address"), "{error}");
    }
}
