//! When to try an export again: one policy for every protocol.
//!
//! Attempts are repeated with growing, random pauses until the export's time is over. A receiver that asks for a pause
//! gets it, from the batches that follow, too. All pauses end when the worker ends.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::export::{ExportError, ShutdownSignal};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause that a receiver gets, as spans are dropped meanwhile.
const MAX_REST: Duration = Duration::from_secs(300);
/// The least time for an attempt, so that the last one can succeed.
const LEAST: Duration = Duration::from_millis(1);

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: ExportError,
    pub(crate) again: Again,
}

impl Failure {
    /// A failure that another attempt cannot repair.
    pub(crate) fn never(error: impl Into<ExportError>) -> Self {
        Failure {
            error: error.into(),
            again: Again::Never,
        }
    }
}

/// Whether another attempt may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Again {
    /// No: the receiver would respond the same.
    Never,
    /// Yes: there was no response, or not a valid one.
    Unreached,
    /// Yes: the receiver is busy, and may ask for a pause.
    Busy(Option<Duration>),
}

/// The retries of one exporter.
#[derive(Debug)]
pub(crate) struct Retry {
    /// For one export, all its attempts and the pauses between them.
    timeout: Duration,
    /// The end of the pause that the receiver asked for.
    rests_until: Cell<Option<Instant>>,
}

impl Retry {
    pub(crate) fn new(timeout: Duration) -> Self {
        Retry {
            timeout,
            rests_until: Cell::new(None),
        }
    }

    /// Runs `attempt`, with the time that it may take, until it succeeds, cannot succeed, or time is over.
    ///
    /// While the worker ends, a busy receiver gets further attempts as long as there is time; one that cannot be reached
    /// does not.
    ///
    /// # Errors
    /// The last attempt's error.
    pub(crate) fn run<T>(
        &self,
        closing: &ShutdownSignal,
        mut attempt: impl FnMut(Duration) -> Result<T, Failure>,
    ) -> Result<T, ExportError> {
        if let Some(until) = self.rests_until.take()
            && closing.deadline().is_none()
        {
            closing.sleep_until(until);
        }
        let timeout = Instant::now() + self.timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let end = closing.deadline().map_or(timeout, |end| end.min(timeout));
            let left = end.saturating_duration_since(Instant::now());
            let failure = match attempt(left.max(LEAST)) {
                Ok(done) => return Ok(done),
                Err(failure) => failure,
            };
            let now = Instant::now();
            let next = match failure.again {
                Again::Never => return Err(failure.error),
                Again::Unreached if closing.deadline().is_some() => return Err(failure.error),
                Again::Unreached | Again::Busy(None) => now + jittered(pause),
                Again::Busy(Some(rest)) => {
                    let until = now + rest.min(MAX_REST);
                    self.rests_until.set(Some(until));
                    until + jittered(FIRST_PAUSE)
                }
            };
            if next >= closing.deadline().map_or(timeout, |end| end.min(timeout)) {
                return Err(failure.error);
            }
            closing.sleep_until(next);
            self.rests_until.set(None);
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }
}

