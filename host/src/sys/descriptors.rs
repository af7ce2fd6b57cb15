//! Open descriptors for a child process, at numbers that both sides know; and those that a child must not have.

use std::mem::ManuallyDrop;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::path::PathBuf;
use std::process::Command;
use std::{fs, io};

use command_fds::{CommandFdExt as _, FdMapping};

/// The descriptor at which a worker finds its end of the control channel.
pub(crate) const CONTROL_FD: RawFd = 3;

/// The descriptor at which a worker finds its listening socket, bound and non-blocking. Those of the other workers follow.
pub(crate) const FIRST_LISTENER_FD: RawFd = 4;

/// The sockets that a worker shares with a child that is forked without a new program.
#[derive(Debug)]
pub struct SharedSockets {
    /// The control channel, as /proc names it.
    control: Option<PathBuf>,
    /// The ports of the listening sockets: those of all connections of clients, too.
    ports: Vec<u16>,
}

impl SharedSockets {
    /// Returns the sockets with this control channel and these listening sockets.
    pub fn of(control: BorrowedFd<'_>, listeners: &[BorrowedFd<'_>]) -> Self {
        let port = |listener: &BorrowedFd<'_>| {
            let listener = TcpListener::from(listener.try_clone_to_owned().ok()?);
            Some(listener.local_addr().ok()?.port())
        };
        Self {
            control: fs::read_link(entry(control.as_raw_fd())).ok(),
            ports: listeners.iter().filter_map(port).collect(),
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
        let port = socket.local_addr().map(|address| address.port());
        // A socket of UDP has no such option.
        port.is_ok_and(|port| self.ports.contains(&port)) && socket.nodelay().is_ok()
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
