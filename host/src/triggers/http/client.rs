//! The client of a connection.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::model::{Departure, TrustedProxies};

/// The client of a connection, or the proxy that the client uses.
pub(super) struct Client {
    address: Arc<str>,
    is_trusted: bool,
    departure: Arc<Departure>,
}

impl Client {
    /// Returns the client at this address, which may be one of these proxies.
    pub(super) fn new(address: Option<SocketAddr>, proxies: &TrustedProxies) -> Self {
        Client {
            address: address.map_or_else(|| "".into(), |address| address.to_string().into()),
            is_trusted: address.is_some_and(|address| proxies.contains(address.ip())),
            departure: Arc::default(),
        }
    }

    /// Returns its address and port; empty if unknown.
    pub(super) fn address(&self) -> &Arc<str> {
        &self.address
    }

    /// Whether it is a proxy whose `X-Forwarded-*` headers count.
    pub(super) fn is_trusted(&self) -> bool {
        self.is_trusted
    }

    /// Returns its departure, of which its calls learn.
    pub(super) fn departure(&self) -> &Arc<Departure> {
        &self.departure
    }
}
