//! States of the author's types in the slots that the host keeps.

use std::ffi::c_void;
use std::mem::{align_of, size_of};

use super::guard::guarded_drop;
use crate::abi;

const fn fits<S>() -> bool {
    size_of::<S>() <= size_of::<usize>() * abi::StateSlot::WORDS && align_of::<S>() <= align_of::<usize>()
}

unsafe extern "C" fn drop_in_place<S>(data: *mut c_void) {
    // SAFETY: set by `put` together with a value of this type in `data`.
    guarded_drop("a call's state", || unsafe { data.cast::<S>().drop_in_place() });
}

/// Puts a state into an empty slot: in place if it fits, and otherwise in a box.
pub(crate) fn put<S: Send>(slot: &mut abi::StateSlot, state: S) {
    let data = slot.data();
    let drop = if fits::<S>() {
        // SAFETY: `S` fits the slot in size and alignment, and an empty slot holds nothing to drop.
        unsafe { data.cast::<S>().write(state) };
        drop_in_place::<S>
    } else {
        // SAFETY: a box is one word.
        unsafe { data.cast::<Box<S>>().write(Box::new(state)) };
        drop_in_place::<Box<S>>
    };
    // SAFETY: filled above, with what this drops; `S` is `Send`.
    unsafe { slot.set_full(drop) };
}

/// Returns the state in a slot; `None` if the slot is empty.
///
/// # Safety
/// As for [`take`].
pub(crate) unsafe fn get_mut<S>(slot: &mut abi::StateSlot) -> Option<&mut S> {
    if slot.is_empty() {
        return None;
    }
    let data = slot.data();
    Some(if fits::<S>() {
        // SAFETY: the slot is full with an `S` in place, and borrowed as long as the result.
        unsafe { &mut *data.cast::<S>() }
    } else {
        // SAFETY: as above, with the `S` in a box.
        unsafe { &mut *data.cast::<Box<S>>() }
    })
}

/// Takes the state out of a slot; `None` if the slot is empty.
///
/// # Safety
/// The slot is empty or was filled by [`put`] with a state of the same type.
pub(crate) unsafe fn take<S>(slot: &mut abi::StateSlot) -> Option<S> {
    if !slot.set_empty() {
        return None;
    }
    let data = slot.data();
    Some(if fits::<S>() {
        // SAFETY: the slot was full with an `S` in place, and was marked as empty above.
        unsafe { data.cast::<S>().read() }
    } else {
        // SAFETY: as above, with the `S` in a box.
        unsafe { *data.cast::<Box<S>>().read() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// A state of each size class comes back as it went, and is dropped exactly once, taken or not.
    #[test]
    fn states_survive_the_slot() {
        fn round_trip<S: Clone + PartialEq + Send + std::fmt::Debug>(state: S, reason: &str) {
            let mut slot = abi::StateSlot::EMPTY;
            put(&mut slot, state.clone());
            // SAFETY: filled above with the same type.
            let seen = unsafe { get_mut::<S>(&mut slot) };
            assert_eq!(seen, Some(&mut state.clone()), "{reason}");
            // SAFETY: as above.
            assert_eq!(unsafe { take::<S>(&mut slot) }, Some(state), "{reason}");
            // SAFETY: the slot is empty now.
            assert_eq!(unsafe { take::<S>(&mut slot) }, None, "{reason}: only once");
        }
        round_trip((), "zero-sized");
        round_trip(7_u8, "small");
        round_trip([1_usize, 2, 3], "just fits");
        round_trip([1_usize, 2, 3, 4], "boxed for its size");
        round_trip(1_u128, "boxed for its alignment");

        let token = Arc::new(());
        let mut slot = abi::StateSlot::EMPTY;
        put(&mut slot, (Arc::clone(&token), [0_usize; 8]));
        assert_eq!(Arc::strong_count(&token), 2);
        drop(slot);
        assert_eq!(
            Arc::strong_count(&token),
            1,
            "a state that nobody takes is dropped with its slot"
        );
    }
}
