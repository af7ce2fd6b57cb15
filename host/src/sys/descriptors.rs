//! Open descriptors for a child process, at numbers that both sides know; those that a child must not have; and a listening
//! socket to watch.

use std::mem::ManuallyDrop;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use command_fds::{CommandFdExt as _, FdMapping};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The descriptor at which a worker finds its end of the control channel.
pub(crate) const CONTROL_FD: RawFd = 3;

/// The descriptor at which a worker finds the listening socket, bound and non-blocking.
pub(crate) const LISTENER_FD: RawFd = 4;

/// The descriptor at which a worker finds the [`Loads`](crate::control::Loads).
pub(crate) const LOADS_FD: RawFd = 5;

/// The sockets that a worker shares with a child that is forked without a new program.
#[derive(Debug)]
pub struct SharedSockets {
    /// The control channel, as /proc names it.
    control: Option<PathBuf>,
    /// The port of the listening socket: that of all connections of clients, too.
    port: Option<u16>,
}

impl SharedSockets {
    /// Returns the sockets with this control channel and this listening socket.
    pub fn of(control: BorrowedFd<'_>, listener: BorrowedFd<'_>) -> Self {
        let listener = listener.try_clone_to_owned().map(TcpListener::from);
        let address = listener.and_then(|listener| listener.local_addr());
        Self {
            control: fs::read_link(entry(control.as_raw_fd())).ok(),
            port: address.ok().map(|address| address.port()),
        }
    }

    /// Closes them, in a child. It must run nothing that uses them.
    pub fn close_in_child(&self) {
        let Ok(entries) = fs::read_dir("/proc/self/fd") else {
            return;
        };
        let names = entries.flatten().map(|entry| entry.file_name());
        let numbers: Vec<RawFd> = names.filter_map(|name| name.to_str()?.parse().ok()).collect();
        for number in numbers {
            let is_control = self.control.is_some() && fs::read_link(entry(number)).ok() == self.control;
            if is_control || self.is_ours(number) {
                // SAFETY: the threads that own it do not exist in this process.
                drop(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
    }

    /// Whether this is a listening socket, or the connection of a client.
    fn is_ours(&self, number: RawFd) -> bool {
        // SAFETY: it was open a moment ago, and this process has one thread. It is not closed here.
        let socket = ManuallyDrop::new(unsafe { TcpStream::from_raw_fd(number) });
        let port = socket.local_addr().ok().map(|address| address.port());
        // A socket of UDP has no such option.
        port.is_some() && port == self.port && socket.nodelay().is_ok()
    }
}

/// The entry of a descriptor in /proc.
fn entry(number: RawFd) -> String {
    format!("/proc/self/fd/{number}")
}

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
