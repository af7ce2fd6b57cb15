//! Serves HTTP/2 on one connection, until the client or the worker ends: many requests at once, each on a stream.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use h2::Reason;
use http::Request;
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::sleep;
use tokio_util::task::task_tracker::TaskTrackerToken;

use super::client::Client;
use super::connection::LAST_REQUESTS;
use super::front::Front;
use super::wire::{Wire, WireIo};
use crate::model::Departure;
use crate::triggers::Calls;

/// The most requests of a client at once: what most servers allow.
const MAX_STREAMS: u32 = 128;

/// The most bytes of a request's headers, as HTTP/2 counts them: about as many as over HTTP/1.
const MAX_HEADERS: u32 = 64 << 10;

/// The time in which an idle client has to confirm the end of the connection while the worker drains.
const DRAINING_PAUSE: Duration = Duration::from_secs(1);

/// Serves the client until it leaves, or has asked for nothing for a while. When the worker drains, answers the requests that
/// have arrived, refuses later ones (which a client sends again elsewhere), and closes. Keeps `open` as long as another request
/// may begin.
pub(super) async fn serve(
    wire: &Wire,
    io: WireIo,
    client: Client,
    front: Arc<Front>,
    calls: Calls,
    open: TaskTrackerToken,
) {
    wire.leave_http();
    let pause = front.pause();
    let address = Arc::clone(client.address());
    let connection = Arc::new(Connection {
        client,
        front,
        is_closed: AtomicBool::new(false),
    });
    let streams = Streams::new(calls.clone());
    let service = service_fn(|request| respond(Arc::clone(&connection), request));
    let mut http = http2::Builder::new(streams.clone());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS);
    let mut serving = pin!(http.serve_connection(TokioIo::new(io), service));
    let mut draining = pin!(calls.draining());
    let mut closing = pin!(async {
        calls.draining().await;
        sleep(LAST_REQUESTS).await;
    });
    let mut open = Some(open);
    let mut is_ending = false;
    let mut last = None;
    loop {
        let pause = if wire.is_draining() { DRAINING_PAUSE } else { pause };
        tokio::select! {
            ended = &mut serving => {
                if let Err(error) = ended {
                    tracing::debug!(client = &*address, "connection: {error}");
                }
                return;
            }
            () = &mut draining, if !wire.is_draining() => {
                wire.drain();
                is_ending = true;
                serving.as_mut().graceful_shutdown();
            }
            () = &mut closing, if open.is_some() => {
                connection.is_closed.store(true, Relaxed);
                open = None;
            }
            () = sleep(pause) => {
                let now = (streams.begun.load(Relaxed), wire.written());
                let is_idle = streams.running.load(Relaxed) == 0 && last.replace(now) == Some(now);
                if is_idle && is_ending {
                    return tracing::debug!(client = &*address, "connection: the client does not close it");
                }
                if is_idle {
                    is_ending = true;
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// What the streams of a connection share.
struct Connection {
    client: Client,
    front: Arc<Front>,
    /// Whether no request may begin any more.
    is_closed: AtomicBool,
}

/// Responds to a request. The future is dropped when the client takes it back.
async fn respond(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<http::Response<super::responses::ResponseBody>, h2::Error> {
    if connection.is_closed.load(Relaxed) {
        // The one refusal that says: nothing was done, so send it again.
        return Err(Reason::REFUSED_STREAM.into());
    }
    let client = connection.client.of_one_request();
    let mut waiting = Waiting(Some(Arc::clone(client.departure())));
    let response = connection.front.respond(request, &client).await;
    waiting.0 = None;
    Ok(response)
}

/// A client that waits for a response. If it is dropped before, the client has left.
struct Waiting(Option<Arc<Departure>>);

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(departure) = self.0.take() {
            departure.leave();
        }
    }
}

/// Runs the streams of a connection as tasks that the worker waits for.
#[derive(Clone)]
struct Streams {
    calls: Calls,
    running: Arc<AtomicUsize>,
    begun: Arc<AtomicUsize>,
}

impl Streams {
    fn new(calls: Calls) -> Self {
        Streams {
            calls,
            running: Arc::default(),
            begun: Arc::default(),
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        self.begun.fetch_add(1, Relaxed);
        self.running.fetch_add(1, Relaxed);
        let running = Running(Arc::clone(&self.running));
        self.calls.spawn(async move {
            stream.await;
            drop(running);
        });
    }
}

/// A stream that runs, until dropped.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
