//! The limits of a worker: after so many requests, so long a time, or with so much memory, a fresh one replaces it.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::time::until;
use crate::sys::resident_bytes_of;

/// The time between two looks at the memory of a worker.
const LOOK: Duration = Duration::from_secs(1);

const MIB: u64 = 1 << 20;

/// When a worker is replaced by a fresh one. `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The number of requests that a worker answers.
    pub requests: Option<u64>,
    /// How long a worker serves.
    pub lifetime: Option<Duration>,
    /// The resident memory of a worker, in MiB.
    pub memory: Option<u64>,
    /// By how much the first two may be lower for one worker, in percent. Each worker draws its own: they begin at the same
    /// time, and should not end at the same time.
    pub jitter: u32,
}

impl Limits {
    /// Returns the limits of one worker.
    pub(super) fn draw(self) -> Self {
        self.lowered(fastrand::f64())
    }

    /// Returns the limits, lowered by this part (0 to 1) of the jitter.
    fn lowered(self, part: f64) -> Self {
        let share = 1.0 - part * f64::from(self.jitter) / 100.0;
        Limits {
            // A limit beyond what a float holds exactly is never reached.
            requests: self
                .requests
                .map(|number| ((number as f64 * share) as u64).max(1)),
            lifetime: self.lifetime.map(|time| time.mul_f64(share)),
            ..self
        }
    }
}

/// A limit that a worker has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReachedLimit {
    Requests(u64),
    Lifetime(Duration),
    /// It has this many MiB of so many.
    Memory {
        has: u64,
        limit: u64,
        /// Whether it had as much when it became ready.
        at_start: bool,
    },
}

impl std::fmt::Display for ReachedLimit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReachedLimit::Requests(number) => write!(f, "has answered {number} requests (--max-requests)"),
            ReachedLimit::Lifetime(time) => {
                write!(
                    f,
                    "has served for {} s (--max-lifetime)",
                    time.as_secs_f64().round()
                )
            }
            ReachedLimit::Memory { has, limit, .. } => {
                write!(f, "has {has} MiB of memory (--max-rss {limit})")
            }
        }
    }
}

/// Watches the limits of a worker that serves, but for the number of requests: the worker counts these itself.
pub(super) struct LimitWatch {
    pid: u32,
    memory: Option<u64>,
    next_look: Instant,
    is_first_look: bool,
    lifetime: Option<Duration>,
    end: Option<Instant>,
}

impl LimitWatch {
    /// Watches a worker that has just become ready.
    pub(super) fn new(pid: u32, limits: Limits) -> Self {
        let now = Instant::now();
        LimitWatch {
            pid,
            memory: limits.memory,
            next_look: now,
            is_first_look: true,
            lifetime: limits.lifetime,
            end: limits.lifetime.map(|time| now + time),
        }
    }

    /// Waits until the worker has reached a limit. Tells of each limit once. Cancel-safe.
    pub(super) async fn reached(&mut self) -> ReachedLimit {
        loop {
            let looks = self.memory.is_some();
            tokio::select! {
                () = until(self.end) => {
                    self.end = None;
                    return ReachedLimit::Lifetime(self.lifetime.unwrap_or_default());
                }
                () = sleep_until(self.next_look), if looks => {
                    let at_start = std::mem::take(&mut self.is_first_look);
                    self.next_look = Instant::now() + LOOK;
                    if let Some((has, limit)) = self.look(at_start) {
                        self.memory = None;
                        return ReachedLimit::Memory { has, limit, at_start };
                    }
                }
            }
        }
    }

    /// Returns what the worker has and its limit, if it has reached that.
    fn look(&mut self, is_first: bool) -> Option<(u64, u64)> {
        let limit = self.memory?;
        let Some(bytes) = resident_bytes_of(self.pid) else {
            // Later it may have exited.
            if is_first {
                let pid = self.pid;
                tracing::warn!("--max-rss has no effect on pid {pid}: /proc/{pid}/status cannot be read");
                self.memory = None;
            }
            return None;
        };
        (bytes >= limit.saturating_mul(MIB)).then_some((bytes / MIB, limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(jitter: u32) -> Limits {
        Limits {
            requests: Some(1000),
            lifetime: Some(Duration::from_secs(600)),
            memory: Some(500),
            jitter,
        }
    }

    #[test]
    fn jitter_lowers_requests_and_lifetime_within_its_bounds() {
        assert_eq!(limits(10).lowered(0.0), limits(10));
        let lowest = limits(10).lowered(1.0);
        assert_eq!(
            (lowest.requests, lowest.lifetime, lowest.memory),
            (Some(900), Some(Duration::from_secs(540)), Some(500))
        );
        let drawn: Vec<_> = (0..1000).map(|_| limits(10).draw()).collect();
        for one in &drawn {
            assert!((900..=1000).contains(&one.requests.expect("set")), "{one:?}");
            let lifetime = one.lifetime.expect("set").as_secs_f64();
            assert!((540.0..=600.0).contains(&lifetime), "{one:?}");
        }
        assert!(drawn.iter().any(|one| *one != drawn[0]), "each draws its own");
        assert!((0..100).all(|_| limits(0).draw() == limits(0)));
        let one = Limits {
            requests: Some(1),
            jitter: 50,
            ..Limits::default()
        };
        assert_eq!(one.lowered(1.0).requests, Some(1), "never none at all");
    }

    #[tokio::test]
    async fn each_limit_is_told_once() {
        let lifetime = Duration::from_millis(50);
        let limits = Limits {
            lifetime: Some(lifetime),
            memory: Some(1),
            ..Limits::default()
        };
        let mut watch = LimitWatch::new(std::process::id(), limits);
        let (first, second) = (watch.reached().await, watch.reached().await);
        let is_memory = |reached| {
            matches!(
                reached,
                ReachedLimit::Memory {
                    limit: 1,
                    at_start: true,
                    ..
                }
            )
        };
        assert!(is_memory(first), "{first:?}");
        assert_eq!(second, ReachedLimit::Lifetime(lifetime));
        let third = tokio::time::timeout(2 * lifetime, watch.reached());
        assert!(third.await.is_err());
    }
}
