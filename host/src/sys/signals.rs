//! Signals: those for the host, and those that a process sends itself.

use std::fs;
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

/// A signal for the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HostSignal {
    /// Stop. With the signal's number.
    Stop(u8),
    /// Read the app again, and replace the workers.
    Reload,
}

/// SIGINT, SIGTERM, SIGQUIT and SIGHUP, taken over for the whole process.
#[derive(Debug)]
pub(crate) struct HostSignals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    quit: unix::Signal,
    hang_up: unix::Signal,
    /// Whether the host belongs to a terminal, and ends with it.
    ends_with_terminal: bool,
    /// Whether the host stays when its terminal is closed: `nohup` has it ignore the signal.
    ignores_hang_up: bool,
}

const SIGHUP: u8 = 1;
const SIGINT: u8 = 2;
const SIGQUIT: u8 = 3;
const SIGTERM: u8 = 15;

impl HostSignals {
    /// Installs the handlers. Needs a tokio runtime with I/O.
    pub(crate) fn new() -> io::Result<Self> {
        let ignores_hang_up = is_ignored(SIGHUP);
        Ok(Self {
            ends_with_terminal: has_terminal(),
            ignores_hang_up,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal. Cancel-safe.
    pub(crate) async fn next(&mut self) -> HostSignal {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => return HostSignal::Stop(SIGINT),
                _ = self.terminate.recv() => return HostSignal::Stop(SIGTERM),
                _ = self.quit.recv() => return HostSignal::Stop(SIGQUIT),
                _ = self.hang_up.recv() => {}
            }
            // The system sends it, too, when the terminal is closed.
            match self.ends_with_terminal && !has_terminal() {
                false => return HostSignal::Reload,
                true if self.ignores_hang_up => {}
                true => return HostSignal::Stop(SIGHUP),
            }
        }
    }
}

/// Gives the signals that [`HostSignals`] has taken over their usual effect: they end the process.
pub(crate) fn restore_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGQUIT, libc::SIGHUP] {
        // SAFETY: the default action is valid for each, and runs no code of this process.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// Whether this process belongs to a terminal that is open.
fn has_terminal() -> bool {
    fs::File::open("/dev/tty").is_ok()
}

/// Whether whoever started this process has it ignore a signal.
fn is_ignored(number: u8) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let mask = lines.find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (number - 1)) != 0)
}

/// Sends a signal to this thread. Its handler has run when this returns, unless the thread blocks the signal.
pub fn raise(signal: i32) -> io::Result<()> {
    // SAFETY: `raise` has no precondition: it fails for a number that is no signal.
    match unsafe { nix::libc::raise(signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
