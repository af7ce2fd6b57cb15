//! The host's own paths, for operators. Those below `/admin` win over every function's route. A function with the route
//! "metrics" under an empty prefix, or one that takes all paths, replaces the host's `/metrics`: `/admin/metrics` is the same.

use std::pin::Pin;

use http::{Method, Response, StatusCode};

use super::responses::{self, ResponseBody};
use crate::app::RESERVED;

/// The operator's requests to a worker: reports about itself and the other workers, and a flush.
pub trait Admin: Send + Sync + 'static {
    /// `GET /admin/host/status`.
    fn status(&self) -> Status;

    /// `GET /admin/extensions`, of all workers.
    fn extensions(&self) -> AdminFuture<'_, serde_json::Value>;

    /// `GET /metrics`, of all workers, in the text format of OpenMetrics.
    fn metrics(&self) -> AdminFuture<'_, String>;

    /// `POST /admin/extensions/flush`, of all workers.
    fn flush(&self) -> AdminFuture<'_, FlushOutcome>;
}

/// The state of a worker.
#[derive(Debug)]
pub struct Status {
    /// Whether the worker can go on serving.
    pub is_healthy: bool,
    /// What operators see.
    pub report: serde_json::Value,
}

/// The future of a method of [`Admin`] that waits for other workers.
pub type AdminFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The outcome of a flush of all workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushOutcome {
    /// All workers have flushed.
    All,
    /// At least one worker is already flushing; the others have flushed.
    Busy,
    /// This number of workers has not replied in time.
    Without(usize),
}

/// Whether the host keeps this path for itself, whatever the routes of functions.
pub(super) fn is_reserved(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    RESERVED
        .iter()
        .any(|reserved| first.eq_ignore_ascii_case(reserved))
}

/// Responds to a request that no function's route matches.
pub(super) async fn answer(admin: &dyn Admin, method: &Method, path: &str) -> Response<ResponseBody> {
    match (method, path) {
        (&Method::GET | &Method::HEAD, "/admin/host/status") => {
            let Status { is_healthy, report } = admin.status();
            let mut response = responses::json(&report);
            if !is_healthy {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            response
        }
        (&Method::GET | &Method::HEAD, "/admin/extensions") => responses::json(&admin.extensions().await),
        (&Method::GET | &Method::HEAD, "/metrics" | "/admin/metrics") => {
            responses::metrics(admin.metrics().await)
        }
        (&Method::POST, "/admin/extensions/flush") => match admin.flush().await {
            FlushOutcome::All => responses::no_content(),
            FlushOutcome::Busy => responses::plain(StatusCode::CONFLICT, "a flush is running already\n"),
            FlushOutcome::Without(workers) => responses::not_flushed(workers),
        },
        _ => responses::plain(StatusCode::NOT_FOUND, "no function has this route\n"),
    }
}
