//! Processes: how one ended, and how to end it.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus};

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpid, getppid};

/// Describes how a process ended, as the end of a sentence: "exited with status 1".
pub(crate) fn describe_exit(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(number)) => match Signal::try_from(number) {
            Ok(signal) => format!("was killed by signal {number} ({signal})"),
            Err(_) => format!("was killed by signal {number}"),
        },
        (None, None) => format!("ended: {status}"),
    }
}

/// Returns the resident memory of this process, in bytes; `None` if the system does not tell.
pub(crate) fn resident_bytes() -> Option<u64> {
    resident_bytes_in("/proc/self/status")
}

/// Returns the resident memory of another process, in bytes; `None` if the system does not tell.
pub(crate) fn resident_bytes_of(pid: u32) -> Option<u64> {
    resident_bytes_in(&format!("/proc/{pid}/status"))
}

fn resident_bytes_in(path: &str) -> Option<u64> {
    let status = std::fs::read_to_string(path).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// Whether this is the number of a process, and not of a thread in one, which /proc has, too.
fn is_process(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let group = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    group.is_some_and(|group| group.trim() == pid.to_string())
}

/// Whether a process runs, and runs the same program as this one: the same file, or one of the same name. (The file is known
/// only of processes of the same user, and it may have been replaced by a newer one.)
pub(crate) fn runs_this_program(pid: u32) -> bool {
    let file = |process: &str| std::fs::read_link(format!("/proc/{process}/exe")).ok();
    let name = |process: &str| std::fs::read(format!("/proc/{process}/comm")).ok();
    let other = pid.to_string();
    if !is_process(pid) {
        return false;
    }
    let is_same_file = file(&other).is_some_and(|file_of_other| file("self") == Some(file_of_other));
    is_same_file || name(&other).is_some_and(|name_of_other| name("self") == Some(name_of_other))
}

/// Returns the status of a process that exited with 255.
pub(crate) fn failed_exit() -> ExitStatus {
    ExitStatus::from_raw(255 << 8)
}

/// Asks a process to end (SIGTERM).
pub(crate) fn terminate(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    Ok(kill(Pid::from_raw(pid), Signal::SIGTERM)?)
}

/// Has the child that `command` starts be asked to end (SIGTERM) when the thread that starts it ends, also when this process
/// is killed. The child is the first of a process group of its own, so that Ctrl-C on a terminal does not reach it.
pub(crate) fn end_with_this_thread(command: &mut Command) {
    let parent = getpid();
    let prepare = move || {
        prctl::set_pdeathsig(Signal::SIGTERM)?;
        // It has ended before, and nobody would end this one.
        if getppid() != parent {
            return Err(Errno::ESRCH.into());
        }
        Ok(())
    };
    command.process_group(0);
    // SAFETY: what runs in the child between fork and exec is two system calls. It neither allocates nor takes a lock.
    unsafe { command.pre_exec(prepare) };
}

/// Asks a child that is the first of its process group to end (SIGTERM), and the others of the group.
pub(crate) fn terminate_group(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    Ok(killpg(Pid::from_raw(pid), Signal::SIGTERM)?)
}

/// Kills this process when its parent ends, and lets a crash leave no core file.
pub(crate) fn die_with_parent() {
    // Neither is worth an error: both only clean up after a process that hangs or crashes.
    let _ = prctl::set_pdeathsig(Signal::SIGKILL);
    let _ = prctl::set_dumpable(false);
}

/// Gives this thread a name for debuggers and `top`, of which the system keeps 15 bytes.
pub fn name_thread(name: &CStr) {
    // Only people miss it.
    let _ = prctl::set_name(name);
}

/// Returns this process's stdout, and sends to stderr what is printed from now on.
pub(crate) fn take_stdout() -> io::Result<File> {
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    nix::unistd::dup2_stdout(io::stderr())?;
    Ok(stdout)
}

/// Sends to another open file what is printed to stderr from now on, here and in new children. Returns what stderr was.
pub(crate) fn replace_stderr(by: impl AsFd) -> io::Result<OwnedFd> {
    let original = io::stderr().as_fd().try_clone_to_owned()?;
    nix::unistd::dup2_stderr(by)?;
    Ok(original)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_is_described() {
        let cases = [
            (ExitStatus::from_raw(0), "exited with status 0"),
            (failed_exit(), "exited with status 255"),
            (ExitStatus::from_raw(9), "was killed by signal 9 (SIGKILL)"),
            (ExitStatus::from_raw(40), "was killed by signal 40"),
        ];
        for (status, expected) in cases {
            assert_eq!(describe_exit(status), expected);
        }
    }
}
