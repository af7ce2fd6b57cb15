//! Accepts connections and serves HTTP/1 on them until the worker drains.

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
use tokio::task::coop::unconstrained;
use tokio_io_timeout::TimeoutWriter;

/// The time until the next attempt after accepting failed because of a lack of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The time that another worker has to accept the connections of its own socket.
const OTHERS_TURN: Duration = Duration::from_millis(5);

/// The time that a connection without a request has to send one when the worker drains.
const FIRST_REQUEST: Duration = Duration::from_millis(100);

/// Serves `listener` until the worker drains, then stops accepting and returns. Connections continue as tasks that the
/// worker waits for: each finishes its current request and closes.
pub(super) async fn serve(listener: TcpListener, front: Arc<Front>, calls: Calls) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = calls.draining() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => calls.spawn(connection(stream, Arc::clone(&front), calls.clone())),
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept connections: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // Serves the connections that the kernel has already accepted.
    while let Some(Ok((stream, _))) = now(listener.accept()).await {
        calls.spawn(connection(stream, Arc::clone(&front), calls.clone()));
    }
}

/// Accepts the connections of another worker that does not do so in time: it starts, is stopped, or is gone.
pub(super) async fn cover(listener: TcpListener, front: Arc<Front>, calls: Calls) {
    let serve = |stream| calls.spawn(connection(stream, Arc::clone(&front), calls.clone()));
    let mut draining = pin!(calls.draining());
    loop {
        tokio::select! {
            biased;
            () = &mut draining => break,
            // Whether this one would have been in time is not known. One does no harm.
            accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                serve(stream);
            }
        }
        tokio::select! {
            () = &mut draining => break,
            () = tokio::time::sleep(OTHERS_TURN) => {}
        }
        while let Some(Ok((stream, _))) = now(listener.accept()).await {
            serve(stream);
        }
    }
    while let Some(Ok((stream, _))) = now(listener.accept()).await {
        serve(stream);
    }
}

async fn connection(stream: TcpStream, front: Arc<Front>, calls: Calls) {
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

/// Whether an error of `accept` concerns only one connection, not the listener.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, WouldBlock};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | WouldBlock
    )
}

/// Returns the future's output if it is ready at once.
async fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    // Also if this task has done much already, for which tokio would have it wait.
    let mut future = pin!(unconstrained(future));
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match future.as_mut().poll(context) {
            std::task::Poll::Ready(value) => Some(value),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
