//! The listening socket: bound once by the supervisor, shared by all workers.

use std::io;
use std::net::{SocketAddr, TcpListener};

use tokio::net::TcpSocket;

use super::SupervisorError;

/// The number of connections that may wait to be accepted, also while a worker restarts. The system's own limit
/// (`net.core.somaxconn`) may be lower.
const BACKLOG: u32 = 4096;

/// Binds `address`. Returns the socket and its address, where port 0 has become a free one. Needs a tokio runtime.
pub(super) fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), SupervisorError> {
    let bind = || -> io::Result<(TcpListener, SocketAddr)> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        // A port with old connections in TIME_WAIT is free.
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        // It stays non-blocking, which the workers' tokio needs.
        let listener = socket.listen(BACKLOG)?.into_std()?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bind().map_err(|source| SupervisorError::Bind { address, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_0_becomes_a_free_one_and_a_busy_one_says_what_to_do() {
        let (_listener, bound) = bind("127.0.0.1:0".parse().expect("a literal")).expect("a free port");
        assert_ne!(bound.port(), 0);
        let error = bind(bound).expect_err("busy").to_string();
        assert!(
            error.contains(&bound.to_string()) && error.contains("--port"),
            "{error}"
        );
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
