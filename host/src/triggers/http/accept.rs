//! Accepts connections until the worker drains.
//!
//! All workers accept from one socket. One that has more connections than another, or no idle place for a call, leaves a new
//! connection to the others for a moment: see `balance`.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::SocketFlags;
use socket2::{Domain, Type};
use tokio::io::unix::AsyncFd;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admin::HostPaths;
use super::balance::Balance;
use super::connection::connection;
use super::counts::ResponseCounts;
use super::front::Front;
use super::wire::Socket;
use crate::app::{AdminAddress, HttpConfig};
use crate::control::OwnLoad;
use crate::sys::watch_listener;
use crate::triggers::Calls;

/// The time until the next attempt after accepting failed because of a lack of file descriptors or memory.
const PAUSE: Duration = Duration::from_millis(50);

/// The number of connections of operators that may wait.
const OPERATORS_BACKLOG: i32 = 128;

/// The socket that a worker serves HTTP from. It is bound and non-blocking.
pub struct Listener {
    pub(super) socket: OwnedFd,
    pub(super) load: Option<OwnLoad>,
    pub(super) handover: Option<Handover>,
}

/// The handover between workers that replace each other, as one of them sees it: an old one begins no call after a new one has.
pub(crate) struct Handover {
    /// Cancelled when the worker may begin.
    pub(crate) begins: CancellationToken,
    /// Called when it begins no more.
    pub(crate) ended: Box<dyn FnOnce() + Send>,
}

impl Listener {
    /// Returns a socket that workers share; `load` and `handover` are those of this one.
    pub(crate) fn shared(socket: OwnedFd, load: OwnLoad, handover: Handover) -> Self {
        Listener {
            socket,
            load: Some(load),
            handover: Some(handover),
        }
    }
}

impl<S: Into<OwnedFd>> From<S> for Listener {
    /// The socket of an only worker.
    fn from(socket: S) -> Self {
        Listener {
            socket: socket.into(),
            load: None,
            handover: None,
        }
    }
}

/// Accepts connections from a socket.
pub(super) struct Acceptor {
    socket: AsyncFd<OwnedFd>,
    /// Whether it is in a file, not at an address.
    is_unix: bool,
    tls: Option<TlsAcceptor>,
    balance: Balance,
    front: Arc<Front>,
    calls: Calls,
    handover: Option<Handover>,
    /// Has a token for each connection on which a request may still begin.
    open: TaskTracker,
}

impl Acceptor {
    /// Prepares to accept, with TLS if it is there. Needs a tokio runtime.
    pub(super) fn new(
        listener: Listener,
        tls: Option<TlsAcceptor>,
        front: Arc<Front>,
        calls: Calls,
    ) -> io::Result<Self> {
        let domain = socket2::SockRef::from(&listener.socket).domain()?;
        Ok(Acceptor {
            socket: watch_listener(listener.socket)?,
            is_unix: domain == Domain::UNIX,
            tls,
            balance: Balance::new(listener.load),
            front,
            calls,
            handover: listener.handover,
            open: TaskTracker::new(),
        })
    }

    /// Prepares to accept requests of operators, at an address of their own, which all workers bind. Needs a tokio runtime.
    pub(super) fn for_operators(
        admin: &AdminAddress,
        tls: Option<TlsAcceptor>,
        config: &HttpConfig,
        paths: &HostPaths,
        calls: &Calls,
        responses: &Arc<ResponseCounts>,
    ) -> Result<Self, String> {
        let failed = |error: io::Error| {
            format!(
                "the address {} for operators (--admin-address): {error}",
                admin.address
            )
        };
        let bound = || {
            let socket = socket2::Socket::new(Domain::for_address(admin.address), Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.set_reuse_port(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&admin.address.into())?;
            socket.listen(OPERATORS_BACKLOG)?;
            Ok(socket)
        };
        let config = HttpConfig {
            cors: None,
            ..config.clone()
        };
        let front = Front::new(
            config,
            Vec::new(),
            calls.clone(),
            paths.at(admin),
            Arc::clone(responses),
        );
        let listener = Listener::from(bound().map_err(failed)?);
        Acceptor::new(listener, tls, Arc::new(front), calls.clone()).map_err(failed)
    }

    /// Serves until the worker drains, then stops accepting and returns. Connections continue as tasks that the worker waits
    /// for.
    ///
    /// # Errors
    /// The socket is broken: function code may have closed it.
    pub(super) async fn serve(mut self) -> Result<(), String> {
        let calls = self.calls.clone();
        let served = tokio::select! {
            biased;
            () = calls.draining() => Ok(()),
            Err(error) = self.accept_all() => Err(format!("cannot accept connections: {error}")),
        };
        self.balance.set_open(false);
        // What waits is for those that go on. The last worker serves it.
        if served.is_ok() && !self.balance.has_others() {
            while let Ok(connection) = accept(self.socket.get_ref()) {
                self.open(connection);
            }
        }
        // What comes from now on is refused, or another worker's.
        let Acceptor {
            socket,
            handover,
            open,
            ..
        } = self;
        drop(socket);
        open.close();
        if let Some(handover) = handover {
            open.wait().await;
            (handover.ended)();
        }
        served
    }

    /// Accepts connections from the handover on, until the socket is broken. Cancel-safe.
    async fn accept_all(&mut self) -> io::Result<std::convert::Infallible> {
        // From now on its predecessor leaves to it what waits.
        self.balance.set_open(true);
        if let Some(handover) = &self.handover {
            handover.begins.cancelled().await;
        }
        loop {
            let mut ready = self.socket.readable().await?;
            self.balance.wait_for_turn(&self.calls).await;
            match ready.try_io(|socket| accept(socket.get_ref())) {
                // Another worker has taken it.
                Err(_would_block) => {}
                Ok(Ok(connection)) => {
                    drop(ready);
                    self.open(connection);
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

    fn open(&self, accepted: OwnedFd) {
        let counted = self.balance.count();
        let (front, calls, open) = (Arc::clone(&self.front), self.calls.clone(), self.open.token());
        let tls = self.tls.clone();
        match Socket::new(accepted, self.is_unix) {
            Ok(socket) => self.calls.spawn(async move {
                connection(socket, tls, front, calls, open).await;
                drop(counted);
            }),
            Err(error) => tracing::warn!("cannot serve a connection: {error}"),
        }
    }
}

/// Accepts a connection, which does not block.
fn accept(listener: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(rustix::net::accept_with(listener, flags)?)
}

/// Whether an error of `accept` concerns only one connection, not the socket.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}

/// Whether an error of `accept` comes back forever: the descriptor was closed, or is another one by now.
fn is_of_the_socket(error: &io::Error) -> bool {
    use nix::libc::{EBADF, EINVAL, ENOTSOCK, EOPNOTSUPP};
    matches!(error.raw_os_error(), Some(EBADF | EINVAL | ENOTSOCK | EOPNOTSUPP))
}
