//! The functions of a [`abi::Descriptor`], made for an extension's type: each turns the border's types into
//! the author's, catches panics, and turns the result back.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::time::Duration;

use abi_stable::std_types::{RBox, ROption, RResult, RStr, RVec};

use crate::extension::Extension;
use crate::guard::guarded;
use crate::{
    AppInfo, Error, Function, Invocation, Outcome, OutcomeKind, Result, Value, abi, flow, log, settings,
};

pub(crate) unsafe extern "C" fn configure<E: Extension>(json: RStr<'_>) -> RResult<(), abi::Error> {
    result(|| E::configure(&settings::parse(json.as_str())?))
}

pub(crate) unsafe extern "C" fn init<E: Extension>(
    json: RStr<'_>,
    raw: abi::Init,
) -> RResult<*mut c_void, abi::Error> {
    result(|| {
        let app = AppInfo {
            raw,
            borrowed: PhantomData,
        };
        let instance = E::init(settings::parse(json.as_str())?, &app)?;
        Ok(Box::into_raw(Box::new(instance)).cast())
    })
}

pub(crate) unsafe extern "C" fn post_function_load<E: Extension>(
    instance: *const c_void,
    function: abi::Function,
) -> abi::HookResult {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    hook(|| extension.post_function_load(&Function::new(function)))
}

pub(crate) unsafe extern "C" fn pre_invocation<E: Extension>(
    instance: *const c_void,
    raw: abi::Invocation,
    state: *mut abi::StateSlot,
) -> abi::PreResult {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    let called = guarded(|| {
        log::within(Some(raw), || {
            let flow = extension.pre_invocation(&mut Invocation::new(raw));
            // SAFETY: the host passes an empty slot that nobody else uses during the call.
            flow::into_abi(flow, Some(raw), |value| put_state(unsafe { &mut *state }, value))
        })
    });
    called.unwrap_or_else(|panic| abi::PreResult::Error(RBox::new(panic)))
}

pub(crate) unsafe extern "C" fn post_invocation<E: Extension>(
    instance: *const c_void,
    raw: abi::Invocation,
    outcome: abi::Outcome,
    state: *mut abi::StateSlot,
) -> abi::HookResult {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    // SAFETY: the slot is the one that `pre_invocation` of this type was given for this call.
    let Some(state) = (unsafe { take_state::<E::State>(&mut *state) }) else {
        return abi::HookResult::Ok;
    };
    log::within(Some(raw), || {
        let (mut call, outcome) = (Invocation::ended(raw, outcome), Outcome::new(outcome));
        let mut handled = abi::HookResult::Ok;
        if E::HOOKS & abi::HOOK_ON_EXCEPTION != 0
            && outcome.kind() == OutcomeKind::Raised
            && let Some(exception) = outcome.exception()
        {
            handled = hook(|| extension.on_exception(&mut call, &exception));
        }
        // What goes wrong in `on_exception` does not cost the post hook. Where both do, the post hook's is told.
        match hook(|| extension.post_invocation(&mut call, state, &outcome)) {
            abi::HookResult::Ok => handled,
            failed => failed,
        }
    })
}

pub(crate) unsafe extern "C" fn shutdown<E: Extension>(
    instance: *const c_void,
    deadline_ms: u64,
) -> abi::HookResult {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    hook(|| extension.shutdown(Duration::from_millis(deadline_ms)))
}

pub(crate) unsafe extern "C" fn flush<E: Extension>(
    instance: *const c_void,
    deadline_ms: u64,
) -> abi::HookResult {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    hook(|| extension.flush(Duration::from_millis(deadline_ms)))
}

pub(crate) unsafe extern "C" fn attributes<E: Extension>() -> RVec<RStr<'static>> {
    E::ATTRIBUTES.iter().map(|name| RStr::from_str(name)).collect()
}

pub(crate) unsafe extern "C" fn attribute<E: Extension>(
    instance: *const c_void,
    raw: abi::Invocation,
    name: RStr<'_>,
) -> RResult<ROption<abi::Value>, abi::Error> {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    log::within(Some(raw), || {
        result(|| {
            let value = extension.attribute(&Invocation::new(raw), name.as_str())?;
            Ok(value.map(Value::into_abi).into())
        })
    })
}

