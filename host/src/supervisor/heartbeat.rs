//! The heartbeat of a worker: it is asked every few seconds whether it still serves.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// The time between two questions, if the time to answer is not shorter.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The questions to one worker, and its answers.
#[derive(Debug)]
pub(super) struct Heartbeat {
    timeout: Duration,
    /// When the worker was asked; `None` if it has answered.
    asked: Option<Instant>,
    next: Instant,
}

impl Heartbeat {
    /// Returns the heartbeat of a worker that has just begun to serve, and may be silent for this long.
    pub(super) fn new(timeout: Duration) -> Self {
        Heartbeat {
            timeout,
            asked: None,
            next: Instant::now() + timeout.min(LONGEST_PAUSE),
        }
    }

    /// Waits until the worker is to be asked. `Err` if it has not answered in time, with how long it has been silent.
    /// Cancel-safe.
    pub(super) async fn next(&mut self) -> Result<(), Duration> {
        sleep_until(self.due()).await;
        self.ask()
    }

    /// Returns when it is to be asked, or has not answered in time.
    fn due(&self) -> Instant {
        self.asked.map_or(self.next, |asked| asked + self.timeout)
    }

    fn ask(&mut self) -> Result<(), Duration> {
        match self.asked {
            Some(asked) => Err(asked.elapsed()),
            None => {
                self.asked = Some(Instant::now());
                Ok(())
            }
        }
    }

    /// Handles the worker's answer.
    pub(super) fn answered(&mut self) {
        self.asked = None;
        self.next = Instant::now() + self.timeout.min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_is_asked_again_when_it_has_answered_and_given_up_when_it_has_not() {
        let timeout = Duration::from_secs(30);
        let began = Instant::now();
        let mut heartbeat = Heartbeat::new(timeout);
        for _ in 0..3 {
            let pause = heartbeat.due() - began;
            assert!(pause >= LONGEST_PAUSE && pause < timeout, "{pause:?}");
            assert_eq!(heartbeat.ask(), Ok(()));
            assert!(heartbeat.due() >= began + timeout, "the time to answer");
            heartbeat.answered();
        }
        assert_eq!(heartbeat.ask(), Ok(()));
        assert!(heartbeat.ask().is_err());
    }
}
