//! Open descriptors for a child process, at numbers that both sides know, and a listening socket to watch.

use std::io;
use std::net::TcpListener;
use std::os::fd::{OwnedFd, RawFd};
use std::process::Command;

use command_fds::{CommandFdExt as _, FdMapping};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The descriptor at which a worker finds its end of the control channel.
pub(crate) const CONTROL_FD: RawFd = 3;

/// The descriptor at which a worker finds the listening socket, bound and non-blocking.
pub(crate) const LISTENER_FD: RawFd = 4;

/// The descriptor at which a worker finds the [`Loads`](crate::control::Loads).
pub(crate) const LOADS_FD: RawFd = 5;

/// Hands each descriptor to the child that `command` starts, at the number beside it. `command` owns them until it is
/// dropped.
pub(crate) fn pass_descriptors(
    command: &mut Command,
    descriptors: impl IntoIterator<Item = (OwnedFd, RawFd)>,
) -> io::Result<()> {
    let mapping = |(parent_fd, child_fd)| FdMapping { parent_fd, child_fd };
    let mappings = descriptors.into_iter().map(mapping).collect();
    command.fd_mappings(mappings).map_err(io::Error::other)?;
    Ok(())
}

/// Watches a listening socket. Unlike tokio's own, it tells that a connection waits without accepting it. Needs a tokio
/// runtime with I/O.
pub(crate) fn watch_listener(listener: TcpListener) -> io::Result<AsyncFd<TcpListener>> {
    // SAFETY: the socket is owned by what watches it, and gives no access that could close or replace its descriptor.
    let watched = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) };
    Ok(watched?)
}
