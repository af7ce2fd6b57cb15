//! The listening sockets, one a worker, all of one port.

use std::io;
use std::net::{SocketAddr, TcpListener};

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

/// Binds `address` once for each worker: the system distributes new connections among the sockets. Returns the sockets and
/// their address, where port 0 has become a free one. Needs a tokio runtime.
pub(super) fn bind(
    address: SocketAddr,
    workers: u32,
) -> Result<(Vec<TcpListener>, SocketAddr), SupervisorError> {
    let bind_all = || -> io::Result<(Vec<TcpListener>, SocketAddr)> {
        if workers == 1 {
            let listener = bind_one(address, false)?;
            let bound = listener.local_addr()?;
            return Ok((vec![listener], bound));
        }
        // A socket that shares its port can be bound beside one of somebody else that does, too. This one cannot.
        drop(bind_one(address, false)?);
        let first = bind_one(address, true)?;
        let bound = first.local_addr()?;
        let others = (1..workers).map(|_| bind_one(bound, true));
        let all: io::Result<Vec<_>> = std::iter::once(Ok(first)).chain(others).collect();
        Ok((all?, bound))
    };
    bind_all().map_err(|source| SupervisorError::Bind { address, source })
}

fn bind_one(address: SocketAddr, shares_port: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // A port with old connections in TIME_WAIT is free.
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(shares_port)?;
    socket.bind(address)?;
    // Connections inherit it.
    SockRef::from(&socket).set_tcp_notsent_lowat(NOT_SENT)?;
    // It stays non-blocking, which the workers' tokio needs.
    socket.listen(BACKLOG)?.into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_0_becomes_a_free_one_and_a_busy_one_says_what_to_do() {
        for workers in [1, 3] {
            let any = "127.0.0.1:0".parse().expect("a literal");
            let (listeners, bound) = bind(any, workers).expect("a free port");
            assert_eq!(listeners.len(), workers as usize);
            assert_ne!(bound.port(), 0);
            for listener in &listeners {
                assert_eq!(listener.local_addr().expect("bound"), bound);
            }
            // Also if the other host shares its port among its workers.
            for others in [1, 2] {
                let error = bind(bound, others).expect_err("busy").to_string();
                assert!(
                    error.contains(&bound.to_string()) && error.contains("--port"),
                    "{error}"
                );
            }
        }
    }

    #[tokio::test]
    async fn connections_take_little_in_advance() {
        let any = "127.0.0.1:0".parse().expect("a literal");
        let (listeners, bound) = bind(any, 1).expect("a free port");
        listeners[0].set_nonblocking(false).expect("set");
        let _client = std::net::TcpStream::connect(bound).expect("connected");
        let (connection, _) = listeners[0].accept().expect("accepted");
        let limit = SockRef::from(&connection).tcp_notsent_lowat().expect("read");
        assert_eq!(limit, NOT_SENT);
    }

    #[tokio::test]
    async fn an_address_of_another_machine_says_what_to_do() {
        // TEST-NET-1, which no machine has.
        let error = bind("192.0.2.1:0".parse().expect("a literal"), 1)
            .expect_err("not ours")
            .to_string();
        assert!(error.contains("--address"), "{error}");
    }
}
