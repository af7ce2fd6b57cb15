//! The server's end of a wire.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;

use super::framing::{self, Part};
use super::{Exchange, Follows, SharedSocket, Wire};

/// The most bytes that are read at once through TLS: those of one record.
const RECORD: usize = 16 << 10;

/// What the server reads and writes.
pub(in super::super) struct WireIo {
    wire: Arc<Wire>,
    tls: Option<Box<TlsStream<SharedSocket>>>,
    /// The part of a request that comes next.
    part: Part,
    /// What was read behind a request.
    ahead: BytesMut,
    /// Ends when the client has taken nothing for too long; there while something waits to be written.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl WireIo {
    pub(super) fn new(wire: Arc<Wire>, tls: Option<Box<TlsStream<SharedSocket>>>) -> Self {
        WireIo {
            wire,
            tls,
            part: Part::HEAD,
            ahead: BytesMut::new(),
            stalled: None,
        }
    }

    /// Finds out which part comes next.
    fn begin_part(&mut self) {
        let follows = self.wire.follows.load(Relaxed);
        match follows {
            Follows::UNKNOWN => {}
            Follows::CHUNKS => self.part = Part::CHUNKS,
            Follows::PROTOCOL => self.part = Part::Protocol,
            length => self.part = Part::body(length),
        }
        if follows != Follows::PROTOCOL {
            self.wire.follows.store(Follows::UNKNOWN, Relaxed);
        }
        if matches!(self.part, Part::Head(_)) {
            // The server would not read if it had something to send.
            self.wire.exchange.store(Exchange::None as u8, Relaxed);
        }
    }

    /// Takes note of what follows the part that was read.
    fn end_part(&self) {
        if matches!(self.part, Part::Head(_)) {
            self.wire.is_whole.store(true, Relaxed);
        }
        self.wire.ahead.store(self.ahead.len(), Relaxed);
        let has_head = !self.ahead.is_empty() && framing::has_head(&self.ahead);
        self.wire.head_is_ahead.store(has_head, Relaxed);
    }

    /// Reads from the connection; returns nothing at the end of the input.
    fn poll_connection(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &*self.wire;
        let room = self.part.most().min(buffer.remaining());
        if room == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = match &mut self.tls {
            None => ready!(wire.socket.poll_read(context, buffer, room))?,
            Some(tls) => {
                let room = room.min(RECORD);
                let read = ready!(poll_decrypted(tls, context, buffer, room))?;
                wire.has_decrypted.store(read == room, Relaxed);
                read
            }
        };
        let taken = self.part.take(&buffer.filled()[before..]);
        if taken < read {
            self.ahead.extend_from_slice(&buffer.filled()[before + taken..]);
            buffer.set_filled(before + taken);
        }
        Poll::Ready(Ok(()))
    }

    /// Whether the client has taken nothing for too long.
    fn poll_stalled(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let latest = Instant::now() + self.wire.pause();
        let stalled = self
            .stalled
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(latest)));
        if stalled.deadline() > latest {
            stalled.as_mut().reset(latest);
        }
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_written(
        &mut self,
        context: &mut Context<'_>,
        write: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = write(self, context) else {
            return self.poll_stalled(context);
        };
        self.stalled = None;
        if !matches!(written, Ok(0)) {
            self.wire.written.fetch_add(1, Relaxed);
        }
        Poll::Ready(written)
    }
}

/// Reads at most `room` bytes, which is not 0; returns their number.
fn poll_decrypted(
    tls: &mut TlsStream<SharedSocket>,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
    room: usize,
) -> Poll<io::Result<usize>> {
    let mut limited = ReadBuf::new(buffer.initialize_unfilled_to(room));
    let read = match ready!(Pin::new(tls).poll_read(context, &mut limited)) {
        Ok(()) => limited.filled().len(),
        // The client has closed the connection without a word of TLS, as most do: all is in what HTTP says of lengths.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
        Err(error) => return Poll::Ready(Err(error)),
    };
    buffer.advance(read);
    Poll::Ready(Ok(read))
}

impl AsyncRead for WireIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.begin_part();
        if self.ahead.is_empty() {
            ready!(self.poll_connection(context, buffer))?;
        } else {
            let this = &mut *self;
            let most = this.part.most().min(buffer.remaining()).min(this.ahead.len());
            let taken = this.part.take(&this.ahead[..most]);
            buffer.put_slice(&this.ahead[..taken]);
            this.ahead.advance(taken);
            if this.ahead.is_empty() {
                // Hardly any client sends requests before it has its answers.
                this.ahead = BytesMut::new();
            }
        }
        self.end_part();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for WireIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_written(context, |this, context| match &mut this.tls {
            None => this.wire.socket.poll_write(context, bytes),
            Some(tls) => Pin::new(tls).poll_write(context, bytes),
        })
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_written(context, |this, context| match &mut this.tls {
            None => this.wire.socket.poll_write_vectored(context, parts),
            Some(tls) => Pin::new(tls).poll_write_vectored(context, parts),
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.tls.is_none() {
            // The system does.
            return Poll::Ready(Ok(()));
        }
        let flushed = self.poll_written(context, |this, context| match &mut this.tls {
            None => Poll::Ready(Ok(0)),
            Some(tls) => Pin::new(tls).poll_flush(context).map_ok(|()| 0),
        });
        flushed.map_ok(drop)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.tls.is_none() {
            return Poll::Ready(self.wire.socket.end());
        }
        let ended = self.poll_written(context, |this, context| match &mut this.tls {
            None => Poll::Ready(Ok(0)),
            Some(tls) => Pin::new(tls).poll_shutdown(context).map_ok(|()| 0),
        });
        ended.map_ok(drop)
    }
}
