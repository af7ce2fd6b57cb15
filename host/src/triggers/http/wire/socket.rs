//! A client's socket, of TCP or of a file, which one reads and writes while others look at it.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use bytes::BufMut as _;
use rustix::net::RecvFlags;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::{TcpStream, UnixStream};

/// The value of [`Socket::input`] for input without an end.
const OPEN: usize = usize::MAX;

/// The socket of a client.
#[derive(Debug)]
pub(in super::super) struct Socket {
    stream: Stream,
    /// The number of bytes that are still read; [`OPEN`] for all. With TLS, of those that are encrypted.
    input: AtomicUsize,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Calls a method that both kinds have.
macro_rules! of_either {
    ($socket:expr, $stream:ident => $call:expr) => {
        match &$socket.stream {
            Stream::Tcp($stream) => $call,
            Stream::Unix($stream) => $call,
        }
    };
}

impl Socket {
    /// Takes over a connection, which does not block. Needs a tokio runtime.
    pub(in super::super) fn new(connection: OwnedFd, is_unix: bool) -> io::Result<Self> {
        let stream = if is_unix {
            Stream::Unix(UnixStream::from_std(connection.into())?)
        } else {
            let stream = TcpStream::from_std(connection.into())?;
            // A response is written at once, or part by part as it is made: Nagle's algorithm would only delay it.
            let _ = stream.set_nodelay(true);
            Stream::Tcp(stream)
        };
        Ok(Socket {
            stream,
            input: AtomicUsize::new(OPEN),
        })
    }

    /// Has the input end with what has arrived.
    pub(super) fn close_input(&self) {
        self.input.store(self.arrived(), Relaxed);
    }

    /// Has the input go on until the client ends it.
    pub(super) fn open_input(&self) {
        self.input.store(OPEN, Relaxed);
    }

    /// Returns the number of bytes that have arrived and are still to be read.
    pub(super) fn unread(&self) -> usize {
        self.arrived().min(self.input.load(Relaxed))
    }

    /// Returns the client's address; that of a socket in a file has none.
    pub(in super::super) fn peer(&self) -> Option<SocketAddr> {
        match &self.stream {
            Stream::Tcp(stream) => stream.peer_addr().ok(),
            Stream::Unix(_) => None,
        }
    }

    /// Whether only processes of this machine that may open its file reach it.
    pub(in super::super) fn is_unix(&self) -> bool {
        matches!(self.stream, Stream::Unix(_))
    }

    /// Waits until something has arrived, and looks at the first of it. The buffer stays as it is if the client has ended.
    /// Cancel-safe.
    pub(in super::super) async fn peek_first(&self, buffer: &mut [u8]) -> io::Result<()> {
        loop {
            of_either!(self, stream => stream.readable().await)?;
            match self.peek(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                peeked => return peeked.map(drop),
            }
        }
    }

    /// Ready when something has arrived, or the client has ended.
    pub(in super::super) fn poll_read_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_either!(self, stream => stream.poll_read_ready(context))
    }

    /// Waits until the connection has failed. Cancel-safe.
    pub(in super::super) async fn failed(&self) {
        let _ = of_either!(self, stream => stream.ready(Interest::ERROR).await);
    }

    /// Returns what is known of a socket that is ready for reading.
    pub(in super::super) fn readiness(&self, context: &mut Context<'_>) -> Ready {
        let polled = of_either!(self, stream => pin!(stream.ready(Interest::READABLE)).poll(context));
        match polled {
            Poll::Ready(Ok(found)) => found,
            Poll::Ready(Err(_)) => Ready::ERROR,
            Poll::Pending => Ready::EMPTY,
        }
    }

    /// Returns the number of bytes that have arrived and were not read.
    fn arrived(&self) -> usize {
        let unread = rustix::io::ioctl_fionread(self).unwrap_or(0);
        usize::try_from(unread).unwrap_or(usize::MAX)
    }

    /// Looks at what has arrived, without reading it; returns the number of bytes.
    pub(in super::super) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let peek = || Ok(rustix::net::recv(self, buffer, RecvFlags::PEEK)?.0);
        of_either!(self, stream => stream.try_io(Interest::READABLE, peek))
    }

    /// Reads at most `room` bytes; returns their number, which is 0 at the end of the input.
    pub(super) fn poll_read(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        let input = self.input.load(Relaxed);
        let room = room.min(input);
        if room == 0 {
            return Poll::Ready(Ok(0));
        }
        let read = ready!(self.poll_read_some(context, buffer, room))?;
        if input != OPEN {
            self.input.store(input - read, Relaxed);
        }
        Poll::Ready(Ok(read))
    }

    fn poll_read_some(
        &self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.poll_read_ready(context))?;
            let mut read = 0;
            let try_read = || {
                let mut limited = (&mut *buffer).limit(room);
                read = of_either!(self, stream => stream.try_read_buf(&mut limited))?;
                match read {
                    // The socket had no more, so the next read need not ask the system.
                    1.. if read < room => Err(io::ErrorKind::WouldBlock.into()),
                    _ => Ok(()),
                }
            };
            let tried = of_either!(self, stream => stream.try_io(Interest::READABLE, try_read));
            match tried {
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
                Err(_) if read == 0 => {}
                _ => return Poll::Ready(Ok(read)),
            }
        }
    }

    /// Writes some of these bytes; returns their number.
    pub(super) fn poll_write(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_written(context, || of_either!(self, stream => stream.try_write(bytes)))
    }

    /// Writes some of these parts, one after the other; returns the number of bytes.
    pub(super) fn poll_write_vectored(
        &self,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_written(
            context,
            || of_either!(self, stream => stream.try_write_vectored(parts)),
        )
    }

    fn poll_written(
        &self,
        context: &mut Context<'_>,
        write: impl Fn() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(of_either!(self, stream => stream.poll_write_ready(context)))?;
            match write() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    /// Ends the server's side.
    pub(super) fn end(&self) -> io::Result<()> {
        match SockRef::from(self).shutdown(Shutdown::Write) {
            // The client has closed the connection already.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            ended => ended,
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        of_either!(self, stream => stream.as_fd())
    }
}

/// A socket for the one who reads and writes it, which is TLS.
#[derive(Debug)]
pub(in super::super) struct SharedSocket(pub(in super::super) Arc<Socket>);

impl AsyncRead for SharedSocket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        self.0.poll_read(context, buffer, room).map_ok(drop)
    }
}

impl AsyncWrite for SharedSocket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The system does.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.end())
    }
}