pub(crate) unsafe extern "C" fn native<E: Extension>(
    instance: *const c_void,
) -> RResult<abi::Value, abi::Error> {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    result(|| Ok(extension.native()?.into_abi()))
}

pub(crate) unsafe extern "C" fn settings<E: Extension>() -> RVec<abi::Setting> {
    guarded(settings::describe::<E::Settings>).unwrap_or_default()
}

pub(crate) unsafe extern "C" fn drop_instance<E: Extension>(instance: *mut c_void) {
    // SAFETY: the host drops an instance once, last; it came from `Box::into_raw` in `init`.
    let instance = unsafe { Box::from_raw(instance.cast::<E>()) };
    // A destructor that panics at the very end has nobody left to tell.
    let _ = guarded(|| drop(instance));
}

fn result<T>(f: impl FnOnce() -> Result<T>) -> RResult<T, abi::Error> {
    match guarded(f) {
        Ok(Ok(value)) => RResult::ROk(value),
        Ok(Err(error)) => RResult::RErr(error.into_abi()),
        Err(panic) => RResult::RErr(panic),
    }
}

fn hook(f: impl FnOnce() -> Result<()>) -> abi::HookResult {
    let error = match guarded(f) {
        Ok(Ok(())) => return abi::HookResult::Ok,
        Ok(Err(error)) => Error::into_abi(error),
        Err(panic) => panic,
    };
    abi::HookResult::Error(RBox::new(error))
}

const fn fits_in_slot<S>() -> bool {
    size_of::<S>() <= size_of::<usize>() * abi::StateSlot::WORDS && align_of::<S>() <= align_of::<usize>()
}

unsafe extern "C" fn drop_in_place<S>(data: *mut c_void) {
    // SAFETY: set by `put_state` together with a value of this type in `data`.
    let _ = guarded(|| unsafe { data.cast::<S>().drop_in_place() });
}

pub(crate) fn put_state<S>(slot: &mut abi::StateSlot, state: S) {
    let data = slot.data.as_mut_ptr();
    let function = if fits_in_slot::<S>() {
        // SAFETY: `S` fits the slot in size and alignment, and an empty slot holds nothing to drop.
        unsafe { data.cast::<S>().write(state) };
        drop_in_place::<S>
    } else {
        // SAFETY: a box is one word.
        unsafe { data.cast::<Box<S>>().write(Box::new(state)) };
        drop_in_place::<Box<S>>
    };
    slot.drop = Some(abi::DropState { function });
}

/// # Safety
/// The slot must be empty or filled by [`put_state`] with a state of the same type.
unsafe fn take_state<S>(slot: &mut abi::StateSlot) -> Option<S> {
    slot.drop.take()?;
    let data = slot.data.as_mut_ptr();
    Some(if fits_in_slot::<S>() {
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
        fn round_trip<S: Clone + PartialEq + std::fmt::Debug>(state: S, reason: &str) {
            let mut slot = abi::StateSlot::EMPTY;
            put_state(&mut slot, state.clone());
            // SAFETY: filled above with the same type.
            assert_eq!(unsafe { take_state::<S>(&mut slot) }, Some(state), "{reason}");
            // SAFETY: the slot is empty now.
            assert_eq!(unsafe { take_state::<S>(&mut slot) }, None, "{reason}: only once");
        }
        round_trip((), "zero-sized");
        round_trip(7_u8, "small");
        round_trip([1_usize, 2, 3], "just fits");
        round_trip([1_usize, 2, 3, 4], "boxed for its size");
        round_trip(1_u128, "boxed for its alignment");

        let token = Arc::new(());
        let mut slot = abi::StateSlot::EMPTY;
        put_state(&mut slot, (Arc::clone(&token), [0_usize; 8]));
        assert_eq!(Arc::strong_count(&token), 2);
        drop(slot);
        assert_eq!(
            Arc::strong_count(&token),
            1,
            "an untaken state is dropped with its slot"
        );
    }
}
