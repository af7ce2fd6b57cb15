//! The keys of host.json and the app settings that Azure knows, and what each does here. A key that does nothing is named in
//! a warning. The book has the same tables.

use std::path::Path;

use super::AppSettings;
use super::error::{Problem, suggestion};
use super::json::Item;

/// What a key or a setting does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// What Azure's documentation says, or what this says.
    Honoured(&'static str),
    /// Nothing, and nobody misses it.
    NotNeeded(&'static str),
    /// Nothing. A warning says so, and why or what to do instead.
    Ignored(&'static str),
}

use Effect::{Honoured, Ignored, NotNeeded};

/// The keys of host.json. Those within a key that is ignored are ignored with it.
const HOST_JSON: [(&str, Effect); 50] = [
    ("$schema", NotNeeded("it is for editors")),
    ("aggregator", Ignored("/metrics has counts and times of calls")),
    (
        "applicationInsights",
        Ignored("sampling is a setting of the extension opencensus"),
    ),
    ("blobs", Ignored("it is of version 1; write extensions.blobs")),
    (
        "concurrency",
        Ignored("set extensions.http.maxConcurrentRequests"),
    ),
    (
        "console",
        Ignored("the log is on stderr, with colours on a terminal"),
    ),
    ("customHandler", Ignored("functions run in Python")),
    ("eventHub", Ignored("it is of version 1")),
    ("extensionBundle", NotNeeded("bundles are .NET code")),
    (
        "extensions.blobs.maxDegreeOfParallelism",
        Honoured("of each function"),
    ),
    ("extensions.blobs.poisonBlobThreshold", Honoured("")),
    ("extensions.http.clientTimeout", Honoured("Funcdock's own")),
    ("extensions.http.customHeaders", Honoured("")),
    (
        "extensions.http.dynamicThrottlesEnabled",
        Ignored("set maxOutstandingRequests"),
    ),
    (
        "extensions.http.hsts",
        Ignored("set Strict-Transport-Security in customHeaders"),
    ),
    ("extensions.http.maxConcurrentRequests", Honoured("")),
    ("extensions.http.maxOutstandingRequests", Honoured("")),
    ("extensions.http.maxRequestBodySize", Honoured("Funcdock's own")),
    (
        "extensions.http.maxTotalRequestBodySize",
        Honoured("Funcdock's own"),
    ),
    ("extensions.http.routePrefix", Honoured("")),
    ("extensions.queues.batchSize", Honoured("")),
    ("extensions.queues.maxDequeueCount", Honoured("")),
    ("extensions.queues.maxPollingInterval", Honoured("")),
    ("extensions.queues.messageEncoding", Honoured("")),
    ("extensions.queues.newBatchThreshold", Honoured("")),
    ("extensions.queues.visibilityTimeout", Honoured("")),
    ("extensions.…", Ignored("such bindings are not served")),
    ("functionTimeout", Honoured("")),
    ("functions", Honoured("")),
    (
        "healthMonitor",
        Ignored("a worker that does not answer is replaced: see --heartbeat-timeout"),
    ),
    ("http", Ignored("it is of version 1; write extensions.http")),
    (
        "id",
        Honoured(
            "the name under which the app's hosts keep the receipts of blobs, and of the queue of Event Grid's events",
        ),
    ),
    ("isDefaultHostConfig", NotNeeded("it is for tools")),
    (
        "languageWorkers",
        Ignored("write languageWorkers__python__… as app settings"),
    ),
    (
        "logging.applicationInsights",
        Ignored("sampling is a setting of the extension opencensus"),
    ),
    (
        "logging.console",
        Ignored("the log is on stderr, with colours on a terminal"),
    ),
    (
        "logging.fileLoggingMode",
        Ignored("the log is on stderr, or in --log-file"),
    ),
    ("logging.logLevel", Honoured("")),
    ("managedDependency", NotNeeded("it is for PowerShell")),
    ("queues", Ignored("it is of version 1; write extensions.queues")),
    (
        "retry",
        Honoured("for functions that have none; calls of HTTP functions are never retried"),
    ),
    ("sendGrid", Ignored("it is of version 1")),
    ("serviceBus", Ignored("it is of version 1")),
    ("singleton", Ignored("locks of timers last for 30 seconds")),
    ("telemetryMode", Honoured("")),
    ("tracing", Ignored("it is of version 1; write logging.logLevel")),
    ("version", Honoured("")),
    (
        "watchDirectories",
        Ignored("--reload watches all folders of the app"),
    ),
    (
        "watchFiles",
        Ignored("--reload watches the app's Python files and settings"),
    ),
    ("workerExtensions", Honoured("Funcdock's own")),
];

/// The objects whose keys are looked at one by one.
const OPEN: [&str; 5] = [
    "extensions",
    "extensions.blobs",
    "extensions.http",
    "extensions.queues",
    "logging",
];

/// App settings, which Azure has in the environment.
const APP_SETTINGS: [(&str, Effect); 31] = [
    (
        "APPLICATIONINSIGHTS_CONNECTION_STRING",
        Honoured("by the extension opencensus, for traces and logs; a warning if nothing uses it"),
    ),
    ("AzureFunctionsJobHost__…", Honoured("")),
    (
        "AzureFunctionsWebHost__hostid",
        Honoured("the id of the app in its storage account"),
    ),
    ("AzureWebJobs.<function>.Disabled", Honoured("")),
    ("AzureWebJobsDisableHomepage", Honoured("")),
    (
        "AzureWebJobsFeatureFlags",
        NotNeeded("only Azure's host has such features"),
    ),
    ("AzureWebJobsScriptRoot", Honoured("set for functions")),
    (
        "AzureWebJobsSecretStorageType",
        Honoured("`files`; a warning for others"),
    ),
    (
        "AzureWebJobsStorage",
        Honoured("the locks and times of timers; the default connection of bindings"),
    ),
    (
        "AZURE_FUNCTIONS_ENVIRONMENT",
        Honoured("`Development` for functions, unless set, if only this machine can reach the host"),
    ),
    (
        "ConnectionStrings:<name>, ConnectionStrings__<name>",
        Honoured("set for functions"),
    ),
    (
        "FUNCTIONS_EXTENSION_VERSION",
        NotNeeded("it chooses a version of Azure's host"),
    ),
    ("FUNCTIONS_SECRETS_PATH", Honoured("")),
    (
        "FUNCTIONS_WORKER_PROCESS_COUNT",
        Honoured("1 to 10; `auto` is Funcdock's own"),
    ),
    (
        "FUNCTIONS_WORKER_RUNTIME",
        Honoured("always `python` for functions; a warning for others"),
    ),
    (
        "FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED",
        NotNeeded("data does not leave the worker's process"),
    ),
    (
        "languageWorkers__python__arguments",
        Honoured("`--listen …` for the first worker alone"),
    ),
    ("languageWorkers__python__defaultExecutablePath", Honoured("")),
    ("PIP_…", Honoured("by pip and uv")),
    (
        "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
        Honoured(
            "by the extension opencensus, if APPLICATIONINSIGHTS_CONNECTION_STRING is set and worker extensions are on",
        ),
    ),
    ("PYTHON_ENABLE_DEBUG_LOGGING", Honoured("")),
    (
        "PYTHON_ENABLE_INIT_INDEXING",
        NotNeeded("functions are always found when a worker starts"),
    ),
    (
        "PYTHON_ENABLE_OPENTELEMETRY",
        Honoured("OpenTelemetry in the app goes on with the traces of calls"),
    ),
    ("PYTHON_ENABLE_WORKER_EXTENSIONS", Honoured("")),
    (
        "PYTHON_EXTENSIONS_SKIP_POST_ON_EXCEPTION",
        Honoured("Funcdock's own"),
    ),
    (
        "PYTHON_ISOLATE_WORKER_DEPENDENCIES",
        NotNeeded("the host brings no packages that could be in the app's way"),
    ),
    ("PYTHON_SCRIPT_FILE_NAME", Honoured("")),
    ("PYTHON_THREADPOOL_THREAD_COUNT", Honoured("")),
    (
        "WEBSITE_HOSTNAME",
        Honoured("set for functions, to the host's own address unless set"),
    ),
    ("WEBSITE_RUN_FROM_PACKAGE", NotNeeded("the app is a folder")),
    (
        "WEBSITE_SITE_NAME",
        Honoured("the service's name in traces; the id of the app in its storage account, unless set"),
    ),
];

/// App settings whose values are never secret: switches, numbers, names.
const PLAIN: [&str; 24] = [
    "AZURE_FUNCTIONS_ENVIRONMENT",
    "AzureFunctionsWebHost:hostid",
    "AzureFunctionsWebHost__hostid",
    "AzureWebJobsDisableHomepage",
    "AzureWebJobsFeatureFlags",
    "AzureWebJobsSecretStorageType",
    "FUNCTIONS_EXTENSION_VERSION",
    "FUNCTIONS_WORKER_PROCESS_COUNT",
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_WORKER_SHARED_MEMORY_DATA_TRANSFER_ENABLED",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
    "PYTHON_ENABLE_DEBUG_LOGGING",
    "PYTHON_ENABLE_INIT_INDEXING",
    "PYTHON_ENABLE_OPENTELEMETRY",
    "PYTHON_ENABLE_WORKER_EXTENSIONS",
    "PYTHON_EXTENSIONS_SKIP_POST_ON_EXCEPTION",
    "PYTHON_ISOLATE_WORKER_DEPENDENCIES",
    "PYTHON_SCRIPT_FILE_NAME",
    "PYTHON_THREADPOOL_THREAD_COUNT",
    "PYTHONUNBUFFERED",
    "TZ",
    "WEBSITE_SITE_NAME",
    "WEBSITE_SLOT_NAME",
    "WEBSITE_TIME_ZONE",
];

/// Keys of host.json whose values are never secret, also in an app setting that overrides one; with all keys below them.
const PLAIN_KEYS: [&str; 12] = [
    "extensions.blobs",
    "extensions.http.clientTimeout",
    "extensions.http.maxConcurrentRequests",
    "extensions.http.maxOutstandingRequests",
    "extensions.http.maxRequestBodySize",
    "extensions.http.maxTotalRequestBodySize",
    "extensions.http.routePrefix",
    "extensions.queues",
    "functionTimeout",
    "id",
    "logging.logLevel",
    "telemetryMode",
];

/// Whether the value of an app setting is known not to be a secret. Of what an app defines itself, nothing is known.
pub(crate) fn is_plain(name: &str) -> bool {
    if PLAIN.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return true;
    }
    let lowered = name.to_ascii_lowercase();
    if let Some(key) = ["azurefunctionsjobhost__", "azurefunctionsjobhost:"]
        .iter()
        .find_map(|prefix| lowered.strip_prefix(prefix))
    {
        let key = key.replace("__", ".").replace(':', ".");
        return PLAIN_KEYS.iter().any(|known| {
            let rest = key.strip_prefix(&known.to_ascii_lowercase());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        });
    }
    let function = lowered.strip_prefix("azurewebjobs.");
    function.is_some_and(|function| function.ends_with(".disabled"))
}

/// Warns of the keys of host.json that have no effect: once of all that Azure knows, and of each that nobody knows.
pub(super) fn warn_of_keys(top: &Item<'_>, warnings: &mut Vec<Problem>) -> Result<(), Problem> {
    let mut ignored = Vec::new();
    for (key, item) in top.entries()? {
        look_at(key, &item, &mut ignored, warnings)?;
    }
    if !ignored.is_empty() {
        let text = format!("these keys have no effect here: {}", ignored.join("; "));
        warnings.push(Problem::of_file(Path::new("host.json"), text));
    }
    Ok(())
}

fn look_at(
    path: &str,
    item: &Item<'_>,
    ignored: &mut Vec<String>,
    warnings: &mut Vec<Problem>,
) -> Result<(), Problem> {
    if OPEN.iter().any(|open| open.eq_ignore_ascii_case(path)) {
        // What reads it has already refused anything but an object.
        for (key, item) in item.entries()? {
            look_at(&format!("{path}.{key}"), &item, ignored, warnings)?;
        }
        return Ok(());
    }
    let find = |name: &str| {
        HOST_JSON
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    let outer = path.rsplit_once('.').map(|(outer, _)| outer);
    // Any other trigger may have a section of its own.
    let of_trigger = outer.filter(|outer| outer.eq_ignore_ascii_case("extensions"));
    let found = find(path).or_else(|| of_trigger.and_then(|_| find("extensions.…")));
    match found {
        Some((_, Ignored(_))) if is_off(item) => {}
        Some((_, Ignored(reason))) => ignored.push(format!("{path} ({reason})")),
        Some(_) => {}
        None => {
            let siblings = HOST_JSON.iter().filter_map(|(known, _)| match outer {
                Some(outer) => known.strip_prefix(outer)?.strip_prefix('.'),
                None => known.split('.').next(),
            });
            let key = path.rsplit('.').next().unwrap_or(path);
            warnings.push(item.problem(format!("unknown key, ignored{}", suggestion(key, siblings))));
        }
    }
    Ok(())
}

/// Whether a key only says that something is not wanted.
fn is_off(item: &Item<'_>) -> bool {
    let off = |item: &Item<'_>| item.boolean().is_ok_and(|value| !value);
    let switches = ["isEnabled", "enabled", "dynamicConcurrencyEnabled"];
    off(item)
        || switches
            .iter()
            .any(|key| item.is_object() && item.get(key).ok().flatten().is_some_and(|item| off(&item)))
}

/// Notes the app settings that have no effect.
pub(super) fn note_settings(settings: &AppSettings) {
    for (name, effect) in APP_SETTINGS {
        if let Ignored(reason) = effect
            && settings.get(name).is_some()
        {
            settings.add_problem(name, format!("has no effect: {reason}"));
        }
    }
    if let Some(runtime) = settings.get("FUNCTIONS_WORKER_RUNTIME")
        && !runtime.value.eq_ignore_ascii_case("python")
    {
        let message = format!(
            "expected \"python\", found {:?} in {}; functions run in Python",
            runtime.value, runtime.source
        );
        settings.add_problem("FUNCTIONS_WORKER_RUNTIME", message);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Returns the table of the book.
    fn table(entries: &[(&str, Effect)]) -> String {
        let row = |(name, effect): &(&str, Effect)| {
            let names: Vec<_> = name.split(", ").map(|name| format!("`{name}`")).collect();
            let (what, text) = match effect {
                Honoured(text) => ("honoured", text),
                NotNeeded(text) => ("not needed", text),
                Ignored(text) => ("a warning", text),
            };
            let text = if text.is_empty() {
                String::new()
            } else {
                format!(": {text}")
            };
            format!("| {} | {what}{text} |\n", names.join(", "))
        };
        entries.iter().map(row).collect()
    }

    #[test]
    fn only_known_settings_are_plain() {
        for (name, expected) in [
            ("functions_worker_process_count", true),
            ("AzureWebJobs.hello.Disabled", true),
            ("AzureFunctionsJobHost__logging__logLevel__default", true),
            ("AzureFunctionsJobHost:extensions:queues:batchSize", true),
            ("AzureFunctionsJobHost__idle", false),
            (
                "AzureFunctionsJobHost__extensions__http__customHeaders__X-Token",
                false,
            ),
            (
                "AzureFunctionsJobHost__workerExtensions__opencensus__settings__headers",
                false,
            ),
            ("AzureWebJobsStorage", false),
            ("APPLICATIONINSIGHTS_CONNECTION_STRING", false),
            ("PIP_INDEX_URL", false),
            ("SENDER", false),
            ("", false),
        ] {
            assert_eq!(is_plain(name), expected, "{name}");
        }
    }

    #[test]
    fn the_book_has_the_same_tables() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/settings.md");
        let page = fs::read_to_string(&path).expect("the page");
        let mut parts = page.split("|---|---|\n");
        let mut renewed = parts.next().expect("a title").to_owned();
        let tables = [table(&HOST_JSON), table(&APP_SETTINGS)];
        for (index, part) in parts.enumerate() {
            renewed += "|---|---|\n";
            let rows = part
                .split_inclusive('\n')
                .take_while(|line| line.starts_with('|'));
            let rest = &part[rows.map(str::len).sum::<usize>()..];
            renewed += &tables
                .get(index)
                .map_or_else(|| part.to_owned(), |table| format!("{table}{rest}"));
        }
        if std::env::var_os("FUNCDOCK_BLESS").is_some() {
            fs::write(&path, &renewed).expect("written");
        } else {
            assert!(
                page == renewed,
                "the tables differ; write them with FUNCDOCK_BLESS=1"
            );
        }
    }
}
