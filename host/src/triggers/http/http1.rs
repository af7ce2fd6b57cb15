//! Serves HTTP/1 on one connection, until the client or the worker ends.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::client::Client;
use super::front::Front;
use super::limits::LAST_REQUESTS;
use super::responses;
use super::watch::Watch;
use super::wire::{Wire, WireIo};
use crate::triggers::Calls;

/// Serves the client until it leaves. When the worker drains, answers what has arrived whole, and closes. Keeps `open` as long
/// as another request may begin.
pub(super) async fn serve(
    wire: &Wire,
    io: WireIo,
    client: &Client,
    front: &Front,
    calls: Calls,
    open: TaskTrackerToken,
) {
    let service = service_fn(|request| {
        wire.begin(&request);
        async move {
            let mut response = front.respond(request, client).await;
            if wire.is_draining() && !responses::is_upgrade(&response) && !wire.has_more() {
                response = responses::closing(response);
            }
            wire.answer(&response);
            Ok::<_, Infallible>(response)
        }
    });
    let mut http = http1::Builder::new();
    // Without `pipeline_flush`, which holds back responses while there is input to read: forever, if the input is
    // malformed.
    http.half_close(true)
        .timer(TokioTimer::new())
        .header_read_timeout(front.pause());
    let mut serving = pin!(
        http.serve_connection(TokioIo::new(Box::pin(io)), service)
            .with_upgrades()
    );
    let mut draining = pin!(async {
        calls.draining().await;
        wire.drain();
        tokio::time::sleep(LAST_REQUESTS).await;
        wire.close_input();
        drop(open);
        std::future::pending::<()>().await;
    });
    let mut watch = Watch::new(wire, client.departure());
    let ended = poll_fn(|context| {
        // First, as it changes what the server reads.
        let _ = draining.as_mut().poll(context);
        if let std::task::Poll::Ready(ended) = serving.as_mut().poll(context) {
            return std::task::Poll::Ready(Some(ended));
        }
        watch.poll_gone(context).map(|()| None)
    });
    match ended.await {
        Some(Ok(())) => {}
        // Nearly always the client's fault: it disconnected, was too slow, or did not speak HTTP.
        Some(Err(error)) => tracing::debug!(client = &**client.address(), "connection: {error}"),
        None => tracing::debug!(client = &**client.address(), "connection: the client has left"),
    }
}
