//! Open descriptors for a child process, at numbers that both sides know; those that a child must not have; a listening
//! socket to watch, and one that this process was started with.

use std::mem::ManuallyDrop;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use command_fds::{CommandFdExt as _, FdMapping};
use socket2::{SockRef, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The descriptor at which a worker finds its end of the control channel.
pub(crate) const CONTROL_FD: RawFd = 3;

/// The descriptor at which a worker finds the listening socket, bound and non-blocking.
pub(crate) const LISTENER_FD: RawFd = 4;

/// The descriptor at which a worker finds the [`Loads`](crate::control::Loads).
pub(crate) const LOADS_FD: RawFd = 5;

/// The descriptor at which a worker finds the [recent records](crate::logging::Recent).
pub(crate) const LOGS_FD: RawFd = 6;

/// The sockets that a worker shares with a child that is forked without a new program.
#[derive(Debug)]
pub struct SharedSockets {
    /// The control channel, as /proc names it.
    control: Option<PathBuf>,
    /// The place of the listening socket: that of all connections of clients, too.
    place: Option<Place>,
}

/// Where a socket of clients is.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Port(u16),
    File(PathBuf),
}

impl Place {
    /// Returns the place of a socket, if it is one of TCP or in a file.
    fn of(descriptor: BorrowedFd<'_>) -> Option<Self> {
        let socket = SockRef::from(&descriptor);
        let is_stream = socket.r#type().ok()? == Type::STREAM;
        let address = socket.local_addr().ok().filter(|_| is_stream)?;
        let file = address.as_pathname().map(|file| Place::File(file.to_owned()));
        address
            .as_socket()
            .map(|address| Place::Port(address.port()))
            .or(file)
    }
}

impl SharedSockets {
    /// Returns the sockets with this control channel and this listening socket.
    pub fn of(control: BorrowedFd<'_>, listener: BorrowedFd<'_>) -> Self {
        Self {
            control: fs::read_link(entry(control.as_raw_fd())).ok(),
            place: Place::of(listener),
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
        let descriptor = ManuallyDrop::new(unsafe { OwnedFd::from_raw_fd(number) });
        let place = Place::of(descriptor.as_fd());
        place.is_some() && place == self.place
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
pub(crate) fn watch_listener(listener: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the socket is owned by what watches it, and gives no access that could close or replace its descriptor.
    let watched = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) };
    Ok(watched?)
}

/// Returns the socket that this process was started with, as systemd passes it: `LISTEN_FDS` has their number, `LISTEN_PID`
/// the process that they are for. To be called once.
///
/// # Errors
/// There are several.
pub(crate) fn inherited_socket() -> io::Result<Option<OwnedFd>> {
    let mut sockets = sd_notify::listen_fds()?;
    match (sockets.next(), sockets.len()) {
        (None, _) => Ok(None),
        // SAFETY: whoever started this process left the descriptor to it, and nothing else here uses it.
        (Some(number), 0) => Ok(Some(unsafe { OwnedFd::from_raw_fd(number) })),
        (Some(_), others) => Err(io::Error::other(format!(
            "{} sockets were inherited (LISTEN_FDS), and the host listens at one; name one in its .socket unit",
            others + 1
        ))),
    }
}
