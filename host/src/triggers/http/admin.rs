//! The host's own paths, for operators. A function whose route is "metrics" under an empty prefix comes before ours.

use std::pin::Pin;

use http::{Method, Response, StatusCode};

use super::responses::{self, ResponseBody};

/// What a worker reports of itself and the other workers, and does for its operator.
pub trait Admin: Send + Sync + 'static {
    /// `GET /admin/host/status`.
    fn status(&self) -> serde_json::Value;

    /// `GET /admin/extensions`, of all workers.
    fn extensions(&self) -> AdminFuture<'_, serde_json::Value>;

    /// `GET /metrics`, of all workers, in the text format of OpenMetrics.
    fn metrics(&self) -> AdminFuture<'_, String>;

    /// `POST /admin/extensions/flush`, of all workers.
    fn flush(&self) -> AdminFuture<'_, FlushOutcome>;
}

/// What a method of [`Admin`] that waits for other workers returns.
pub type AdminFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How a flush of all workers went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlushOutcome {
    /// All have flushed.
    All,
    /// One flushes already; the others have flushed.
    Busy,
    /// So many have not answered in time.
    Without(usize),
}

/// Answers a request that no function's route matches.
pub(super) async fn answer(admin: &dyn Admin, method: &Method, path: &str) -> Response<ResponseBody> {
    match (method, path) {
        (&Method::GET | &Method::HEAD, "/admin/host/status") => responses::json(&admin.status()),
        (&Method::GET | &Method::HEAD, "/admin/extensions") => responses::json(&admin.extensions().await),
        (&Method::GET | &Method::HEAD, "/metrics") => responses::metrics(admin.metrics().await),
        (&Method::POST, "/admin/extensions/flush") => match admin.flush().await {
            FlushOutcome::All => responses::no_content(),
            FlushOutcome::Busy => responses::plain(StatusCode::CONFLICT, "a flush is running already\n"),
            FlushOutcome::Without(workers) => responses::not_flushed(workers),
        },
        _ => responses::plain(StatusCode::NOT_FOUND, "no function has this route\n"),
    }
}