/// Returns a random pause between half of this and all of it.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::thread;

    use super::*;

    fn failure(again: Again) -> Failure {
        Failure {
            error: io::Error::other("on purpose").into(),
            again,
        }
    }

    /// Runs attempts that fail like this, as often as there are failures, and then work. Returns how many ran,
    /// how long it took, and whether it worked.
    fn run(retry: &Retry, closing: &ShutdownSignal, failures: &[Again]) -> (usize, Duration, bool) {
        let begin = Instant::now();
        let mut attempts = 0;
        let result = retry.run(closing, |left| {
            assert!(left <= retry_timeout(closing), "{left:?}");
            attempts += 1;
            failures
                .get(attempts - 1)
                .map_or(Ok(()), |again| Err(failure(*again)))
        });
        (attempts, begin.elapsed(), result.is_ok())
    }

    const TIMEOUT: Duration = Duration::from_secs(10);

    fn retry_timeout(closing: &ShutdownSignal) -> Duration {
        closing.deadline().map_or(TIMEOUT, |end| {
            end.saturating_duration_since(Instant::now()) + LEAST
        })
    }

    #[test]
    fn what_may_work_soon_is_tried_again() {
        use Again::{Busy, Never, Unreached};
        let cases: [(&[Again], usize, bool, &str); 6] = [
            (&[], 1, true, "the first attempt works"),
            (&[Unreached], 2, true, "the second does"),
            (&[Busy(None), Unreached], 3, true, "the third does"),
            (&[Never], 1, false, "another would not help"),
            (&[Unreached, Never], 2, false, "at last it would not help"),
            (
                &[Busy(Some(TIMEOUT))],
                1,
                false,
                "it is to be left alone for longer than there is time",
            ),
        ];
        for (failures, attempts, works, reason) in cases {
            let (ran, took, worked) = run(&Retry::new(TIMEOUT), &ShutdownSignal::default(), failures);
            assert_eq!((ran, worked), (attempts, works), "{reason}");
            if attempts > 1 {
                assert!(took >= FIRST_PAUSE / 2, "{reason}: {took:?}");
            }
        }
    }

    #[test]
    fn attempts_end_with_the_timeout() {
        let timeout = Duration::from_millis(700);
        let retry = Retry::new(timeout);
        let (begin, mut attempts) = (Instant::now(), 0);
        let result: Result<(), _> = retry.run(&ShutdownSignal::default(), |_| {
            attempts += 1;
            Err(failure(Again::Unreached))
        });
        assert!(result.is_err());
        assert!(begin.elapsed() < timeout, "{:?}", begin.elapsed());
        // Pauses of 100 to 200 ms, 200 to 400, 400 to 800.
        assert!((2..=3).contains(&attempts), "{attempts}");
    }

    #[test]
    fn a_receiver_that_wants_a_rest_gets_it() {
        let wanted = Duration::from_millis(300);
        let retry = Retry::new(TIMEOUT);
        let closing = ShutdownSignal::default();
        let (ran, took, worked) = run(&retry, &closing, &[Again::Busy(Some(wanted))]);
        assert_eq!((ran, worked), (2, true));
        assert!(took >= wanted, "{took:?}");

        // It asks for more than the export has: the next one waits.
        let retry = Retry::new(wanted);
        let (ran, took, worked) = run(&retry, &closing, &[Again::Busy(Some(wanted))]);
        assert_eq!((ran, worked), (1, false));
        assert!(took < wanted, "{took:?}");
        let (ran, rest, worked) = run(&retry, &closing, &[]);
        assert_eq!((ran, worked), (1, true));
        assert!(took + rest >= wanted, "{rest:?}");
        let (_, rest, _) = run(&retry, &closing, &[]);
        assert!(rest < wanted, "that was once: {rest:?}");
    }

    #[test]
    fn the_end_of_the_worker_ends_a_pause() {
        let closing = Arc::new(ShutdownSignal::default());
        let sleeper = Arc::clone(&closing);
        let asleep = Instant::now();
        let sleeps = thread::spawn(move || {
            let retry = Retry::new(Duration::from_secs(3600));
            let hour = Duration::from_secs(3599);
            // Not by `run`: how much time is left depends on which thread is faster.
            let mut failures = [Again::Busy(Some(hour)), Again::Unreached].into_iter();
            let result: Result<(), _> = retry.run(&sleeper, |_| {
                Err(failure(failures.next().unwrap_or(Again::Never)))
            });
            result.is_ok()
        });
        closing.begin(Instant::now() + TIMEOUT);
        let worked = sleeps.join().expect("it ends");
        assert!(!worked, "it cannot be reached, and there is no time to wait");
        assert!(asleep.elapsed() < TIMEOUT, "{:?}", asleep.elapsed());
    }

    #[test]
    fn while_the_worker_ends_only_the_busy_get_another_attempt() {
        let closing = ShutdownSignal::default();
        closing.begin(Instant::now() + TIMEOUT);
        let retry = Retry::new(TIMEOUT);
        assert_eq!(run(&retry, &closing, &[Again::Unreached]).0, 1);
        let (ran, _, worked) = run(&retry, &closing, &[Again::Busy(None)]);
        assert_eq!((ran, worked), (2, true));
        // Over before it begins: one attempt, and no pause.
        closing.begin(Instant::now());
        let (ran, took, worked) = run(&retry, &closing, &[Again::Busy(None)]);
        assert_eq!((ran, worked), (1, false));
        assert!(took < FIRST_PAUSE, "{took:?}");
    }
}
