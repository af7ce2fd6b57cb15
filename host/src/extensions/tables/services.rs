//! The functions of the host that a library may call at any time: logging.

use std::cell::RefCell;

use abi_stable::prefix_type::WithMetadata;
use abi_stable::std_types::{ROption, RStr};
use funcdock_extension_api::abi;

use crate::logging::{self, Level, Record};
use crate::model::Invocation;

thread_local! {
    /// The errors that extensions have logged on this thread, while somebody collects them.
    static ERRORS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Runs `work`, and returns also the errors that extensions log on this thread meanwhile. They go to the log as well.
pub(in crate::extensions) fn collect_errors<T>(work: impl FnOnce() -> T) -> (T, Vec<String>) {
    ERRORS.set(Some(Vec::new()));
    let result = work();
    (result, ERRORS.take().unwrap_or_default())
}

fn note_error(message: &str) {
    ERRORS.with_borrow_mut(|errors| {
        if let Some(errors) = errors {
            errors.push(message.to_owned());
        }
    });
}

/// The table of these functions.
pub(in crate::extensions) const HOST_SERVICES: abi::HostServicesRef = {
    unsafe extern "C" fn max_log_level() -> u8 {
        logging::max_level()
    }
    unsafe extern "C" fn log(
        level: u8,
        target: RStr<'_>,
        message: RStr<'_>,
        invocation: ROption<abi::Invocation<'_>>,
    ) {
        let level = Level::from_u8(level);
        if level == Level::Error {
            note_error(message.as_str());
        }
        let invocation = invocation.into_option();
        // SAFETY: the SDK passes the invocation of the running hook: it is alive, and `tables::invocation` made it.
        let invocation = invocation.map(|raw| unsafe { &*raw.this().cast::<Invocation>() });
        let trace = invocation.map(Invocation::trace_ids).unwrap_or_default();
        logging::record(
            level,
            &Record {
                invocation: invocation.map(Invocation::id),
                function: invocation.map(|invocation| invocation.function().name.as_str()),
                trace_id: trace.trace_id(),
                span_id: trace.span_id(),
                is_of_extension: true,
                ..Record::new(target.as_str(), message.as_str())
            },
        );
    }
    const TABLE: &WithMetadata<abi::HostServices> = &WithMetadata::new(abi::HostServices {
        host_version: RStr::from_str(env!("CARGO_PKG_VERSION")),
        max_log_level,
        log,
    });
    abi::HostServicesRef(TABLE.static_as_prefix())
};
