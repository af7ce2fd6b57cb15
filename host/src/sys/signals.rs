//! The signals that stop the host, and tell a worker that it stops.

use std::io;

use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::signal::unix::{self, SignalKind, signal};

/// Sends this process a SIGTERM, unless that would end it or do nothing: unless no handler is installed.
pub fn terminate_if_handled() {
    // SAFETY: all zeros is a valid `sigaction`.
    let mut current: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: it changes nothing, and writes to a variable of its type.
    let read = unsafe { libc::sigaction(libc::SIGTERM, std::ptr::null(), &raw mut current) };
    if read == 0 && ![libc::SIG_DFL, libc::SIG_IGN].contains(&current.sa_sigaction) {
        // Linux gives it to the main thread, unless that blocks it. It can only fail for want of memory.
        let _ = kill(Pid::this(), Signal::SIGTERM);
    }
}

/// SIGINT and SIGTERM, taken over for the whole process.
#[derive(Debug)]
pub(crate) struct StopSignals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl StopSignals {
    /// Installs the handlers. Needs a tokio runtime with I/O.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal and returns its number. Cancel-safe.
    pub(crate) async fn next(&mut self) -> u8 {
        const SIGINT: u8 = 2;
        const SIGTERM: u8 = 15;
        tokio::select! {
            _ = self.interrupt.recv() => SIGINT,
            _ = self.terminate.recv() => SIGTERM,
        }
    }
}
