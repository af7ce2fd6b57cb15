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
    fn flush(&self) -> AdminFuture<'_, FlushReport>;
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

/// What is not flushed, by the index of the worker. Empty if all workers have flushed everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlushReport {
    /// What failed, one text for each extension.
    pub failures: Vec<(u32, String)>,
    /// The workers that were not asked, as they are not ready, or have not replied in time.
    pub missing: Vec<u32>,
    /// The workers that are already flushing.
    pub busy: Vec<u32>,
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
        (&Method::POST, "/admin/extensions/flush") => flushed(&admin.flush().await),
        _ => responses::plain(StatusCode::NOT_FOUND, "no function has this route\n"),
    }
}

/// Responds to a flush: 204 if all is flushed, else a line for each worker and extension.
fn flushed(report: &FlushReport) -> Response<ResponseBody> {
    let status = match report {
        FlushReport { failures, .. } if !failures.is_empty() => StatusCode::INTERNAL_SERVER_ERROR,
        FlushReport { missing, .. } if !missing.is_empty() => StatusCode::GATEWAY_TIMEOUT,
        FlushReport { busy, .. } if !busy.is_empty() => StatusCode::CONFLICT,
        _ => return responses::no_content(),
    };
    let failures = report
        .failures
        .iter()
        .map(|(worker, failure)| format!("worker {worker}: {failure}\n"));
    let missing = report.missing.iter().map(|worker| {
        format!("worker {worker}: not flushed: it is not ready, or has not replied in time; see the log, and ask again\n")
    });
    let busy = report
        .busy
        .iter()
        .map(|worker| format!("worker {worker}: a flush is running already\n"));
    responses::plain(status, failures.chain(missing).chain(busy).collect::<String>())
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn answer_to(report: FlushReport) -> (u16, String) {
        let response = flushed(&report);
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("UTF-8"))
    }

    #[tokio::test]
    async fn the_answer_to_a_flush_names_what_is_missing() {
        assert_eq!(answer_to(FlushReport::default()).await, (204, String::new()));
        let busy = FlushReport {
            busy: vec![1],
            ..FlushReport::default()
        };
        let (status, body) = answer_to(busy.clone()).await;
        assert_eq!(
            (status, body.as_str()),
            (409, "worker 1: a flush is running already\n")
        );
        let missing = FlushReport {
            missing: vec![0, 2],
            ..busy
        };
        let (status, body) = answer_to(missing.clone()).await;
        assert_eq!(status, 504);
        assert!(body.starts_with("worker 0: not flushed: "), "{body}");
        assert!(
            body.contains("\nworker 2: not flushed: ") && body.contains("\nworker 1: a flush"),
            "{body}"
        );
        let failed = FlushReport {
            failures: vec![(
                1,
                "extension \"spans\": flush failed: the disk is full".to_owned(),
            )],
            ..missing
        };
        let (status, body) = answer_to(failed).await;
        assert_eq!(status, 500);
        assert!(
            body.starts_with("worker 1: extension \"spans\": flush failed: the disk is full\n"),
            "{body}"
        );
    }
}
