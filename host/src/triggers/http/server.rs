//! Accepting connections and speaking HTTP/1 on them, until the worker drains.

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::front::Front;
use crate::triggers::Calls;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

/// How long to wait before the next try when accepting fails for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How long a connection without a request so far gets to send one when the worker drains.
const FIRST_REQUEST: Duration = Duration::from_millis(100);

/// Serves `listener` until the worker drains; then accepts no more, and returns. Connections go on as tasks that the
/// worker waits for: each finishes the request that it is in, and closes.
pub(super) async fn serve(listener: TcpListener, front: Arc<Front>, calls: Calls) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = calls.draining() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                calls.spawn(connection(stream, Arc::clone(&front), calls.clone()));
            }
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept connections: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // What the kernel has accepted for us already is ours to serve.
    while let Some(Ok((stream, _))) = now(listener.accept()).await {
        calls.spawn(connection(stream, Arc::clone(&front), calls.clone()));
    }
}

async fn connection(stream: TcpStream, front: Arc<Front>, calls: Calls) {
    // Responses are written whole, or as their parts come: there is nothing for Nagle's algorithm to gather.
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
    let mut http = http1::Builder::new();
    // Without `pipeline_flush`, which keeps responses back while there is something to read: forever, where that is
    // malformed.
    http.timer(TokioTimer::new()).header_read_timeout(front.pause());
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = calls.draining() => {
            // One that has just been accepted may have sent a request that nobody has looked at yet.
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
        // The client's doing, nearly always: gone in the middle, too slow, or not speaking HTTP.
        tracing::debug!(client = &*client, "connection: {error}");
    }
}

/// Errors of `accept` that are about the one connection, and not about the listener.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, WouldBlock};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | WouldBlock
    )
}

/// Returns what the future has at once, if anything.
async fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
