//! The worker's log as the host gets it, and the texts in it that hosts and tools look for: those of Microsoft's worker.

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::{RpcLog, rpc_log};

use crate::control::MOST_THREADS;
use crate::logging::{Author, Level, Record, Sink};

/// The logger of the texts that hosts and tools look for.
const WORKER: &str = "azure_functions_worker";

/// The loggers of the worker and of extensions in Python, by the first parts of their names.
const SYSTEM: [&str; 3] = [WORKER, "azure.functions", "funcdock"];

/// The settings whose values are told.
const SETTINGS: [&str; 10] = [
    "PYTHON_ROLLBACK_CWD_PATH",
    "PYTHON_THREADPOOL_THREAD_COUNT",
    "PYTHON_ISOLATE_WORKER_DEPENDENCIES",
    "PYTHON_ENABLE_DEBUG_LOGGING",
    "PYTHON_ENABLE_WORKER_EXTENSIONS",
    "FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED",
    "PYTHON_SCRIPT_FILE_NAME",
    "PYTHON_ENABLE_INIT_INDEXING",
    "PYTHON_ENABLE_OPENTELEMETRY",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
];

/// Returns what sends records to the host by `send`, before the responses of their calls.
pub(super) fn sink(send: impl Fn(Content) + Send + Sync + 'static) -> Sink {
    Box::new(move |author, level, record| send(Content::RpcLog(of_record(author, level, record))))
}

fn of_record(author: Author, level: Level, record: &Record<'_>) -> RpcLog {
    let mut message = record.message.to_owned();
    if let Some(exception) = record.exception {
        message.push('\n');
        message.push_str(exception);
    }
    let category = match author {
        // The host shows those of users only while their calls run.
        Author::Function if !is_system(record.logger) => rpc_log::RpcLogCategory::User,
        Author::Function | Author::Extension | Author::Host => rpc_log::RpcLogCategory::System,
    };
    RpcLog {
        invocation_id: record.invocation.unwrap_or_default().to_owned(),
        category: record.logger.to_owned(),
        level: of_level(level).into(),
        message,
        properties: record.fields.unwrap_or_default().to_owned(),
        log_category: category.into(),
        ..RpcLog::default()
    }
}

fn is_system(logger: &str) -> bool {
    SYSTEM.iter().any(|name| {
        let rest = logger.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']))
    })
}

fn of_level(level: Level) -> rpc_log::Level {
    match level {
        Level::Critical => rpc_log::Level::Critical,
        Level::Error => rpc_log::Level::Error,
        Level::Warn => rpc_log::Level::Warning,
        Level::Info => rpc_log::Level::Information,
        Level::Debug => rpc_log::Level::Debug,
        Level::Trace => rpc_log::Level::Trace,
    }
}

/// Returns a record of the worker's own, about this invocation if there is one.
pub(super) fn of_worker(level: Level, invocation_id: &str, message: String) -> Content {
    Content::RpcLog(RpcLog {
        invocation_id: invocation_id.to_owned(),
        category: WORKER.to_owned(),
        level: of_level(level).into(),
        message,
        log_category: rpc_log::RpcLogCategory::System.into(),
        ..RpcLog::default()
    })
}

/// Returns the settings of the worker that are set: `lookup` finds one.
pub(super) fn settings_state(lookup: impl Fn(&str) -> Option<String>) -> String {
    let set = SETTINGS
        .iter()
        .filter_map(|name| Some(format!("{name}: {}", lookup(name)?)));
    let mut all: Vec<_> = set.collect();
    if lookup("PYTHON_ENABLE_WORKER_EXTENSIONS").is_none() {
        all.push("PYTHON_ENABLE_WORKER_EXTENSIONS: False".to_owned());
    }
    format!(
        "App Settings state: {}. To enable debug level logging, please refer to \
         https://aka.ms/python-enable-debug-logging",
        all.join(" | ")
    )
}

/// Returns the present time as the lines about calls have it.
pub(super) fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%d %H:%M:%S.%6f")
        .to_string()
}

/// Returns the warning of a number of threads that cannot be used; `None` if it can, or is not set.
pub(super) fn threads_warning(lookup: impl Fn(&str) -> Option<String>) -> Option<String> {
    const NAME: &str = "PYTHON_THREADPOOL_THREAD_COUNT";
    let value = lookup(NAME).filter(|value| !value.is_empty())?;
    let digits = value.strip_prefix(['-', '+']).unwrap_or(&value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(format!("{NAME} must be an integer"));
    }
    let is_usable = value
        .parse()
        .is_ok_and(|number| (1..=MOST_THREADS).contains(&number));
    (!is_usable).then(|| {
        format!("{NAME} must be set to a value between 1 and {MOST_THREADS}. Reverting to default value for max_workers")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_set_are_told() {
        let state = settings_state(|name| (name == "PYTHON_THREADPOOL_THREAD_COUNT").then(|| "3".to_owned()));
        assert!(
            state.starts_with(
                "App Settings state: PYTHON_THREADPOOL_THREAD_COUNT: 3 | PYTHON_ENABLE_WORKER_EXTENSIONS: False. To"
            ),
            "{state}"
        );
        let state =
            settings_state(|name| (name == "PYTHON_ENABLE_WORKER_EXTENSIONS").then(|| "1".to_owned()));
        assert_eq!(
            state.matches("PYTHON_ENABLE_WORKER_EXTENSIONS").count(),
            1,
            "{state}"
        );
    }

    #[test]
    fn loggers_of_the_worker_are_the_systems() {
        for (logger, expected) in [
            ("azure_functions_worker", true),
            ("azure_functions_worker_errors", true),
            ("azure_functions_worker.extension.First", true),
            ("azure.functions", true),
            ("azure.functions.decorators", true),
            ("funcdock", true),
            ("funcdocks", false),
            ("azure", false),
            ("root", false),
            ("", false),
        ] {
            assert_eq!(is_system(logger), expected, "{logger:?}");
        }
    }

    #[test]
    fn a_number_of_threads_that_cannot_be_used_is_warned_of() {
        let integer = Some("PYTHON_THREADPOOL_THREAD_COUNT must be an integer");
        let range = Some(
            "PYTHON_THREADPOOL_THREAD_COUNT must be set to a value between 1 and 10000. \
             Reverting to default value for max_workers",
        );
        for (value, expected) in [
            (None, None),
            (Some(""), None),
            (Some("1"), None),
            (Some("+3"), None),
            (Some("10000"), None),
            (Some("many"), integer),
            (Some("-"), integer),
            (Some("1.5"), integer),
            (Some("0"), range),
            (Some("-1"), range),
            (Some("10001"), range),
            (Some("99999999999999999999"), range),
        ] {
            let warning = threads_warning(|_| value.map(str::to_owned));
            assert_eq!(warning.as_deref(), expected, "{value:?}");
        }
    }
}
