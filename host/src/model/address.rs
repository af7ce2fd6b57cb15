//! Where a host is reached.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// The address of a listening socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostAddress {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// The file of a Unix socket.
    Unix(PathBuf),
}

impl HostAddress {
    /// Whether only this machine can reach it.
    pub fn is_local(&self) -> bool {
        match self {
            HostAddress::Ip(address) => address.ip().to_canonical().is_loopback(),
            HostAddress::Unix(_) => true,
        }
    }

    /// Returns the host and port of URLs for it on this machine.
    pub fn authority(&self) -> String {
        match self {
            HostAddress::Ip(address)
                if address.ip().is_unspecified() || address.ip() == Ipv4Addr::LOCALHOST =>
            {
                format!("localhost:{}", address.port())
            }
            HostAddress::Ip(address) => address.to_string(),
            HostAddress::Unix(_) => "localhost".to_owned(),
        }
    }
}

impl fmt::Display for HostAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostAddress::Ip(address) => write!(formatter, "{address}"),
            HostAddress::Unix(file) => write!(formatter, "unix:{}", file.display()),
        }
    }
}
