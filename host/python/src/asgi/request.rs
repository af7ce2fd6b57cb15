//! The request of an ASGI call, as far as the app has not read it.

use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use funcdock::model::{Body, BodyError, Frames, Invocation, WebSocketRequest};

/// What is left of a request.
pub(super) enum Request {
    /// The whole body, which is with the invocation.
    Whole,
    /// A body that arrives, or the bytes of a WebSocket.
    Stream(Frames),
    /// Nothing.
    Read,
}

/// What has arrived of a request.
pub(super) enum Part {
    Bytes { bytes: Bytes, more: bool },
    Broken(BodyError),
}

impl Request {
    /// Returns the request of a call. A body that arrives has no other reader from now on.
    pub(super) fn of(invocation: &Invocation) -> Self {
        let body = invocation.request().map(|request| &request.body);
        match body.and_then(Body::stream) {
            None => Request::Whole,
            Some(stream) => stream.take().map_or(Request::Read, Request::Stream),
        }
    }

    /// Returns what the client sends over a WebSocket. It has no other reader from now on.
    pub(super) fn of_websocket(request: &WebSocketRequest) -> Self {
        let incoming = request.incoming.take();
        incoming.map_or(Request::Read, Request::Stream)
    }

    /// Returns the next part, if it is there. Otherwise wakes `waker` later, unless the request was read to its end.
    pub(super) fn poll(&mut self, invocation: &Invocation, waker: &Waker) -> Option<Part> {
        let frames = match self {
            Request::Whole => {
                *self = Request::Read;
                let body = invocation.request().and_then(|request| request.body.bytes());
                let bytes = body.cloned().unwrap_or_default();
                return Some(Part::Bytes { bytes, more: false });
            }
            Request::Stream(frames) => frames,
            Request::Read => return None,
        };
        loop {
            let Poll::Ready(frame) = frames.as_mut().poll_frame(&mut Context::from_waker(waker)) else {
                return None;
            };
            let part = match frame {
                Some(Ok(frame)) => {
                    // The programming model has no trailers.
                    let Ok(bytes) = frame.into_data() else { continue };
                    Part::Bytes {
                        bytes,
                        more: !frames.is_end_stream(),
                    }
                }
                None => Part::Bytes {
                    bytes: Bytes::new(),
                    more: false,
                },
                Some(Err(error)) => Part::Broken(error),
            };
            if !matches!(part, Part::Bytes { more: true, .. }) {
                *self = Request::Read;
            }
            return Some(part);
        }
    }
}
