//! HTTP triggers: from accepted connections to responses.
//!
//! `server` accepts connections; `front` takes a request through the route (`router`), the limits, the body and the call;
//! `reply` makes responses from outcomes, `responses` has those of the host itself. A client that goes on with the
//! WebSocket protocol asks so with a `handshake`; its bytes go through a `tunnel` from then on.

mod admin;
mod body;
mod front;
mod handshake;
mod reply;
mod responses;
mod router;
mod server;
#[cfg(test)]
mod tests;
mod tunnel;

use std::net::TcpListener;
use std::sync::Arc;

use super::{Calls, Trigger, TriggerFuture};
use crate::app::HttpConfig;
use crate::pipeline::LoadedFunction;
use front::Front;

pub use admin::{Admin, AdminFuture, FlushOutcome};

/// The HTTP trigger of a worker.
pub struct Http {
    listener: TcpListener,
    config: HttpConfig,
    admin: Arc<dyn Admin>,
}

impl Http {
    /// Returns a trigger that serves HTTP from this socket, which is bound and non-blocking. `admin` serves the host's own
    /// paths.
    pub fn new(listener: TcpListener, config: HttpConfig, admin: Arc<dyn Admin>) -> Self {
        Http {
            listener,
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
        let listener = tokio::net::TcpListener::from_std(self.listener)
            .map_err(|error| format!("the listening socket: {error}"))?;
        let front = Front::new(self.config, functions, calls.clone(), self.admin);
        Ok(Box::pin(server::serve(listener, Arc::new(front), calls)))
    }
}
