//! What the hook that runs on this thread waits for.

use std::cell::{Cell, RefCell};

use async_ffi::FfiFuture;
use funcdock_extension_api::abi;

use crate::model::Invocation;

thread_local! {
    /// The address of the invocation whose hook runs on this thread; 0 outside of hooks.
    static RUNNING: Cell<usize> = const { Cell::new(0) };
    static FUTURE: RefCell<Option<FfiFuture<abi::Waited>>> = const { RefCell::new(None) };
    /// Whether `FUTURE` holds one: cheaper to read after each hook.
    static WAITS: Cell<bool> = const { Cell::new(false) };
}

/// Runs a hook of this invocation, and returns with it the future that it waits for.
#[inline]
pub(super) fn during<T>(
    invocation: &Invocation,
    hook: impl FnOnce() -> T,
) -> (T, Option<FfiFuture<abi::Waited>>) {
    let outer = RUNNING.replace(address(invocation));
    let returned = hook();
    RUNNING.set(outer);
    let future = WAITS.replace(false).then(|| FUTURE.take()).flatten();
    (returned, future)
}

/// Has the hook that runs wait for this future; `false` where none of this invocation runs here, or it waits already.
pub(super) fn wait_for(invocation: &Invocation, future: FfiFuture<abi::Waited>) -> bool {
    let may_wait = RUNNING.get() == address(invocation) && !WAITS.get();
    if may_wait {
        FUTURE.set(Some(future));
        WAITS.set(true);
    }
    may_wait
}

fn address(invocation: &Invocation) -> usize {
    std::ptr::from_ref(invocation).addr()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{FunctionInfo, Start};

    fn invocation() -> Arc<Invocation> {
        let function = FunctionInfo {
            name: "f".to_owned(),
            directory: "/f".to_owned(),
            trigger: "httpTrigger".to_owned(),
            trigger_name: "req".to_owned(),
            route: None,
            http_output: None,
        };
        Invocation::new(Arc::new(function), Start::default())
    }

    fn future() -> FfiFuture<abi::Waited> {
        FfiFuture::new(async {
            abi::Waited {
                result: abi::PreResult::Continue,
                state: abi::StateSlot::EMPTY,
            }
        })
    }

    #[test]
    fn a_hook_waits_for_one_future() {
        let invocation = invocation();
        for _ in 0..2 {
            let (second, waits) = during(&invocation, || {
                assert!(wait_for(&invocation, future()));
                wait_for(&invocation, future())
            });
            assert!(!second, "it waits already");
            assert!(waits.is_some());
        }
        assert!(
            during(&invocation, || ()).1.is_none(),
            "a hook that does not wait"
        );
    }

    #[test]
    fn only_the_hook_that_runs_here_can_wait() {
        let (invocation, other) = (invocation(), invocation());
        assert!(!wait_for(&invocation, future()), "no hook runs");
        let (_, waits) = during(&invocation, || {
            assert!(!wait_for(&other, future()), "another call")
        });
        assert!(waits.is_none());
        during(&invocation, || {
            std::thread::scope(|scope| {
                let elsewhere = scope.spawn(|| wait_for(&invocation, future()));
                assert!(!elsewhere.join().expect("no panic"), "another thread");
            });
        });
    }
}
