//! A client's socket as the server reads and writes it.
//!
//! The server gets the bytes of one request at a time: what comes behind a request stays here. So it is always known
//! whether another request has arrived, and what arrives later can be cut off when the worker drains. The server also
//! does not learn that the client has ended its side before it has answered; [`watch`](super::watch) does.
//!
//! With TLS, nobody can tell what waits in the socket: it counts as another request until it is read and decrypted.

mod framing;
mod io;
mod socket;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use tokio_rustls::server::TlsStream;

use super::limits::DRAINING_PAUSE;
use super::responses::ResponseBody;

pub(super) use io::WireIo;
pub(super) use socket::{SharedSocket, Socket};

/// The number of bytes behind a request that are looked at for another one. More is surely another one.
const LOOK_AHEAD: usize = 16 << 10;

/// The socket of a client, as the task of its connection sees it. All of its uses are on the server's thread.
pub(super) struct Wire {
    socket: Arc<Socket>,
    is_encrypted: bool,
    /// The same as `pause()`, until the worker drains.
    pause: Duration,
    exchange: AtomicU8,
    /// What follows the head of the request that has begun: see [`Follows`].
    follows: AtomicU64,
    is_draining: AtomicBool,
    /// Whether the whole request was read.
    is_whole: AtomicBool,
    /// The number of bytes that were read behind the request, and whether they have a whole head.
    ahead: AtomicUsize,
    head_is_ahead: AtomicBool,
    /// Whether more may have been decrypted than the last read had room for.
    has_decrypted: AtomicBool,
    /// Changes whenever the client has taken something.
    written: AtomicUsize,
}

/// How far the exchange of a request and its response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exchange {
    /// The server waits for a request.
    None,
    /// The response is being made.
    Called,
    /// The response is whole, and is being sent.
    Answered,
    /// The response is sent while it is made.
    Streaming,
}

/// What follows the head of a request, as a number.
struct Follows;

impl Follows {
    /// Nobody has said.
    const UNKNOWN: u64 = u64::MAX;
    /// Chunks.
    const CHUNKS: u64 = u64::MAX - 1;
    /// Another protocol. Smaller numbers are the length of a body.
    const PROTOCOL: u64 = u64::MAX - 2;
}

impl Wire {
    /// Returns the socket, and what the server reads and writes: through `tls`, if there is one. `pause` is the longest time
    /// in which the client takes nothing of a response.
    pub(super) fn new(
        socket: Arc<Socket>,
        tls: Option<Box<TlsStream<SharedSocket>>>,
        pause: Duration,
    ) -> (Arc<Self>, WireIo) {
        let wire = Arc::new(Wire {
            socket,
            is_encrypted: tls.is_some(),
            pause,
            exchange: AtomicU8::new(Exchange::None as u8),
            follows: AtomicU64::new(Follows::UNKNOWN),
            is_draining: AtomicBool::new(false),
            is_whole: AtomicBool::new(false),
            ahead: AtomicUsize::new(0),
            head_is_ahead: AtomicBool::new(false),
            has_decrypted: AtomicBool::new(false),
            written: AtomicUsize::new(0),
        });
        let io = WireIo::new(Arc::clone(&wire), tls);
        (wire, io)
    }

    /// Returns the socket, to look at.
    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// From now on, all bytes are of another protocol than HTTP/1.
    pub(super) fn leave_http(&self) {
        self.follows.store(Follows::PROTOCOL, Relaxed);
        self.socket.open_input();
    }

    /// Takes note of a request whose head was read.
    pub(super) fn begin(&self, request: &Request<Incoming>) {
        let length = request.body().size_hint().exact();
        self.follows.store(length.unwrap_or(Follows::CHUNKS), Relaxed);
        self.is_whole.store(length == Some(0), Relaxed);
        self.exchange.store(Exchange::Called as u8, Relaxed);
    }

    /// Takes note of the response.
    pub(super) fn answer(&self, response: &Response<ResponseBody>) {
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.leave_http();
        }
        let exchange = match response.body().is_stream() {
            true => Exchange::Streaming,
            false => Exchange::Answered,
        };
        self.exchange.store(exchange as u8, Relaxed);
    }

    /// Returns how far the exchange is.
    pub(super) fn exchange(&self) -> Exchange {
        let exchanges = [
            Exchange::None,
            Exchange::Called,
            Exchange::Answered,
            Exchange::Streaming,
        ];
        exchanges
            .into_iter()
            .find(|exchange| *exchange as u8 == self.exchange.load(Relaxed))
            .unwrap_or(Exchange::None)
    }

    /// Whether the server reads nothing at present, as it has the whole request.
    pub(super) fn is_quiet(&self) -> bool {
        self.exchange.load(Relaxed) != Exchange::None as u8 && self.is_whole.load(Relaxed)
    }

    /// Returns a number that changes whenever the client has taken something.
    pub(super) fn written(&self) -> usize {
        self.written.load(Relaxed)
    }

    /// From now on, each response is the last one unless another request has arrived, and a client that takes nothing
    /// of its response is given up soon.
    pub(super) fn drain(&self) {
        self.is_draining.store(true, Relaxed);
    }

    /// Returns the longest time in which the client takes nothing of a response.
    pub(super) fn pause(&self) -> Duration {
        match self.is_draining() {
            true => self.pause.min(DRAINING_PAUSE),
            false => self.pause,
        }
    }

    /// Whether the worker drains.
    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Relaxed)
    }

    /// Has the input end with what has arrived.
    pub(super) fn close_input(&self) {
        if self.follows.load(Relaxed) != Follows::PROTOCOL {
            self.socket.close_input();
        }
    }

    /// Whether another request has arrived behind the one that was read.
    pub(super) fn has_more(&self) -> bool {
        if self.head_is_ahead.load(Relaxed) {
            return true;
        }
        let unread = self.socket.unread();
        if self.is_encrypted {
            return unread > 0 || self.has_decrypted.load(Relaxed);
        }
        // The rest of a head may have arrived.
        if unread == 0 || self.ahead.load(Relaxed) > 0 || unread > LOOK_AHEAD {
            return unread > 0;
        }
        let mut buffer = vec![0; unread];
        let seen = self.socket.peek(&mut buffer);
        seen.is_ok_and(|length| framing::has_head(&buffer[..length]))
    }
}
