//! Where the state of a call's hooks is between them, and what a hook returns.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use abi_stable::StableAbi;

use super::PreResult;

/// Room for the state of a call's hooks: small states in place, others boxed by the SDK.
///
/// The host never looks inside. It owns the slot, and drops a state that no hook took.
#[repr(C)]
#[derive(StableAbi)]
pub struct StateSlot {
    /// The state, or a pointer to it; untouched while `drop` is `None`.
    data: [MaybeUninit<usize>; StateSlot::WORDS],
    /// Drops what `data` holds; `None` when it holds nothing.
    drop: Option<DropState>,
}

/// How to drop the state that a slot's `data` holds.
#[repr(transparent)]
#[derive(StableAbi, Clone, Copy)]
struct DropState {
    /// Receives a pointer to the slot's `data`.
    function: unsafe extern "C" fn(data: *mut c_void),
}

// SAFETY: a state is `Send`, by the bounds of the SDK's trait.
unsafe impl Send for StateSlot {}

impl StateSlot {
    /// How many words a state may have to be kept in place.
    pub const WORDS: usize = 3;

    /// A slot that holds nothing.
    pub const EMPTY: StateSlot = StateSlot {
        data: [MaybeUninit::uninit(); StateSlot::WORDS],
        drop: None,
    };

    /// Whether it holds nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.drop.is_none()
    }

    /// The room for the state, or for a pointer to it.
    #[inline]
    pub fn data(&mut self) -> *mut c_void {
        self.data.as_mut_ptr().cast()
    }

    /// Marks the slot as full.
    ///
    /// # Safety
    /// `data` was filled with a value that may be sent to another thread, and that `drop` drops.
    #[inline]
    pub unsafe fn set_full(&mut self, drop: unsafe extern "C" fn(data: *mut c_void)) {
        self.drop = Some(DropState { function: drop });
    }

    /// Marks the slot as empty, without dropping what it holds. Returns whether it was full: then the value in `data` is
    /// the caller's.
    #[inline]
    pub fn set_empty(&mut self) -> bool {
        self.drop.take().is_some()
    }
}

impl Drop for StateSlot {
    #[inline]
    fn drop(&mut self) {
        if let Some(drop) = self.drop.take() {
            // SAFETY: by the contract of `set_full`; taking `drop` first makes this the only call.
            unsafe { (drop.function)(self.data.as_mut_ptr().cast()) }
        }
    }
}

/// What a hook returns around a call, at once or by a future.
#[repr(C)]
#[derive(StableAbi)]
pub struct HookReturn {
    /// What it decided. A post hook continues or fails.
    pub result: PreResult,
    /// The state of a pre hook that continues.
    pub state: StateSlot,
}
