//! Token buckets, each kept as one number: the time at which it is full again. A call that takes a token moves that
//! time on by what a token takes to come back (the generic cell rate algorithm), so nothing refills in the background.
//!
//! Times are nanoseconds on a clock of the caller's, which starts at 0: they last for 584 years.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How much a bucket holds, and how fast it fills.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    /// The time in which one token comes back.
    interval: u64,
    /// The time in which an empty bucket fills up.
    window: u64,
}

impl Limit {
    /// A bucket that holds a token for each window of `interval`; [`Settings::limit`](crate::Settings::limit) keeps
    /// both far from what 64 bits hold.
    pub(crate) fn new(interval: Duration, window: Duration) -> Self {
        Limit {
            interval: interval.as_nanos() as u64,
            window: window.as_nanos() as u64,
        }
    }

    /// Takes a token from a bucket that would be full at `full_at`. Returns when it will be full then; `Err` is the time
    /// until there is a token.
    fn take(self, full_at: u64, now: u64) -> Result<u64, Duration> {
        let next = full_at.max(now) + self.interval;
        let missing = (next - now).saturating_sub(self.window);
        if missing == 0 {
            Ok(next)
        } else {
            Err(Duration::from_nanos(missing))
        }
    }
}

/// One bucket that all calls share. Threads never wait for each other.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    full_at: AtomicU64,
}

impl Bucket {
    /// Takes a token; `Err` is the time until there is one.
    pub(crate) fn take(&self, limit: Limit, now: u64) -> Result<(), Duration> {
        let mut full_at = self.full_at.load(Ordering::Relaxed);
        loop {
            let next = limit.take(full_at, now)?;
            // Nothing else is published with it, so the order of other memory does not matter.
            match self
                .full_at
                .compare_exchange_weak(full_at, next, Ordering::Relaxed, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(current) => full_at = current,
            }
        }
    }
}

/// A bucket for each key, of which a limited number is kept.
///
/// Keys are known by a hash whose secret is this instance's own: it bounds the memory that a key takes, whatever clients
/// send, keeps secrets such as API keys out of memory, and nobody can choose two keys that share a bucket.
#[derive(Debug)]
pub(crate) struct KeyedBuckets {
    hasher: RandomState,
    max_keys: usize,
    kept: Mutex<Kept>,
}

/// The buckets that are not full: one that is full is as good as a new one.
#[derive(Debug, Default)]
struct Kept {
    /// When the bucket of a key is full.
    full_at: HashMap<u64, u64>,
    /// The same, ordered by time: the first is full first.
    by_time: BTreeSet<(u64, u64)>,
}

impl KeyedBuckets {
    /// Room for this many keys.
    pub(crate) fn new(max_keys: NonZeroUsize) -> Self {
        KeyedBuckets {
            hasher: RandomState::new(),
            max_keys: max_keys.get(),
            kept: Mutex::default(),
        }
    }

    /// Takes a token from the bucket of this key; `Err` is the time until there is one.
    pub(crate) fn take(&self, key: &[u8], limit: Limit, now: u64) -> Result<(), Duration> {
        let key = self.hasher.hash_one(key);
        // Nothing panics while the lock is held.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove_full(now);
        let known = kept.full_at.get(&key).copied();
        let next = limit.take(known.unwrap_or(0), now)?;
        if let Some(full_at) = known {
            kept.by_time.remove(&(full_at, key));
        } else if kept.full_at.len() >= self.max_keys {
            // Drops the bucket that is full first: a key that is limited stays limited while others come and go.
            kept.remove_first();
        }
        kept.full_at.insert(key, next);
        kept.by_time.insert((next, key));
        Ok(())
    }
}

impl Kept {
    /// Removes up to two buckets that are full. A call adds at most one, so all full buckets are removed in time, and no
    /// call removes many.
    fn remove_full(&mut self, now: u64) {
        for _ in 0..2 {
            if self.by_time.first().is_some_and(|(full_at, _)| *full_at <= now) {
                self.remove_first();
            }
        }
    }

