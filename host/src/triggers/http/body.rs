//! Reads request bodies, with limits on their size and on the client's pauses.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::time::Sleep;

use super::budget::{Budget, Share};
use crate::model::{BodyError, BodyStream};

/// The reason why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadError {
    /// It is longer than allowed.
    TooLarge,
    /// There is no memory for it beside the others.
    NoRoom,
    /// The client sent nothing for too long.
    TimedOut,
    /// The client disconnected, or broke the protocol.
    Broken,
}

/// The memory that is reserved first for a body that does not come in one piece.
const FIRST_RESERVE: usize = 64 << 10;

/// Reads a body of at most `limit` bytes, and never holds more than that, nor more than the budget allows. Does not read a
/// body at all whose declared length is beyond the limit, and drops others when they pass it. Returns the body's share of the
/// budget as well.
pub(super) async fn read(
    body: &mut Incoming,
    limit: u64,
    pause: Duration,
    budget: &Arc<Budget>,
) -> Result<(Bytes, Option<Share>), ReadError> {
    if body.is_end_stream() {
        return Ok((Bytes::new(), None));
    }
    if body.size_hint().lower() > limit {
        return Err(ReadError::TooLarge);
    }
    let longest = body.size_hint().upper().map_or(limit, |length| length.min(limit));
    let mut whole = Whole {
        first: Bytes::new(),
        rest: Vec::new(),
        longest: usize::try_from(longest).unwrap_or(usize::MAX),
        share: budget.share(),
    };
    while let Some(frame) = tokio::time::timeout(pause, body.frame())
        .await
        .map_err(|_| ReadError::TimedOut)?
    {
        // The programming model has no trailers.
        let Ok(data) = frame.map_err(|_| ReadError::Broken)?.into_data() else {
            continue;
        };
        if (whole.len() + data.len()) as u64 > limit {
            return Err(ReadError::TooLarge);
        }
        whole.add(data)?;
    }
    Ok(match whole.rest.is_empty() {
        true => (whole.first, Some(whole.share)),
        false => (whole.rest.into(), Some(whole.share)),
    })
}

/// A body on the way to be whole.
struct Whole {
    /// Most bodies arrive in one piece, which needs no copy.
    first: Bytes,
    rest: Vec<u8>,
    /// The length that it may have.
    longest: usize,
    share: Share,
}

impl Whole {
    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    /// Adds a part. Memory is reserved as parts arrive, not as the client announces them: it could announce much.
    fn add(&mut self, data: Bytes) -> Result<(), ReadError> {
        let needed = self.len() + data.len();
        if self.len() == 0 {
            self.first = data;
            return self.grow_share(needed);
        }
        if needed > self.rest.capacity() {
            let wanted = (2 * self.rest.capacity()).max(FIRST_RESERVE).min(self.longest);
            let capacity = needed.max(wanted);
            self.grow_share(capacity)?;
            let reserved = self.rest.try_reserve_exact(capacity - self.rest.len());
            reserved.map_err(|_| ReadError::NoRoom)?;
        }
        self.rest.extend_from_slice(&std::mem::take(&mut self.first));
        self.rest.extend_from_slice(&data);
        Ok(())
    }

    fn grow_share(&mut self, bytes: usize) -> Result<(), ReadError> {
        match self.share.grow_to(bytes as u64) {
            true => Ok(()),
            false => Err(ReadError::NoRoom),
        }
    }
}

/// Reads and drops the rest of a body, for at most `time`.
pub(super) async fn discard(mut body: Incoming, time: Duration) {
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    // The connection closes in any case.
    let _ = tokio::time::timeout(time, rest).await;
}

/// The body as a stream of at most `limit` bytes, for a function that reads it while it arrives. A client that sends
/// nothing for `pause`, while somebody waits for it, ends the stream with an error. Called within the runtime; the stream
/// may be read on any thread.
/// The second value says whether the body was too large, once somebody has read that far.
pub(super) fn stream(body: Incoming, limit: u64, pause: Duration) -> (BodyStream, Arc<AtomicBool>) {
    let is_too_large = Arc::new(AtomicBool::new(false));
    let stream = BodyStream::new(Arriving {
        body: Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX)),
        pause,
        waiting: None,
        runtime: Handle::current(),
        is_too_large: Arc::clone(&is_too_large),
    });
    (stream, is_too_large)
}

/// A body that arrives.
struct Arriving {
    body: Limited<Incoming>,
    pause: Duration,
    /// Ends when the client has sent nothing for too long; there while somebody waits.
    waiting: Option<Pin<Box<Sleep>>>,
    /// The server's: a function polls the body on a thread of its own.
    runtime: Handle,
    is_too_large: Arc<AtomicBool>,
}

impl Arriving {
    /// Returns the error as whoever reads the body gets it.
    fn named(&self, error: BodyError) -> BodyError {
        if !error.is::<LengthLimitError>() {
            return error;
        }
        self.is_too_large.store(true, Ordering::Relaxed);
        "it is longer than maxRequestBodySize in host.json allows".into()
    }
}

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.waiting = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(|error| self.named(error))));
        }
        let pause = self.pause;
        let runtime = self.runtime.clone();
        let _entered = runtime.enter();
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
        ready!(waiting.as_mut().poll(context));
        self.waiting = None;
        Poll::Ready(Some(Err(
            format!("the client has sent nothing for {pause:?}").into()
        )))
    }
}
