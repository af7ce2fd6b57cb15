//! The client of a connection.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use http::HeaderValue;

use crate::model::{Departure, Scheme, is_authority};

/// The client of a connection, or the proxy that the client uses.
pub(super) struct Client {
    address: Arc<str>,
    is_trusted: bool,
    scheme: Scheme,
    /// The first valid host that it has sent a request to. Others on the connection mostly have the same.
    host: OnceLock<HeaderValue>,
    departure: Arc<Departure>,
}

impl Client {
    /// Returns the client at this address. If `is_trusted`, it is a proxy whose `X-Forwarded-*` headers count. `scheme` is
    /// that of URLs for its connection.
    pub(super) fn new(address: Option<SocketAddr>, is_trusted: bool, scheme: Scheme) -> Self {
        Client {
            address: address.map_or_else(|| "".into(), |address| address.to_string().into()),
            is_trusted,
            scheme,
            host: OnceLock::new(),
            departure: Arc::default(),
        }
    }

    /// Returns the same client, for one of several requests at once: it may leave this one, and wait for others.
    pub(super) fn of_one_request(&self) -> Self {
        Client {
            address: Arc::clone(&self.address),
            is_trusted: self.is_trusted,
            scheme: self.scheme,
            host: self.host.clone(),
            departure: Arc::default(),
        }
    }

    /// Returns the scheme of the connection.
    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
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