    fn remove_first(&mut self) {
        if let Some((_, key)) = self.by_time.pop_first() {
            self.full_at.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// A token a second, three at once.
    fn limit() -> Limit {
        Limit::new(Duration::from_secs(1), Duration::from_secs(3))
    }

    fn keyed(max_keys: usize) -> KeyedBuckets {
        KeyedBuckets::new(NonZeroUsize::new(max_keys).expect("not 0"))
    }

    fn kept(buckets: &KeyedBuckets) -> usize {
        let kept = buckets.kept.lock().expect("no thread panicked");
        assert_eq!(kept.full_at.len(), kept.by_time.len());
        kept.full_at.len()
    }

    #[test]
    fn a_full_bucket_lets_a_burst_through_then_the_rate() {
        let bucket = Bucket::default();
        let start = 10 * SECOND;
        for _ in 0..3 {
            assert_eq!(bucket.take(limit(), start), Ok(()));
        }
        assert_eq!(bucket.take(limit(), start), Err(Duration::from_secs(1)));
        // A refusal costs no token.
        assert_eq!(
            bucket.take(limit(), start + SECOND / 4),
            Err(Duration::from_millis(750))
        );
        assert_eq!(bucket.take(limit(), start + SECOND), Ok(()));
        assert_eq!(bucket.take(limit(), start + SECOND), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_bucket_fills_up_to_the_burst_and_no_further() {
        let bucket = Bucket::default();
        for now in [0, 100 * SECOND, 1_000_000 * SECOND] {
            for _ in 0..3 {
                assert_eq!(bucket.take(limit(), now), Ok(()));
            }
            assert!(bucket.take(limit(), now).is_err());
        }
    }

    #[test]
    fn a_clock_that_another_thread_read_earlier_does_no_harm() {
        let bucket = Bucket::default();
        assert_eq!(bucket.take(limit(), 5 * SECOND), Ok(()));
        assert_eq!(
            bucket.take(limit(), 4 * SECOND),
            Ok(()),
            "two tokens are there still"
        );
        assert_eq!(bucket.take(limit(), 5 * SECOND), Ok(()));
        assert!(bucket.take(limit(), 5 * SECOND).is_err());
    }

    #[test]
    fn threads_take_each_token_once() {
        const TOKENS: u64 = 1000;
        let limit = Limit::new(Duration::from_secs(1), Duration::from_secs(TOKENS));
        let bucket = Bucket::default();
        let taken: usize = std::thread::scope(|scope| {
            let threads = [(); 4]
                .map(|()| scope.spawn(|| (0..TOKENS).filter(|_| bucket.take(limit, SECOND).is_ok()).count()));
            threads
                .map(|thread| thread.join().expect("no panic"))
                .iter()
                .sum()
        });
        assert_eq!(taken, TOKENS as usize);
    }

    #[test]
    fn each_key_has_a_bucket() {
        let buckets = keyed(10);
        for key in [b"one", b"two"] {
            for _ in 0..3 {
                assert_eq!(buckets.take(key, limit(), 0), Ok(()));
            }
            assert_eq!(buckets.take(key, limit(), 0), Err(Duration::from_secs(1)));
        }
        assert_eq!(buckets.take(b"one", limit(), SECOND), Ok(()));
    }

    #[test]
    fn full_buckets_are_forgotten() {
        let buckets = keyed(1000);
        for key in 0..100_u32 {
            assert_eq!(buckets.take(&key.to_ne_bytes(), limit(), 0), Ok(()));
        }
        assert_eq!(kept(&buckets), 100);
        for call in 1..=100 {
            assert_eq!(buckets.take(b"another", limit(), call * 100 * SECOND), Ok(()));
        }
        assert_eq!(kept(&buckets), 1);
    }

    #[test]
    fn no_more_keys_are_kept_than_there_is_room_for_and_a_limited_one_stays_limited() {
        let buckets = keyed(50);
        for _ in 0..3 {
            assert_eq!(buckets.take(b"greedy", limit(), 0), Ok(()));
        }
        for key in 0..1000_u32 {
            assert_eq!(buckets.take(&key.to_ne_bytes(), limit(), 0), Ok(()));
            assert!(kept(&buckets) <= 50);
        }
        assert_eq!(buckets.take(b"greedy", limit(), 0), Err(Duration::from_secs(1)));
        // Room for one is enough to work with.
        let one = keyed(1);
        assert_eq!(one.take(b"a", limit(), 0), Ok(()));
        assert_eq!(one.take(b"b", limit(), 0), Ok(()));
        assert_eq!(kept(&one), 1);
    }
}
