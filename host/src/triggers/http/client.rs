//! The client of a connection.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use http::HeaderValue;

use crate::model::{Departure, TrustedProxies, is_authority};

/// The client of a connection, or the proxy that the client uses.
pub(super) struct Client {
    address: Arc<str>,
    is_trusted: bool,
    /// The first valid host that it has sent a request to. Others on the connection mostly have the same.
    host: OnceLock<HeaderValue>,
    departure: Arc<Departure>,
}

impl Client {
    /// Returns the client at this address, which may be one of these proxies.
    pub(super) fn new(address: Option<SocketAddr>, proxies: &TrustedProxies) -> Self {
        Client {
            address: address.map_or_else(|| "".into(), |address| address.to_string().into()),
            is_trusted: address.is_some_and(|address| proxies.contains(address.ip())),
            host: OnceLock::new(),
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

    /// Whether this host, of a `Host` header, is the authority of a URL.
    pub(super) fn is_valid_host(&self, host: &HeaderValue) -> bool {
        if self.host.get().is_some_and(|known| known == host) {
            return true;
        }
        let is_valid = is_authority(host.as_bytes());
        if is_valid {
            // Of several that are new at once, one stays.
            let _ = self.host.set(host.clone());
        }
        is_valid
    }

    /// Returns its departure, of which its calls learn.
    pub(super) fn departure(&self) -> &Arc<Departure> {
        &self.departure
    }
}
