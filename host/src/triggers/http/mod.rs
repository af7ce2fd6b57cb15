//! HTTP triggers: from accepted connections to responses.
//!
//! `accept` takes connections; `connection` finds out whether a client speaks `http1` or `http2`, which serve it over its
//! `wire`; `front` takes a request through the route (`router`),
//! the limits, the body and the call; `announced` has calls that somebody else routes;
//! `reply` makes responses from outcomes, `responses` has those of the host itself. A client that goes on with the
//! WebSocket protocol asks so with a `handshake`; its bytes go through a `tunnel` from then on.

mod accept;
mod access;
mod access_log;
mod admin;
mod announced;
mod balance;
mod body;
mod budget;
mod client;
mod connection;
mod connection_headers;
mod cors;
mod counts;
mod destinations;
mod front;
mod handshake;
mod http1;
mod http2;
mod limits;
mod origin;
mod reply;
mod responses;
mod router;
mod target;
#[cfg(test)]
mod tests;
mod tunnel;
mod watch;
mod wire;

use std::io;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;

use super::blob::BlobWebhook;
use super::{Calls, Trigger, TriggerFuture};
use crate::app::HttpConfig;
use crate::pipeline::LoadedFunction;
use crate::tls::Identity;
use accept::Acceptor;
use admin::HostPaths;
use front::Front;

pub(crate) use accept::Handover;
pub use accept::Listener;
pub use admin::{Admin, AdminFuture, FlushReport, Status};
pub(crate) use announced::{AnnouncedCall, AnnouncedCalls, Caller, NotAnnounced, Taking};
pub(crate) use connection::SPEAKS_TLS;
pub use counts::{CLASSES, ResponseCounts};
pub(crate) use reply::{Reply, into_response};

/// The HTTP trigger of a worker.
pub struct Http {
    listener: Listener,
    config: HttpConfig,
    all: Vec<Arc<LoadedFunction>>,
    responses: Arc<ResponseCounts>,
    admin: Arc<dyn Admin>,
    webhook: BlobWebhook,
}

impl Http {
    /// Returns a trigger that serves HTTP from this socket. `admin` serves the host's own paths, where operators can run `all`
    /// functions, `webhook` takes events of blobs. Responses are counted in `responses`.
    pub(crate) fn new(
        listener: Listener,
        config: HttpConfig,
        all: Vec<Arc<LoadedFunction>>,
        responses: Arc<ResponseCounts>,
        admin: Arc<dyn Admin>,
        webhook: BlobWebhook,
    ) -> Self {
        Http {
            listener,
            config,
            all,
            responses,
            admin,
            webhook,
        }
    }
}

/// Prepares to serve the requests of these calls, without routes, keys or the host's own paths. Called within a tokio runtime.
///
/// # Errors
/// The socket cannot be used.
pub(crate) fn serve_announced(
    listener: Listener,
    config: HttpConfig,
    announced: Arc<dyn AnnouncedCalls>,
    calls: Calls,
) -> io::Result<impl Future<Output = Result<(), String>> + Send> {
    let front = Front::for_announced(config, announced, calls.clone());
    Ok(Acceptor::new(listener, None, Arc::new(front), calls)?.serve())
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
        let paths = HostPaths::new(self.admin, self.all, self.webhook, calls.clone(), &self.config);
        let tls = self.config.tls.as_ref().map(Identity::server_config).transpose();
        let tls = tls.map_err(|error| format!("the certificate: {error}"))?;
        let tls = tls.map(TlsAcceptor::from);
        let admin = match &self.config.admin {
            Some(admin) => Some(Acceptor::for_operators(
                admin,
                tls.clone(),
                &self.config,
                &paths,
                &calls,
                &self.responses,
            )?),
            None => None,
        };
        let front = Arc::new(Front::new(
            self.config,
            functions,
            calls.clone(),
            paths,
            self.responses,
        ));
        let acceptor = Acceptor::new(self.listener, tls, front, calls);
        let acceptor = acceptor.map_err(|error| format!("the listening socket: {error}"))?;
        Ok(match admin {
            None => Box::pin(acceptor.serve()),
            Some(admin) => Box::pin(async { tokio::try_join!(acceptor.serve(), admin.serve()).map(|_| ()) }),
        })
    }
}
