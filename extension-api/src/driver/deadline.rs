//! Calls that have a deadline and may block: `flush`, `shutdown`.

use std::sync::mpsc;
use std::time::Duration;

/// What a call gets beyond its deadline, so that one that uses all of it is not reported.
pub const GRACE: Duration = Duration::from_millis(200);

/// A call did not return in time. It goes on, on its own thread.
#[derive(Debug)]
pub enum NotInTime {
    /// The system has no thread for it.
    NoThread(std::io::Error),
    /// The deadline has passed.
    Late,
}

/// Makes a call on a thread of its own, and waits for it until the deadline and [`GRACE`].
///
/// # Errors
/// It did not return in time.
pub fn call_within<T: Send + 'static>(
    thread_name: String,
    deadline: Duration,
    call: impl FnOnce() -> T + Send + 'static,
) -> Result<T, NotInTime> {
    let (done, wait) = mpsc::channel();
    std::thread::Builder::new()
        .name(thread_name)
        .spawn(move || {
            let result = call();
            // The receiver is gone if the deadline has passed.
            let _ = done.send(result);
        })
        .map_err(NotInTime::NoThread)?;
    wait.recv_timeout(deadline + GRACE).map_err(|_| NotInTime::Late)
}
