//! A call whose response is streamed: it goes on until its stream ends.
//!
//! The frames of the response are wrapped together with the call. Whoever reads or drops the frames drives the call to
//! its end. A watchdog gives it up at its deadline, also while a client that reads nothing keeps the server from asking
//! for more.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::task::AbortHandle;

use super::call::Call;
use crate::model::{BodyError, CallResult, ClientGone, Exception, Frames, StreamEnd, StreamEndKind};

/// The frames of a streamed response. Dropping them before their end means that the client left.
struct StreamedCall<G: Send + Sync + 'static>(Arc<Shared<G>>);

/// What the frames and the watchdog share.
struct Shared<G: Send + Sync + 'static>(Mutex<State<G>>);

struct State<G: Send + Sync + 'static> {
    /// `None` when the stream has ended.
    open: Option<Open<G>>,
    /// What the reader of a stream that was given up gets next.
    error: Option<BodyError>,
    /// Wakes the reader, if it waits.
    reader: Option<Waker>,
}

/// A stream that has not ended.
struct Open<G: Send + Sync + 'static> {
    call: Call<G>,
    frames: Frames,
    /// The number of bytes that were read.
    bytes: u64,
    /// The number of bytes of the whole body, if it is known.
    length: Option<u64>,
    watchdog: Option<AbortHandle>,
}

/// Keeps the call alive until the stream of its response ends. Called within the runtime, with the result of the call
/// after all post hooks ran.
pub(super) fn follow<G: Send + Sync + 'static>(call: Call<G>, result: &CallResult) {
    let invocation = call.invocation();
    let Some(stream) = result.stream(invocation) else {
        return;
    };
    let status = result.http_status(invocation);
    let sends_body = invocation
        .http_reply()
        .zip(status)
        .is_some_and(|(reply, status)| reply.sends_body(invocation.request(), status, stream));
    let Some(frames) = stream.take() else {
        let error = exception(&"the stream has been read already".into());
        return call.stream_ended(end(StreamEndKind::Failed(error), 0));
    };
    if !sends_body {
        drop(frames);
        return call.stream_ended(end(StreamEndKind::Complete, 0));
    }
    stream.replace(Box::pin(StreamedCall::new(call, frames)));
}

fn end(kind: StreamEndKind, bytes: u64) -> StreamEnd {
    StreamEnd { kind, bytes }
}

/// Returns the exception in an error, or one made of the error's text.
fn exception(error: &BodyError) -> Box<Exception> {
    Box::new(
        error
            .downcast_ref::<Exception>()
            .cloned()
            .unwrap_or_else(|| Exception {
                type_name: "StreamError".to_owned(),
                message: error.to_string(),
                traceback: String::new(),
            }),
    )
}

impl<G: Send + Sync + 'static> StreamedCall<G> {
    fn new(call: Call<G>, frames: Frames) -> Self {
        let (pipeline, deadline) = (Arc::clone(call.pipeline()), call.deadline());
        let (function, invocation) = (Arc::clone(call.function()), Arc::downgrade(call.invocation()));
        let length = frames.size_hint().exact();
        let shared = Arc::new(Shared(Mutex::new(State {
            open: Some(Open {
                call,
                frames,
                bytes: 0,
                length,
                watchdog: None,
            }),
            error: None,
            reader: None,
        })));
        let watched = Arc::downgrade(&shared);
        let watchdog = tokio::spawn(async move {
            let kind = pipeline.given_up(deadline).await;
            let is_overdue = matches!(kind, StreamEndKind::TimedOut(_));
            if let Some(shared) = Weak::upgrade(&watched) {
                shared.give_up(kind);
            }
            // Whoever makes frames may not have noticed yet, or hang.
            if let Some(invocation) = invocation.upgrade().filter(|_| is_overdue) {
                pipeline.runner.give_up_stream(&function, &invocation);
            }
        });
        if let Some(open) = &mut shared.lock().open {
            open.watchdog = Some(watchdog.abort_handle());
        }
        StreamedCall(shared)
    }
}

impl<G: Send + Sync + 'static> Shared<G> {
    /// Locks the state. The frames are polled under the lock: they do not come back to it.
    fn lock(&self) -> MutexGuard<'_, State<G>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the stream if it has not ended: its reader gets an error.
    fn give_up(&self, kind: StreamEndKind) {
        let mut state = self.lock();
        let Some(open) = state.open.take() else { return };
        state.error = Some("the call was given up".into());
        let reader = state.reader.take();
        drop(state);
        open.end(kind);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl<G: Send + Sync + 'static> Open<G> {
    /// Ends the call. Not under the lock: this runs hooks, and code of whoever makes the frames.
    fn end(self, kind: StreamEndKind) {
        // Without a client, too, what makes the frames must end in time.
        if let Some(watchdog) = self.watchdog
            && !matches!(kind, StreamEndKind::ClientLeft)
        {
            watchdog.abort();
        }
        if matches!(kind, StreamEndKind::TimedOut(_) | StreamEndKind::Cancelled) {
            // Whoever makes the frames looks for the reason when they are dropped.
            self.call.invocation().give_up();
        }
        drop(self.frames);
        self.call.stream_ended(end(kind, self.bytes));
    }

    /// Returns how it ended if the frames gave this error.
    fn failed(&self, error: &BodyError) -> StreamEndKind {
        if self.call.pipeline().is_cancelled() {
            StreamEndKind::Cancelled
        } else if error.is::<ClientGone>() {
            StreamEndKind::ClientLeft
        } else {
            StreamEndKind::Failed(exception(error))
        }
    }

    /// Returns how it ended if the reader drops the frames. A reader that knows the length, or that has seen the end of the
    /// stream with the last frame, does not ask for more.
    fn dropped(&self) -> StreamEndKind {
        if self.frames.is_end_stream() || self.length == Some(self.bytes) {
            StreamEndKind::Complete
        } else if self.call.pipeline().is_cancelled() {
            StreamEndKind::Cancelled
        } else {
            StreamEndKind::ClientLeft
        }
    }
}

impl<G: Send + Sync + 'static> Drop for StreamedCall<G> {
    fn drop(&mut self) {
        let open = self.0.lock().open.take();
        if let Some(open) = open {
            let kind = open.dropped();
            open.end(kind);
        }
    }
}

impl<G: Send + Sync + 'static> http_body::Body for StreamedCall<G> {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut state = self.0.lock();
        let Some(open) = &mut state.open else {
            return Poll::Ready(state.error.take().map(Err));
        };
        let polled = open.frames.as_mut().poll_frame(context);
        let kind = match &polled {
            Poll::Pending => {
                let reader = &mut state.reader;
                if !reader
                    .as_ref()
                    .is_some_and(|reader| reader.will_wake(context.waker()))
                {
                    *reader = Some(context.waker().clone());
                }
                return polled;
            }
            Poll::Ready(Some(Ok(frame))) => {
                open.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                return polled;
            }
            Poll::Ready(Some(Err(error))) => open.failed(error),
            Poll::Ready(None) => StreamEndKind::Complete,
        };
        let open = state.open.take();
        drop(state);
        if let Some(open) = open {
            open.end(kind);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.lock();
        match &state.open {
            Some(open) => open.frames.is_end_stream(),
            None => state.error.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.0.lock();
        state
            .open
            .as_ref()
            .map_or_else(SizeHint::default, |open| open.frames.size_hint())
    }
}
