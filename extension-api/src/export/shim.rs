//! The functions of a [`abi::Descriptor`], made for an extension's type: each turns the border's types into
//! the author's, catches panics, and turns the result back.
//!
//! They share a promise, which the host keeps (`driver` is its code for that): `instance` came from [`init`] of the same
//! type and has not been dropped; contexts are alive; a state slot is the one of this call and this instance.

use std::ffi::c_void;
use std::time::Duration;

use abi_stable::std_types::{RBox, ROption, RResult, RStr, RVec};

use super::settings;
use crate::abi;
use crate::author::annotation::Classes;
use crate::author::attribute::Attribute;
use crate::author::context::Function;
use crate::author::convert::{catch, value_into_abi};
use crate::author::error::{Error, Result};
use crate::author::extension::{Extension, Scope};
use crate::author::flow;
use crate::author::invocation::Invocation;
use crate::author::outcome::{Outcome, OutcomeKind};
use crate::author::stream_end::StreamEnd;
use crate::border::guard::{guarded, guarded_drop};
use crate::border::{log, slot};

pub(crate) unsafe extern "C" fn configure<E: Extension>(json: RStr<'_>) -> RResult<(), abi::Error> {
    catch(|| E::configure(&settings::parse(json.as_str())?))
}

pub(crate) unsafe extern "C" fn init<E: Extension>(
    json: RStr<'_>,
    raw: abi::Init<'_>,
) -> RResult<*mut c_void, abi::Error> {
    catch(|| {
        let instance = E::init(settings::parse(json.as_str())?, &E::Scope::info(raw)?)?;
        Ok(Box::into_raw(Box::new(instance)).cast())
    })
}

pub(crate) unsafe extern "C" fn post_function_load<E: Extension>(
    instance: *const c_void,
    function: abi::Function<'_>,
) -> abi::HookResult {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    hook(|| extension.post_function_load(&Function::new(function)))
}

pub(crate) unsafe extern "C" fn pre_invocation<E: Extension>(
    instance: *const c_void,
    raw: abi::Invocation<'_>,
    state: *mut abi::StateSlot,
) -> abi::PreResult {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    let called = guarded(|| {
        log::within(Some(raw), || {
            let flow = extension.pre_invocation(&mut Invocation::new(raw));
            // SAFETY: the host passes an empty slot that nobody else uses during the call.
            flow::into_abi(flow, Some(raw), |value| slot::put(unsafe { &mut *state }, value))
        })
    });
    called.unwrap_or_else(|panic| abi::PreResult::Error(RBox::new(panic)))
}

pub(crate) unsafe extern "C" fn post_invocation<E: Extension>(
    instance: *const c_void,
    raw: abi::Invocation<'_>,
    outcome: abi::Outcome<'_>,
    state: *mut abi::StateSlot,
    keeps_state: bool,
) -> abi::HookResult {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    // SAFETY: the slot is the one that `pre_invocation` of this type was given for this call, and nobody else uses it
    // during the call.
    let slot = unsafe { &mut *state };
    if keeps_state {
        // SAFETY: as above.
        return match unsafe { slot::get_mut::<E::State>(slot) } {
            None => abi::HookResult::Ok,
            Some(state) => after_call(extension, raw, outcome, |call, outcome| {
                extension.post_invocation(call, state, outcome)
            }),
        };
    }
    // SAFETY: as above.
    match unsafe { slot::take::<E::State>(slot) } {
        None => abi::HookResult::Ok,
        // The state is dropped within the hook, where a panic of its destructor is caught.
        Some(mut state) => after_call(extension, raw, outcome, move |call, outcome| {
            extension.post_invocation(call, &mut state, outcome)
        }),
    }
}

