//! Accepts connections until the worker drains.
//!
//! All workers accept from one socket. One that has more connections than another, or no idle place for a call, leaves a new
//! connection to the others for a moment. So the load is even, and a connection never waits for a worker that is gone: the
//! others take it after that moment.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::unix::AsyncFd;
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::connection::connection;
use super::front::Front;
use crate::control::{Load, OwnLoad};
use crate::sys::watch_listener;
use crate::triggers::Calls;

/// The time until the next attempt after accepting failed because of a lack of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(50);

/// The time that other workers have to take a connection that is theirs. On a busy machine they may need longer to wake.
const OTHERS_TURN: Duration = Duration::from_millis(50);

/// The number of turns for which a worker without an idle place leaves a connection to one that has some.
const TURNS_WHEN_FULL: u32 = 4;

/// The number of turns in a row after which others that have taken nothing count as hanging.
const TURNS: u32 = 4;

/// The time for which nothing is left to workers that hang.
const WITHOUT_OTHERS: Duration = Duration::from_secs(1);

/// The socket that a worker serves HTTP from. It is bound and non-blocking.
pub struct Listener {
    pub(super) socket: TcpListener,
    pub(super) load: Option<OwnLoad>,
}

impl Listener {
    /// Returns a socket that workers share; `load` is that of this one.
    pub(crate) fn shared(socket: TcpListener, load: OwnLoad) -> Self {
        Listener {
            socket,
            load: Some(load),
        }
    }
}

impl From<TcpListener> for Listener {
    /// The socket of an only worker.
    fn from(socket: TcpListener) -> Self {
        Listener { socket, load: None }
    }
}

/// Accepts connections from a socket.
pub(super) struct Acceptor {
    socket: AsyncFd<TcpListener>,
    share: Arc<Share>,
    front: Arc<Front>,
    calls: Calls,
    /// The number of turns in a row that others have missed.
    missed: u32,
    /// Until then, nothing is left to the others.
    alone_until: Option<Instant>,
}

impl Acceptor {
    /// Prepares to accept. Needs a tokio runtime.
    pub(super) fn new(listener: Listener, front: Arc<Front>, calls: Calls) -> io::Result<Self> {
        Ok(Acceptor {
            socket: watch_listener(listener.socket)?,
            share: Arc::new(Share::new(listener.load)),
            front,
            calls,
            missed: 0,
            alone_until: None,
        })
    }

    /// Serves until the worker drains, then stops accepting and returns. Connections continue as tasks that the worker waits
    /// for.
    ///
    /// # Errors
    /// The socket is broken: function code may have closed it.
    pub(super) async fn serve(mut self) -> Result<(), String> {
        self.share.set_open(true);
        let calls = self.calls.clone();
        let served = tokio::select! {
            biased;
            () = calls.draining() => Ok(()),
            Err(error) = self.accept_all() => Err(format!("cannot accept connections: {error}")),
        };
        self.share.set_open(false);
        // What waits is for those that go on. The last worker serves it.
        if served.is_ok() && self.share.least_of_others().is_none() {
            while let Ok((stream, _)) = self.socket.get_ref().accept() {
                self.open(stream);
            }
        }
        served
    }

