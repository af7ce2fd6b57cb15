//! Bodies of responses, of which it is known whose turn it is: the client's, to take what is there, or the function's, to make
//! more.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::super::responses::ResponseBody;
use crate::model::BodyError;

/// The number of bodies that wait for the client. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Unsent(Arc<AtomicUsize>);

impl Unsent {
    /// Whether there is one.
    pub(super) fn is_some(&self) -> bool {
        self.0.load(Relaxed) > 0
    }
}

/// The body of a response.
pub(super) struct SentBody {
    body: ResponseBody,
    unsent: Unsent,
    /// Whether it waits for the client. The server asks for the next part when the client has room for it.
    waits: bool,
}

impl SentBody {
    pub(super) fn new(body: ResponseBody, unsent: Unsent) -> Self {
        let mut sent = SentBody {
            body,
            unsent,
            waits: false,
        };
        sent.set_waits(!sent.body.is_end_stream());
        sent
    }

    fn set_waits(&mut self, waits: bool) {
        match (self.waits, waits) {
            (false, true) => _ = self.unsent.0.fetch_add(1, Relaxed),
            (true, false) => _ = self.unsent.0.fetch_sub(1, Relaxed),
            _ => {}
        }
        self.waits = waits;
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.set_waits(matches!(polled, Poll::Ready(Some(Ok(_)))));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for SentBody {
    fn drop(&mut self) {
        self.set_waits(false);
    }
}
