//! Notices that a client has left while the server reads nothing from it.
//!
//! A client that has ended its side may still wait for the answer: `shutdown(SHUT_WR)` looks like `close` until something
//! is sent to it. So it gets its answer, and counts as gone only when it resets the connection, or takes nothing of a
//! streamed response for a while. Functions that want to know are told after that time, too, and may answer anyway.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Sleep;

use super::wire::{Exchange, Wire};
use crate::model::Departure;

/// The time after which a client that has ended its side is presumed gone if nothing was sent to it meanwhile.
const PRESUMED_GONE: Duration = Duration::from_secs(5);

/// Watches the client of a connection.
pub(super) struct Watch<'a> {
    wire: &'a Wire,
    departure: &'a Arc<Departure>,
    state: State<'a>,
}

enum State<'a> {
    /// The client is there.
    There,
    /// It has sent another request, behind which its end is not seen, or it has ended its side.
    Blind {
        reset: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
        /// If it has ended its side: the time when it is presumed gone, and what it has taken so far.
        ended: Option<(Pin<Box<Sleep>>, usize)>,
    },
}

impl<'a> Watch<'a> {
    /// Returns a watch that tells `departure` when the client is presumed gone.
    pub(super) fn new(wire: &'a Wire, departure: &'a Arc<Departure>) -> Self {
        Watch {
            wire,
            departure,
            state: State::There,
        }
    }

    /// Ready when the client has left, so that nobody gets what is sent. Polled after the server.
    pub(super) fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.wire.is_quiet() {
            // The server reads, and notices itself.
            self.state = State::There;
            return Poll::Pending;
        }
        let socket = self.wire.socket();
        if matches!(self.state, State::There) {
            if ready!(socket.poll_read_ready(context)).is_err() {
                return Poll::Ready(());
            }
            let found = socket.readiness(context);
            if found.is_error() || found.is_write_closed() {
                return Poll::Ready(());
            }
            self.state = State::Blind {
                reset: Box::pin(socket.failed()),
                ended: found.is_read_closed().then(|| self.presume_later()),
            };
        }
        let State::Blind { reset, ended } = &mut self.state else {
            return Poll::Pending;
        };
        if reset.as_mut().poll(context).is_ready() {
            return Poll::Ready(());
        }
        let Some((presumed, written)) = ended else {
            return Poll::Pending;
        };
        while presumed.as_mut().poll(context).is_ready() {
            let taken = self.wire.written();
            if *written == taken {
                match self.wire.exchange() {
                    Exchange::Streaming => return Poll::Ready(()),
                    Exchange::Called => self.departure.leave(),
                    // It is given up when it takes nothing.
                    Exchange::Answered | Exchange::None => {}
                }
            }
            *written = taken;
            presumed
                .as_mut()
                .reset(tokio::time::Instant::now() + PRESUMED_GONE);
        }
        Poll::Pending
    }

    fn presume_later(&self) -> (Pin<Box<Sleep>>, usize) {
        (Box::pin(tokio::time::sleep(PRESUMED_GONE)), self.wire.written())
    }
}
