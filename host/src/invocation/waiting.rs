//! What the hook that is running waits for: a slot that is filled once a hook, and looked at after every hook, so it
//! is not worth a lock.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU8, Ordering};

use async_ffi::FfiFuture;
use funcdock_extension_api::abi;

const EMPTY: u8 = 0;
/// Somebody is about to fill it.
const TAKEN: u8 = 1;
const FULL: u8 = 2;

#[derive(Default)]
pub(super) struct WaitSlot {
    state: AtomicU8,
    future: UnsafeCell<Option<FfiFuture<abi::Waited>>>,
}

// SAFETY: `future` is only touched by whoever brought `state` from EMPTY to TAKEN, and, when it is FULL, by the one task
// that drives the call.
unsafe impl Sync for WaitSlot {}

impl WaitSlot {
    /// Fills the slot; `false` where it is full. From any thread.
    pub(super) fn fill(&self, future: FfiFuture<abi::Waited>) -> bool {
        let mine = self
            .state
            .compare_exchange(EMPTY, TAKEN, Ordering::Acquire, Ordering::Relaxed);
        if mine.is_err() {
            return false;
        }
        // SAFETY: nobody else comes here until it is EMPTY again, nor reads it before it is FULL.
        unsafe { *self.future.get() = Some(future) };
        self.state.store(FULL, Ordering::Release);
        true
    }

    /// Empties the slot. For the one task that drives the call.
    #[inline]
    pub(super) fn take(&self) -> Option<FfiFuture<abi::Waited>> {
        if self.state.load(Ordering::Acquire) != FULL {
            return None;
        }
        // SAFETY: it is FULL, so whoever filled it is done, and only this task takes from it.
        let future = unsafe { (*self.future.get()).take() };
        self.state.store(EMPTY, Ordering::Release);
        future
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waited() -> FfiFuture<abi::Waited> {
        FfiFuture::new(async {
            abi::Waited {
                result: abi::PreResult::Continue,
                state: abi::StateSlot::EMPTY,
            }
        })
    }

    #[test]
    fn it_holds_one() {
        let slot = WaitSlot::default();
        assert!(slot.take().is_none());
        for _ in 0..2 {
            assert!(slot.fill(waited()));
            assert!(!slot.fill(waited()), "it is full");
            assert!(slot.take().is_some());
            assert!(slot.take().is_none(), "taken");
        }
        assert!(slot.fill(waited()), "dropped with the slot");
    }

    #[test]
    fn one_of_several_threads_fills_it() {
        let slot = WaitSlot::default();
        let filled = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| slot.fill(waited()))).collect();
            let filled = threads.into_iter().map(|thread| thread.join().unwrap_or(false));
            filled.filter(|filled| *filled).count()
        });
        assert_eq!(filled, 1);
        assert!(slot.take().is_some());
    }
}
