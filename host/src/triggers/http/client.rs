//! The client of a connection.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use http::HeaderValue;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::model::{Departure, Scheme, is_authority};

/// The client of a connection, or the proxy that the client uses.
pub(super) struct Client {
    address: Arc<str>,
    is_trusted: bool,
    scheme: Scheme,
    /// The first valid host that it has sent a request to. Others on the connection mostly have the same.
    host: OnceLock<HeaderValue>,
    departure: Arc<Departure>,
    /// The places for its calls, if it may have several at once.
    places: Option<Arc<Semaphore>>,
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
            places: None,
        }
    }

    /// Returns the same client, with this number of requests at once.
    pub(super) fn of_several_requests(mut self, most: u32) -> Self {
        self.places = Some(Arc::new(Semaphore::new(most as usize)));
        self
    }

    /// Returns the same client, for one of several requests at once: it may leave this one, and wait for others.
    pub(super) fn of_one_request(&self) -> Self {
        Client {
            address: Arc::clone(&self.address),
            is_trusted: self.is_trusted,
            scheme: self.scheme,
            host: self.host.clone(),
            departure: Arc::default(),
            places: self.places.clone(),
        }
    }

    /// Waits for a place for a call, which keeps it until it has ended: a client that takes requests back, and sends others, has
    /// no more calls than one that waits. `None` if it sends one request after the other anyway.
    pub(super) async fn place(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(self.places.as_ref()?).acquire_owned().await.ok()
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
