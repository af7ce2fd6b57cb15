//! Open descriptors for a child process, at numbers that both sides know.

use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::process::Command;

use command_fds::{CommandFdExt as _, FdMapping};

/// The descriptor at which a worker finds its end of the control channel.
pub(crate) const CONTROL_FD: RawFd = 3;

/// The descriptor at which a worker finds its listening socket, bound and non-blocking. Those of the other workers follow.
pub(crate) const FIRST_LISTENER_FD: RawFd = 4;

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
