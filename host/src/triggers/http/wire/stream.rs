//! Reads and writes a socket that others look at meanwhile.

use std::io;
use std::net::Shutdown;
use std::task::{Context, Poll, ready};

use bytes::BufMut as _;
use socket2::SockRef;
use tokio::io::{Interest, ReadBuf};
use tokio::net::TcpStream;

/// Reads at most `room` bytes, which is not 0; returns their number.
pub(super) fn poll_read(
    stream: &TcpStream,
    context: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
    room: usize,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        let mut read = 0;
        let tried = stream.try_io(Interest::READABLE, || {
            read = stream.try_read_buf(&mut (&mut *buffer).limit(room))?;
            match read {
                // The socket had no more, so the next read need not ask the system.
                1.. if read < room => Err(io::ErrorKind::WouldBlock.into()),
                _ => Ok(()),
            }
        });
        match tried {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Poll::Ready(Err(error)),
            Err(_) if read == 0 => {}
            _ => return Poll::Ready(Ok(read)),
        }
    }
}

/// Writes with `write`; returns the number of bytes.
pub(super) fn poll_write(
    stream: &TcpStream,
    context: &mut Context<'_>,
    write: impl Fn() -> io::Result<usize>,
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_write_ready(context))?;
        match write() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            written => return Poll::Ready(written),
        }
    }
}

/// Ends the server's side.
pub(super) fn end(stream: &TcpStream) -> io::Result<()> {
    match SockRef::from(stream).shutdown(Shutdown::Write) {
        // The client has closed the connection already.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        ended => ended,
    }
}
