//! The memory that the request bodies of a worker may take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The number of bytes that all bodies may have together.
pub(super) struct Budget {
    limit: u64,
    used: AtomicU64,
}

/// The part of a budget that one body has, until dropped.
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    /// Returns a budget of this number of bytes.
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Budget {
            limit,
            used: AtomicU64::new(0),
        })
    }

    /// Returns a share of nothing yet.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }
}

impl Share {
    /// Makes the share as large as this, if it is smaller; returns whether the budget allows that.
    pub(super) fn grow_to(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let budget = &self.budget;
        let grown = budget.used.fetch_update(Relaxed, Relaxed, |used| {
            used.checked_add(more).filter(|used| *used <= budget.limit)
        });
        if grown.is_ok() {
            self.bytes += more;
        }
        grown.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_grow_until_the_budget_is_used_up() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (budget.share(), budget.share());
        assert!(one.grow_to(4) && one.grow_to(3) && other.grow_to(6));
        assert!(!one.grow_to(5), "there is nothing left");
        assert!(one.grow_to(4), "it has as much");
        drop(other);
        assert!(one.grow_to(10));
        drop(one);
        assert_eq!(budget.used.load(Relaxed), 0);
        assert!(Budget::new(u64::MAX).share().grow_to(u64::MAX));
    }
}
