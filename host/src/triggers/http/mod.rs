//! HTTP triggers: from accepted connections to responses.
//!
//! `server` accepts connections; `connection` serves one, over its `wire`; `front` takes a request through the route (`router`), the limits, the body and the call;
//! `reply` makes responses from outcomes, `responses` has those of the host itself. A client that goes on with the
//! WebSocket protocol asks so with a `handshake`; its bytes go through a `tunnel` from then on.

mod admin;
mod body;
mod budget;
mod client;
mod connection;
mod connection_headers;
mod front;
mod handshake;
mod origin;
mod reply;
mod responses;
mod router;
mod server;
mod target;
#[cfg(test)]
mod tests;
mod tunnel;
mod watch;
mod wire;

use std::net::TcpListener;
use std::sync::Arc;

use super::{Calls, Trigger, TriggerFuture};
use crate::app::HttpConfig;
use crate::pipeline::LoadedFunction;
use front::Front;

pub use admin::{Admin, AdminFuture, FlushOutcome};

/// The sockets that a worker serves HTTP from. They are bound and non-blocking.
///
/// Each worker has a socket of its own, all of one port: the system distributes new connections among them, so no
/// worker takes those of the others. If a worker does not accept its connections in time, the others do.
pub struct Listeners {
    /// The worker's own.
    pub own: TcpListener,
    /// Those of the other workers.
    pub others: Vec<TcpListener>,
}

impl From<TcpListener> for Listeners {
    /// The socket of an only worker.
    fn from(own: TcpListener) -> Self {
        Listeners {
            own,
            others: Vec::new(),
        }
    }
}

/// The HTTP trigger of a worker.
pub struct Http {
    listeners: Listeners,
    config: HttpConfig,
    admin: Arc<dyn Admin>,
}

impl Http {
    /// Returns a trigger that serves HTTP from these sockets. `admin` serves the host's own paths.
    pub fn new(listeners: Listeners, config: HttpConfig, admin: Arc<dyn Admin>) -> Self {
        Http {
            listeners,
            config,
            admin,
        }
    }
}

/// Whether this is the binding type of HTTP triggers, in any case.
pub(crate) fn is_http_trigger(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("httpTrigger")
}

impl Trigger for Http {
    fn name(&self) -> &'static str {
        "HTTP"
    }

    fn serves(&self, kind: &str) -> bool {
        is_http_trigger(kind)
    }

    /// The host's own paths.
    fn serves_more(&self) -> bool {
        true
    }

    fn start(
        self: Box<Self>,
        functions: Vec<Arc<LoadedFunction>>,
        calls: Calls,
    ) -> Result<TriggerFuture, String> {
        let listening = |listener| {
            tokio::net::TcpListener::from_std(listener)
                .map_err(|error| format!("the listening socket: {error}"))
        };
        let front = Arc::new(Front::new(self.config, functions, calls.clone(), self.admin));
        for other in self.listeners.others {
            calls.spawn(server::cover(
                listening(other)?,
                Arc::clone(&front),
                calls.clone(),
            ));
        }
        let own = listening(self.listeners.own)?;
        Ok(Box::pin(server::serve(own, front, calls)))
    }
}
