//! Which hook runs on this thread: the one that a call of the host's `wait` is for.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use async_ffi::FfiFuture;

use crate::abi;

type Future = FfiFuture<abi::HookReturn>;

/// A hook around a call that runs on this thread.
struct Running {
    /// The invocation, as its table's functions get it.
    invocation: *const c_void,
    /// What the hook gave to `wait`.
    future: Cell<Option<Future>>,
}

thread_local! {
    /// The innermost hook, in the frame of [`run`]; null outside of hooks. A pointer, as it has no destructor: reading it
    /// costs next to nothing.
    static RUNNING: Cell<*const Running> = const { Cell::new(ptr::null()) };
}

/// Calls a hook of the invocation; returns what it returned, and what it waits for.
///
/// `hook` does not unwind: functions of the border do not.
#[inline]
pub(super) fn run<T>(invocation: *const c_void, hook: impl FnOnce() -> T) -> (T, Option<Future>) {
    let running = Running {
        invocation,
        future: Cell::new(None),
    };
    let outer = RUNNING.replace(&raw const running);
    let returned = hook();
    RUNNING.set(outer);
    (returned, running.future.into_inner())
}

/// What a host's `wait` does: keeps the future for the hook that runs on this thread. `invocation` is the pointer that
/// the table's function gets.
///
/// # Errors
/// No hook of this invocation runs on this thread, or it waits already.
pub fn wait(invocation: *const c_void, future: Future) -> Result<(), abi::Error> {
    let error = |message: &str| Err(abi::Error::new(abi::ERROR_VALUE, message));
    let running = RUNNING.get();
    if running.is_null() {
        return error(
            "only a hook around a call can wait, on the thread that it runs on: a future that runs already awaits the \
             other future itself",
        );
    }
    // SAFETY: it points into the frame of `run`, which is further up on this thread's stack: `run` takes the pointer out
    // before it returns.
    let running = unsafe { &*running };
    if running.invocation != invocation {
        return error("the hook that runs is one of another invocation");
    }
    match running.future.take() {
        None => {
            running.future.set(Some(future));
            Ok(())
        }
        first => {
            running.future.set(first);
            error("this hook waits already: one future can await several")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::border::future::without_state;

    fn future() -> Future {
        FfiFuture::new(async { without_state(abi::PreResult::Continue) })
    }

    fn message(waits: Result<(), abi::Error>) -> String {
        waits.expect_err("refused").message.into()
    }

    #[test]
    fn only_the_running_hook_waits_and_only_once() {
        let (mine, other) = (ptr::from_ref(&1).cast(), ptr::from_ref(&2).cast());
        assert!(message(wait(mine, future())).starts_with("only a hook around a call can wait"));
        let ((), waits) = run(mine, || {
            assert!(message(wait(other, future())).contains("another invocation"));
            assert!(wait(mine, future()).is_ok());
            assert!(message(wait(mine, future())).starts_with("this hook waits already"));
            let ((), inner) = run(other, || assert!(wait(other, future()).is_ok()));
            assert!(inner.is_some());
            assert!(message(wait(mine, future())).starts_with("this hook waits already"));
        });
        assert!(waits.is_some());
        assert!(run(mine, || ()).1.is_none(), "the next hook does not wait");
        let elsewhere = std::thread::scope(|scope| {
            let ((), waits) = run(mine, || {
                let address = mine.addr();
                let other = scope.spawn(move || message(wait(ptr::without_provenance(address), future())));
                assert!(other.join().expect("no panic").starts_with("only a hook"));
            });
            waits
        });
        assert!(elsewhere.is_none());
    }
}
