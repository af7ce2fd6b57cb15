//! Log records of the extension, by the host and the call that they belong to.
//!
//! `tracing` has one subscriber per process, and tests run on several threads at once. So a record's thread says what it
//! belongs to: the mock marks the thread while it calls the extension there. Threads of an extension's own are not
//! marked, and nothing shows whose they are: all hosts get their records, apart from the others.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RStr};
use tracing::Level;

use crate::{abi, export};

/// A `tracing` event as it reached the host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogRecord {
    /// Its level.
    pub level: Level,
    /// Its target: the module, unless it names another.
    pub target: String,
    /// Its message, and ` name=value` for each field.
    pub message: String,
    /// The id of the invocation that the host's log shows with it: that of the hook.
    pub invocation: Option<String>,
    /// The call that it was made in, also outside of hooks, as by a method of an object.
    call: Option<Arc<str>>,
}

impl fmt::Display for LogRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.level, self.target, self.message)
    }
}

/// The records of a host.
#[derive(Default)]
pub(super) struct Journal {
    own: Mutex<Vec<LogRecord>>,
    background: Mutex<Vec<LogRecord>>,
}

impl Journal {
    /// A journal that gets records from now on.
    pub(super) fn open() -> Arc<Self> {
        export::connect(HOST_SERVICES);
        let journal = Arc::new(Journal::default());
        let mut open = lock(&JOURNALS);
        open.retain(|journal| journal.strong_count() > 0);
        open.push(Arc::downgrade(&journal));
        journal
    }

    /// What was logged within calls of the extension.
    pub(super) fn own(&self) -> Vec<LogRecord> {
        lock(&self.own).clone()
    }

    /// Of these, what was logged within this invocation.
    pub(super) fn of_call(&self, id: &str) -> Vec<LogRecord> {
        let mut records = self.own();
        records.retain(|record| record.call.as_deref() == Some(id));
        records
    }

    /// What was logged on threads of extensions' own.
    pub(super) fn background(&self) -> Vec<LogRecord> {
        lock(&self.background).clone()
    }
}

static JOURNALS: Mutex<Vec<Weak<Journal>>> = Mutex::new(Vec::new());

thread_local! {
    static CURRENT: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// What records belong to.
#[derive(Clone)]
pub(super) struct Scope {
    pub(super) journal: Arc<Journal>,
    pub(super) call: Option<Arc<str>>,
}

impl Scope {
    /// What `f` logs on this thread belongs here.
    pub(super) fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        struct Restore(Option<Scope>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }
        let _outer = Restore(CURRENT.replace(Some(self.clone())));
        f()
    }
}

const HOST_SERVICES: abi::HostServicesRef = {
    unsafe extern "C" fn max_log_level() -> u8 {
        5
    }
    unsafe extern "C" fn log(
        level: u8,
        target: RStr<'_>,
        message: RStr<'_>,
        invocation: ROption<abi::Invocation<'_>>,
    ) {
        // A thread that ends has no mark any more.
        let scope = CURRENT.try_with(|scope| scope.borrow().clone()).ok().flatten();
        let call = scope.as_ref().and_then(|scope| scope.call.clone());
        let record = LogRecord {
            level: match level {
                1 => Level::ERROR,
                2 => Level::WARN,
                3 => Level::INFO,
                4 => Level::DEBUG,
                _ => Level::TRACE,
            },
            target: target.to_string(),
            message: message.to_string(),
            // A hook only runs, and its future is only polled, within a scope: that of its invocation.
            invocation: call
                .as_deref()
                .filter(|_| invocation.is_some())
                .map(str::to_owned),
            call,
        };
        match scope {
            Some(scope) => lock(&scope.journal.own).push(record),
            None => {
                for journal in lock(&JOURNALS).iter().filter_map(Weak::upgrade) {
                    lock(&journal.background).push(record.clone());
                }
            }
        }
    }
    const TABLE: &WithMetadata<abi::HostServices> = &WithMetadata::new(abi::HostServices {
        host_version: RStr::from_str(env!("CARGO_PKG_VERSION")),
        max_log_level,
        log,
    });
    abi::HostServicesRef(TABLE.static_as_prefix())
};

/// No critical section of the mock can panic half-way, so a poisoned lock still holds sound data.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