/// Runs `on_exception` if there is one and the function raised, then the post hook.
#[inline]
fn after_call<E: Extension>(
    extension: &E,
    raw: abi::Invocation<'_>,
    outcome: abi::Outcome<'_>,
    post: impl FnOnce(&mut Invocation<'_>, &Outcome<'_>) -> Result<()>,
) -> abi::HookResult {
    log::within(Some(raw), || {
        let (mut call, outcome) = (Invocation::with_outcome(raw, outcome), Outcome::new(outcome));
        let mut handled = abi::HookResult::Ok;
        if E::HOOKS & abi::HOOK_ON_EXCEPTION != 0
            && outcome.kind() == OutcomeKind::Raised
            && let Some(exception) = outcome.exception()
        {
            handled = hook(|| extension.on_exception(&mut call, &exception));
            if let abi::HookResult::Error(error) = &mut handled {
                // The host knows only that `post_invocation` failed, which called it.
                error.message = format!("in on_exception: {}", error.message).into();
            }
        }
        // The post hook runs although `on_exception` failed. If both fail, the post hook's error is reported.
        match hook(|| post(&mut call, &outcome)) {
            abi::HookResult::Ok => handled,
            failed => failed,
        }
    })
}

pub(crate) unsafe extern "C" fn stream_ended<E: Extension>(
    instance: *const c_void,
    raw: abi::Invocation<'_>,
    end: abi::StreamEnd<'_>,
    state: *mut abi::StateSlot,
) -> abi::HookResult {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    log::within(Some(raw), || {
        hook(|| {
            // SAFETY: the slot is the one that `pre_invocation` of this type was given for this call.
            let state = unsafe { slot::take::<E::State>(&mut *state) };
            state.map_or(Ok(()), |mut state| {
                extension.stream_ended(
                    &mut Invocation::after_stream(raw),
                    &mut state,
                    &StreamEnd::new(end),
                )
            })
        })
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

pub(crate) unsafe extern "C" fn attributes<E: Extension>() -> abi::Attributes {
    guarded(|| {
        let mut classes = Classes::default();
        let describe = |attribute: &Attribute| attribute.describe(&mut classes);
        abi::Attributes {
            attributes: E::ATTRIBUTES.iter().map(describe).collect(),
            classes: classes.into_abi().into(),
        }
    })
    .unwrap_or_default()
}

pub(crate) unsafe extern "C" fn after<E: Extension>() -> RVec<RStr<'static>> {
    E::AFTER.iter().map(|name| RStr::from_str(name)).collect()
}

pub(crate) unsafe extern "C" fn attribute<E: Extension>(
    instance: *const c_void,
    raw: abi::Invocation<'_>,
    name: RStr<'_>,
) -> RResult<ROption<abi::Value>, abi::Error> {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    log::within(Some(raw), || {
        catch(|| {
            let value = extension.attribute(&Invocation::new(raw), name.as_str())?;
            Ok(value.map(value_into_abi).into())
        })
    })
}

pub(crate) unsafe extern "C" fn native<E: Extension>(
    instance: *const c_void,
) -> RResult<abi::Value, abi::Error> {
    // SAFETY: the host passes a live instance of this extension.
    let extension = unsafe { &*instance.cast::<E>() };
    catch(|| Ok(value_into_abi(extension.native()?)))
}

pub(crate) unsafe extern "C" fn settings<E: Extension>() -> RVec<abi::Setting> {
    guarded(|| settings::describe::<E::Settings>(E::settings_documentation())).unwrap_or_default()
}

pub(crate) unsafe extern "C" fn drop_instance<E: Extension>(instance: *mut c_void) {
    // SAFETY: the host drops an instance once, last; it came from `Box::into_raw` in `init`.
    let instance = unsafe { Box::from_raw(instance.cast::<E>()) };
    guarded_drop(&format!("extension {:?}", E::NAMES.join(" or ")), || {
        drop(instance);
    });
}

fn hook(f: impl FnOnce() -> Result<()>) -> abi::HookResult {
    let error = match guarded(f) {
        Ok(Ok(())) => return abi::HookResult::Ok,
        Ok(Err(error)) => Error::into_abi(error),
        Err(panic) => panic,
    };
    abi::HookResult::Error(RBox::new(error))
}
