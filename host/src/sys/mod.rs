//! The operating system, as far as the standard library and tokio do not cover it.
//!
//! All code that is specific to Linux or Unix is behind this module, so that another platform needs changes only in these
//! files. Linux is the only platform that is built and tested.
//!
//! | file | what | on Linux | on macOS it would be |
//! |---|---|---|---|
//! | `wake` | wakes an event loop that polls a descriptor | `eventfd` | a pipe, non-blocking and close-on-exec; `drain` reads until it is empty |
//! | `descriptors` | hands open sockets to a child, at fixed numbers; closes those that a forked child must not have | `dup2` after `fork`; `/proc/self/fd` | the same; `/dev/fd` |
//! | `process` | how a process ended, how to end it, its memory and program; where stdout and stderr go | `kill`, `prctl(PR_SET_PDEATHSIG)`, `/proc/PID` | `kill`, `proc_pidinfo`; no death signal: the child watches its stdin for the end |
//! | `signals` | the signals for the host; those that a process sends itself | SIGINT, SIGTERM, SIGQUIT, SIGHUP | the same, but for the thread that gets it |
//! | `files` | whether a file can be run; a file without a path | `access(X_OK)`; `memfd_create` | the same; `tmpfile` |
//! | `shared_words` | memory that processes share | a sealed `memfd`, mapped | `shm_open` without a name that stays; no seals |
//! | `image` | reads a library once, checks that it is whole and for this machine, and has the system's loader map what was checked | reads the ELF headers; a sealed `memfd` | reads the Mach-O headers; a private copy in a folder of its own |
//!
//! `host/python` depends on `add_reader` of asyncio for [`WakeFd`]; that works on every Unix.

mod descriptors;
mod files;
pub(crate) mod image;
mod process;
mod shared_words;
mod signals;
mod wake;

pub use descriptors::SharedSockets;
pub(crate) use descriptors::{
    CONTROL_FD, LISTENER_FD, LOADS_FD, LOGS_FD, inherited_socket, pass_descriptors, watch_listener,
};
pub use files::memory_file;
pub(crate) use files::{is_executable, read_regular, write_private};
pub use process::name_thread;
pub(crate) use process::{
    describe_exit, die_with_parent, end_with_this_thread, failed_exit, replace_stderr, resident_bytes,
    resident_bytes_of, runs_this_program, take_stdout, terminate, terminate_group,
};
pub(crate) use shared_words::SharedWords;
pub(crate) use signals::{HostSignal, HostSignals, restore_signals};
pub use signals::{raise, terminate_if_handled};
pub use wake::WakeFd;
