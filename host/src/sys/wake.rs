//! A descriptor that one thread signals and an event loop polls.

use std::io;
use std::os::fd::{AsRawFd, RawFd};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Wakes an event loop that polls this descriptor. Non-blocking, and closed in programs that the process starts.
#[derive(Debug)]
pub struct WakeFd(EventFd);

impl WakeFd {
    /// Opens the descriptor, not signalled.
    pub fn new() -> io::Result<Self> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(WakeFd(EventFd::from_flags(flags)?))
    }

    /// Makes the descriptor readable until [`drain`](Self::drain). From any thread.
    pub fn signal(&self) {
        // Fails only when the counter would overflow, and then the descriptor is readable anyway.
        let _ = self.0.write(1);
    }

    /// Makes the descriptor unreadable until the next [`signal`](Self::signal). From any thread.
    pub fn drain(&self) {
        // Fails only when nothing was signalled.
        let _ = self.0.read();
    }
}

impl AsRawFd for WakeFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn is_readable(wake: &WakeFd) -> bool {
        let mut descriptors = [PollFd::new(wake.0.as_fd(), PollFlags::POLLIN)];
        poll(&mut descriptors, PollTimeout::ZERO).expect("polled") > 0
    }

    #[test]
    fn several_signals_are_drained_at_once() {
        let wake = WakeFd::new().expect("a descriptor");
        assert!(!is_readable(&wake), "new");
        wake.drain();
        wake.signal();
        wake.signal();
        assert!(is_readable(&wake), "signalled");
        wake.drain();
        assert!(!is_readable(&wake), "drained");
        wake.signal();
        assert!(is_readable(&wake), "signalled again");
    }
}
