//! Retry policies: whether and when a failed call is made again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Exception;

/// `retry` of a function: how often, and after which time, a call that failed is made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// The most retries of a call; `None` is no limit (-1).
    pub max: Option<u32>,
    /// The time between two attempts.
    pub strategy: RetryStrategy,
}

/// The time between two attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RetryStrategy {
    /// Always the same.
    Fixed {
        /// This one.
        delay: Duration,
    },
    /// Twice the last one, with a random part so that those that failed together do not come back together.
    Exponential {
        /// The first one.
        min: Duration,
        /// The longest one.
        max: Duration,
    },
}

impl RetryPolicy {
    /// Returns the time until the next attempt; `None` if there is none. `made` is the number of retries so far, and `random`
    /// is from 0 to 1.
    pub fn delay(&self, made: u32, random: f64) -> Option<Duration> {
        if self.max.is_some_and(|max| made >= max) {
            return None;
        }
        Some(match self.strategy {
            RetryStrategy::Fixed { delay } => delay,
            RetryStrategy::Exponential { min, max } => {
                // Beyond 31 doublings of even a millisecond lies every maximum that makes sense.
                let doubled = min.saturating_mul(1 << made.min(31));
                let spread = doubled.mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0));
                spread.clamp(min, max.max(min))
            }
        })
    }
}

/// The number of a call's attempt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryContext {
    /// 0 for the first attempt.
    pub count: u32,
    /// The most retries; 0 if the function has no retry policy, and [`UNLIMITED`](Self::UNLIMITED) if there is no limit.
    pub max: u32,
    /// How the attempt before this one failed.
    pub exception: Option<Box<Exception>>,
}

impl RetryContext {
    /// The [`max`](Self::max) of a policy without a limit.
    pub const UNLIMITED: u32 = u32::MAX;
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_fixed_delay_stays_the_same_until_the_last_retry() {
        let policy = RetryPolicy {
            max: Some(2),
            strategy: RetryStrategy::Fixed { delay: SECOND },
        };
        let delays: Vec<_> = (0..4).map(|made| policy.delay(made, 0.5)).collect();
        assert_eq!(delays, [Some(SECOND), Some(SECOND), None, None]);
    }

    #[test]
    fn an_exponential_delay_doubles_up_to_its_maximum_and_never_ends_without_a_limit() {
        let policy = RetryPolicy {
            max: None,
            strategy: RetryStrategy::Exponential {
                min: SECOND,
                max: 10 * SECOND,
            },
        };
        let seconds = |made, random| policy.delay(made, random).map(|delay| delay.as_secs_f64());
        assert_eq!(seconds(0, 0.5), Some(1.0));
        assert_eq!(seconds(1, 0.5), Some(2.0));
        assert_eq!(seconds(2, 1.0), Some(4.8));
        assert_eq!(seconds(2, 0.0), Some(3.2));
        assert_eq!(seconds(9, 0.5), Some(10.0));
        assert_eq!(seconds(u32::MAX, 1.0), Some(10.0));
        assert_eq!(seconds(0, 0.0), Some(1.0), "not less than the minimum");
    }
}