    /// Accepts connections until the socket is broken. Cancel-safe.
    async fn accept_all(&mut self) -> io::Result<std::convert::Infallible> {
        loop {
            let mut ready = self.socket.readable().await?;
            let waited_for = match self.others_turns() {
                0 => None,
                turns => {
                    let before = self.share.least_of_others();
                    tokio::time::sleep(turns * OTHERS_TURN).await;
                    Some(before)
                }
            };
            match ready.try_io(|socket| socket.get_ref().accept()) {
                // Another worker has taken it.
                Err(_would_block) => {}
                Ok(Ok((stream, _))) => {
                    drop(ready);
                    self.count_turn(waited_for);
                    self.open(stream);
                }
                Ok(Err(error)) if is_of_the_connection(&error) => {}
                Ok(Err(error)) if is_of_the_socket(&error) => return Err(error),
                Ok(Err(error)) => {
                    drop(ready);
                    tracing::warn!("cannot accept connections: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Returns for how many turns the next connection is left to the other workers.
    fn others_turns(&self) -> u32 {
        let own = Load {
            is_full: !self.calls.has_idle_place(),
            connections: self.share.connections.load(Ordering::Relaxed),
        };
        self.share.tell(own.is_full);
        let is_alone = self.alone_until.is_some_and(|until| Instant::now() < until);
        match self.share.least_of_others() {
            // One that only wakes late may be idle, and a call here would have to wait for another one.
            Some(least) if !is_alone || own.is_full => turns(own, least),
            _ => 0,
        }
    }

    /// Counts a turn that the others may have missed, when the least of them had this many connections.
    fn count_turn(&mut self, least_before: Option<Option<Load>>) {
        let Some(before) = least_before else { return };
        // If they have taken others meanwhile, they are only busy.
        self.missed = if before == self.share.least_of_others() {
            self.missed + 1
        } else {
            0
        };
        if self.missed >= TURNS {
            self.missed = 0;
            self.alone_until = Some(Instant::now() + WITHOUT_OTHERS);
        }
    }

    fn open(&self, stream: std::net::TcpStream) {
        let counted = Counted::new(&self.share);
        let (front, calls) = (Arc::clone(&self.front), self.calls.clone());
        // The system accepts sockets that block.
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(stream));
        match stream {
            Ok(stream) => self.calls.spawn(async move {
                connection(stream, front, calls).await;
                drop(counted);
            }),
            Err(error) => tracing::warn!("cannot serve a connection: {error}"),
        }
    }
}

/// Returns for how many turns a worker leaves a connection to one with the load `least`. A quarter more connections are still
/// even: it lets a burst of them in without many turns.
fn turns(own: Load, least: Load) -> u32 {
    match (own.is_full, least.is_full) {
        (true, false) => TURNS_WHEN_FULL,
        (false, true) => 0,
        _ => u32::from(own.connections > least.connections + least.connections / 4),
    }
}

/// The connections of this worker, beside those of the others.
struct Share {
    connections: AtomicU32,
    /// Whether it takes connections.
    is_open: AtomicBool,
    load: Option<OwnLoad>,
}

impl Share {
    fn new(load: Option<OwnLoad>) -> Self {
        Share {
            connections: AtomicU32::new(0),
            is_open: AtomicBool::new(false),
            load,
        }
    }

    fn set_open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::Relaxed);
        self.tell(false);
    }

    fn tell(&self, is_full: bool) {
        if let Some(load) = &self.load {
            let own = Load {
                is_full,
                connections: self.connections.load(Ordering::Relaxed),
            };
            load.set(self.is_open.load(Ordering::Relaxed).then_some(own));
        }
    }

    fn least_of_others(&self) -> Option<Load> {
        self.load.as_ref()?.least_of_others()
    }
}

/// A connection that counts, until it is dropped.
struct Counted(Arc<Share>);

impl Counted {
    fn new(share: &Arc<Share>) -> Self {
        share.connections.fetch_add(1, Ordering::Relaxed);
        share.tell(false);
        Counted(Arc::clone(share))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
        self.0.tell(false);
    }
}

/// Whether an error of `accept` concerns only one connection, not the socket.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Whether an error of `accept` comes back for ever: the descriptor was closed, or is another one by now.
fn is_of_the_socket(error: &io::Error) -> bool {
    use nix::libc::{EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP};
    matches!(error.raw_os_error(), Some(EBADF | EINVAL | ENOTSOCK | EOPNOTSUPP))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn load(is_full: bool, connections: u32) -> Load {
        Load { is_full, connections }
    }

    #[test]
    fn a_worker_takes_a_quarter_more_than_the_least() {
        for (least, most) in [(0, 0), (1, 1), (3, 3), (4, 5), (16, 20)] {
            // One more than these is what a worker ends up with.
            assert_eq!(turns(load(false, most), load(false, least)), 0, "beside {least}");
            assert_eq!(
                turns(load(false, most + 1), load(false, least)),
                1,
                "beside {least}"
            );
        }
    }

    #[test]
    fn one_that_is_full_comes_after_one_that_is_not() {
        assert_eq!(turns(load(true, 0), load(false, 9)), TURNS_WHEN_FULL);
        assert_eq!(turns(load(false, 9), load(true, 0)), 0);
        assert_eq!(turns(load(true, 0), load(true, 9)), 0);
        assert_eq!(turns(load(true, 9), load(true, 0)), 1);
    }
}
