//! Accepts connections until the worker drains.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::connection::connection;
use super::front::Front;
use crate::triggers::Calls;
use tokio::net::TcpListener;
use tokio::task::coop::unconstrained;
use tokio::task::yield_now;

/// The time until the next attempt after accepting failed because of a lack of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The time that another worker has to accept the connections of its own socket.
const OTHERS_TURN: Duration = Duration::from_millis(5);

/// Serves `listener` until the worker drains, then stops accepting and returns. Connections continue as tasks that the
/// worker waits for.
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
    // Serves the connections that the kernel has already accepted. The runtime may not have looked for them yet.
    yield_now().await;
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
    yield_now().await;
    while let Some(Ok((stream, _))) = now(listener.accept()).await {
        serve(stream);
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
