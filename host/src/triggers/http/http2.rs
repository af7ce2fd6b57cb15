//! Serves HTTP/2 on one connection, until the client or the worker ends: many requests at once, each on a stream.
//!
//! What HTTP/1 does by the socket is done here by what the streams do: a connection is idle if no stream runs, and a client
//! takes nothing if there is something to send and the socket has taken none of it.

mod sent;
mod streams;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use h2::Reason;
use http::{Method, Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::{Instant, sleep};
use tokio_util::task::task_tracker::TaskTrackerToken;

use self::sent::{SentBody, Unsent};
use self::streams::Streams;
use super::client::Client;
use super::front::Front;
use super::limits::last_requests;
use super::responses;
use super::wire::{Wire, WireIo};
use crate::model::Departure;
use crate::triggers::Calls;

/// The most requests of a client at once: what most servers allow. A request that the client takes back counts until its call
/// has ended.
const MAX_STREAMS: u32 = 128;

/// The most bytes of a request's headers, as HTTP/2 counts them: about as many as over HTTP/1.
const MAX_HEADERS: u32 = 64 << 10;

/// The bytes of a request's body that may come before somebody reads them.
const STREAM_WINDOW: u32 = 512 << 10;

/// The same for all requests of a connection: a function that does not read must not hold up the others.
const CONNECTION_WINDOW: u32 = 8 * STREAM_WINDOW;

/// The bytes of a response that are taken from its body before the client has room for them.
const SEND_BUFFER: usize = 128 << 10;

/// The shortest time between two looks at what a client does.
const SHORTEST_LOOK: Duration = Duration::from_millis(100);

/// Serves the client until it leaves, asks for nothing, or takes nothing of its responses for a while. When the worker drains,
/// answers the requests that have arrived, refuses later ones (which a client sends again elsewhere), and closes. Keeps `open`
/// as long as another request may begin.
pub(super) async fn serve(
    wire: &Wire,
    io: WireIo,
    client: Client,
    front: Arc<Front>,
    calls: Calls,
    open: TaskTrackerToken,
) {
    wire.leave_http();
    let address = Arc::clone(client.address());
    let connection = Arc::new(Connection {
        client: client.of_several_requests(MAX_STREAMS),
        front,
        unsent: Unsent::default(),
        is_closed: AtomicBool::new(false),
    });
    let streams = Streams::new(calls.clone());
    let service = service_fn(|request| respond(Arc::clone(&connection), request));
    let mut http = http2::Builder::new(streams.clone());
    http.timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEADERS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER);
    let mut serving = pin!(http.serve_connection(TokioIo::new(io), service));
    let mut draining = pin!(calls.draining());
    let mut closing = pin!(last_requests(&calls));
    let mut open = Some(open);
    let mut watch = Watch::new(wire);
    let gone = loop {
        let pause = wire.pause();
        tokio::select! {
            ended = &mut serving => {
                if let Err(error) = ended {
                    tracing::debug!(client = &*address, "connection: {error}");
                }
                return;
            }
            () = &mut draining, if !wire.is_draining() => {
                wire.drain();
                watch.end(Instant::now());
                serving.as_mut().graceful_shutdown();
            }
            () = &mut closing, if open.is_some() => {
                connection.is_closed.store(true, Relaxed);
                open = None;
            }
            () = sleep((pause / 4).max(SHORTEST_LOOK)) => match watch.look(&streams, &connection.unsent, pause) {
                Look::Fine => {}
                Look::Idle => serving.as_mut().graceful_shutdown(),
                Look::Gone(why) => break why,
            }
        }
    };
    tracing::debug!(client = &*address, "connection: {gone}");
}

/// What the streams of a connection share.
struct Connection {
    client: Client,
    front: Arc<Front>,
    unsent: Unsent,
    /// Whether no request may begin any more.
    is_closed: AtomicBool,
}

/// Responds to a request. The future is dropped when the client takes it back.
async fn respond(
    connection: Arc<Connection>,
    request: Request<Incoming>,
) -> Result<Response<SentBody>, h2::Error> {
    if connection.is_closed.load(Relaxed) {
        // The one refusal that says: nothing was done, so send it again.
        return Err(Reason::REFUSED_STREAM.into());
    }
    let is_head = request.method() == Method::HEAD;
    let client = connection.client.of_one_request();
    let mut waiting = Waiting(Some(Arc::clone(client.departure())));
    let mut response = connection.front.respond(request, &client).await;
    waiting.0 = None;
    if is_head {
        // Over HTTP/1 the server does so itself.
        response = responses::head(response);
    }
    Ok(response.map(|body| SentBody::new(body, connection.unsent.clone())))
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

/// What a look at a connection finds.
enum Look {
    Fine,
    /// The client has asked for nothing for a while: for the first time that this is seen.
    Idle,
    /// The client is given up, for this reason.
    Gone(&'static str),
}

/// Watches what a client does.
struct Watch<'a> {
    wire: &'a Wire,
    /// The number of streams so far, and the last time when one ran.
    begun: usize,
    active: Instant,
    /// What the socket has taken, and the last time when it took something.
    written: usize,
    took: Instant,
    /// Since when there has been something to send.
    unsent: Option<Instant>,
    /// Since when the connection ends.
    ending: Option<Instant>,
}

impl<'a> Watch<'a> {
    fn new(wire: &'a Wire) -> Self {
        let now = Instant::now();
        Watch {
            wire,
            begun: 0,
            active: now,
            written: wire.written(),
            took: now,
            unsent: None,
            ending: None,
        }
    }

    /// The connection ends: the client is told.
    fn end(&mut self, now: Instant) {
        self.ending.get_or_insert(now);
    }

    /// Looks at what has changed. `pause` is the longest pause of a client.
    fn look(&mut self, streams: &Streams, unsent: &Unsent, pause: Duration) -> Look {
        let now = Instant::now();
        let begun = streams.begun();
        let is_running = streams.are_running();
        if begun != self.begun || is_running {
            self.begun = begun;
            self.active = now;
        }
        let written = self.wire.written();
        if written != self.written {
            self.written = written;
            self.took = now;
        }
        match unsent.is_some() {
            true => _ = self.unsent.get_or_insert(now),
            false => self.unsent = None,
        }
        if self
            .unsent
            .is_some_and(|since| now - since.max(self.took) >= pause)
        {
            return Look::Gone("the client takes nothing of its responses");
        }
        match self.ending {
            Some(since) if !is_running && now - since.max(self.took) >= pause => {
                Look::Gone("the client does not close it")
            }
            None if now - self.active >= pause => {
                self.ending = Some(now);
                Look::Idle
            }
            _ => Look::Fine,
        }
    }
}
