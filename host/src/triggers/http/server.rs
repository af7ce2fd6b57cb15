//! Serves HTTP/1 on a connection until the worker drains.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::front::Front;
use crate::triggers::Calls;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutWriter;

/// The time that a connection without a request has to send one when the worker drains.
const FIRST_REQUEST: Duration = Duration::from_millis(100);

/// Serves a connection until its end. When the worker drains, it finishes its current request and closes.
pub(super) async fn connection(stream: TcpStream, front: Arc<Front>, calls: Calls) {
    // A response is written at once, or part by part as it is made: Nagle's algorithm would only delay it.
    let _ = stream.set_nodelay(true);
    let client: Arc<str> = stream
        .peer_addr()
        .map_or_else(|_| "".into(), |address| address.to_string().into());
    let began = AtomicBool::new(false);
    let service = service_fn(|request| {
        began.store(true, Ordering::Relaxed);
        let (front, client) = (&front, &client);
        async move { Ok::<_, Infallible>(front.respond(request, client).await) }
    });
    // Otherwise the response to a client that reads nothing would stay in memory.
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(front.pause()));
    let stream = TokioIo::new(Box::pin(stream));
    let mut http = http1::Builder::new();
    // Without `pipeline_flush`, which holds back responses while there is input to read: forever, if the input is
    // malformed.
    http.timer(TokioTimer::new()).header_read_timeout(front.pause());
    let mut connection = pin!(http.serve_connection(stream, service).with_upgrades());
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = calls.draining() => {
            // A new connection may have sent a request that was not read yet.
            let first = if began.load(Ordering::Relaxed) { Duration::ZERO } else { FIRST_REQUEST };
            match tokio::time::timeout(first, connection.as_mut()).await {
                Ok(ended) => ended,
                Err(_) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        }
    };
    if let Err(error) = ended {
        // Nearly always the client's fault: it disconnected, was too slow, or did not speak HTTP.
        tracing::debug!(client = &*client, "connection: {error}");
    }
}
