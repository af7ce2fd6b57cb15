//! The app settings that configure the host: one getter each.

use std::num::NonZero;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::app::own_telemetry::{EXTENSIONS, OPENTELEMETRY};
use crate::app::{AppSetting, AppSettings, SettingSource};
use crate::control::MOST_THREADS;

const WORKERS: &str = "FUNCTIONS_WORKER_PROCESS_COUNT";
const MOST_WORKERS: u32 = 10;
const EXTENSION_PATH: &str = "FUNCDOCK_EXTENSION_PATH";
const DEBUG_LOGS: &str = "PYTHON_ENABLE_DEBUG_LOGGING";
const SKIP_POST: &str = "PYTHON_EXTENSIONS_SKIP_POST_ON_EXCEPTION";
const SECRETS: &str = "FUNCTIONS_SECRETS_PATH";
const SECRETS_KIND: &str = "AzureWebJobsSecretStorageType";
const NO_HOME: &str = "AzureWebJobsDisableHomepage";
const THREADS: &str = "PYTHON_THREADPOOL_THREAD_COUNT";

/// The words for a number of workers, in errors.
pub(super) const EXPECTED_WORKERS: &str = "expected a number from 1 to 10, or auto";

/// Parses a number of worker processes. `auto` is as many as this machine has cores, or the host may use of them.
pub(super) fn parse_workers(text: &str) -> Option<u32> {
    if text.eq_ignore_ascii_case("auto") {
        // The system does not tell: one works everywhere.
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        return Some(u32::try_from(cores).unwrap_or(MOST_WORKERS).min(MOST_WORKERS));
    }
    text.parse()
        .ok()
        .filter(|number| (1..=MOST_WORKERS).contains(number))
}

/// Returns the number of worker processes; 1 by default.
pub(super) fn workers(settings: &AppSettings) -> Result<u32> {
    let Some(AppSetting { value, source, .. }) = settings.get(WORKERS) else {
        return Ok(1);
    };
    parse_workers(&value).with_context(|| {
        format!(
            "{WORKERS} is {value:?} in {source}; {EXPECTED_WORKERS}. Correct it, or override it with --workers"
        )
    })
}

/// Whether worker extensions are on.
pub(super) fn extensions_enabled(settings: &AppSettings) -> bool {
    settings.is_true(EXTENSIONS)
}

/// Whether functions also log at DEBUG.
pub(super) fn debug_logs(settings: &AppSettings) -> bool {
    settings.is_true(DEBUG_LOGS)
}

/// Whether post hooks in Python are skipped when the function raises.
pub(super) fn skip_post_on_exception(settings: &AppSettings) -> bool {
    settings.is_true(SKIP_POST)
}

/// Whether the app uses OpenTelemetry by itself.
pub(super) fn uses_opentelemetry(settings: &AppSettings) -> bool {
    settings.is_true(OPENTELEMETRY)
}

/// Returns the number of threads for synchronous functions, if it is set. A bad number counts as not set and becomes a
/// problem of the settings.
pub(super) fn threads(settings: &AppSettings) -> Option<u32> {
    let AppSetting { value, source, .. } = settings.get(THREADS)?;
    let number = value
        .parse()
        .ok()
        .filter(|number| (1..=MOST_THREADS).contains(number));
    if number.is_none() {
        settings.add_problem(
            THREADS,
            format!(
                "expected a number from 1 to {MOST_THREADS}, as each thread has a stack and waits for the one GIL; \
                 found {value:?} in {source}; the default is used"
            ),
        );
    }
    number
}

/// Whether there is a page at `/`.
pub(super) fn has_home(settings: &AppSettings) -> bool {
    !settings.is_true(NO_HOME)
}

/// Returns the folder of the files with keys: `FUNCTIONS_SECRETS_PATH`, else one in the app's folder.
pub(super) fn secrets_folder(settings: &AppSettings, app_root: &Path) -> PathBuf {
    let kind = settings.get(SECRETS_KIND);
    if let Some(kind) = kind.filter(|kind| !kind.value.eq_ignore_ascii_case("files")) {
        settings.add_problem(
            SECRETS_KIND,
            format!(
                "expected \"files\", found {:?} in {}; the keys are in files, in the folder that {SECRETS} names",
                kind.value, kind.source
            ),
        );
    }
    match settings.get(SECRETS) {
        Some(AppSetting { value, source, .. }) => relative_to(&value, source, app_root),
        None => app_root.join(".funcdock/secrets"),
    }
}

/// Returns the path in a setting. A relative one is relative to the working directory, or to `app_root` if it is from
/// local.settings.json.
fn relative_to(path: impl AsRef<Path>, source: SettingSource, app_root: &Path) -> PathBuf {
    let path = path.as_ref();
    match source {
        SettingSource::File => app_root.join(path),
        // Fails only without a working directory. The path then stays as it is.
        SettingSource::Environment => std::path::absolute(path).unwrap_or_else(|_| path.to_owned()),
    }
}

/// Returns the interpreter that is set.
pub(super) fn python(settings: &AppSettings) -> Option<PathBuf> {
    let setting = of_language_worker(settings, "defaultExecutablePath")?;
    Some(setting.value.into())
}

/// Returns the arguments of the interpreter, as `given` or else as they are set.
pub(super) fn python_arguments(settings: &AppSettings, given: Option<String>) -> Result<Vec<String>> {
    let (text, source) = match (given, of_language_worker(settings, "arguments")) {
        (Some(given), _) => (given, "--language-worker".to_owned()),
        (None, Some(setting)) => (setting.value, setting.name),
        (None, None) => return Ok(Vec::new()),
    };
    shlex::split(&text).with_context(|| {
        format!("{source} is {text:?}; expected arguments as in a shell: it has a quote without its end")
    })
}

/// Returns a setting of the language worker, of which a name may have colons.
fn of_language_worker(settings: &AppSettings, key: &str) -> Option<AppSetting> {
    let names = [
        format!("languageWorkers__python__{key}"),
        format!("languageWorkers:python:{key}"),
    ];
    names.iter().find_map(|name| settings.get(name))
}

/// Returns the folders to search for extensions beyond the app: those of `FUNCDOCK_EXTENSION_PATH`, then those of the
/// host's own extensions: `binary_folder`, and `../lib/funcdock` from there if it exists. A relative entry is relative
/// to the working directory, or to `app_root` if it is from local.settings.json.
pub(super) fn extension_path(settings: &AppSettings, app_root: &Path, binary_folder: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(AppSetting { value, source, .. }) = settings.get(EXTENSION_PATH) {
        let entries = std::env::split_paths(&value).filter(|entry| !entry.as_os_str().is_empty());
        folders.extend(entries.map(|entry| relative_to(entry, source, app_root)));
    }
    folders.push(binary_folder.to_owned());
    let installed = binary_folder.parent().map(|prefix| prefix.join("lib/funcdock"));
    folders.extend(installed.filter(|folder| folder.is_dir()));
    folders
}

/// Logs the problems of the settings that were read so far.
pub(super) fn warn_of_problems(settings: &AppSettings) {
    for problem in settings.take_problems() {
        tracing::warn!("{problem}");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn settings(environment: &[(&str, &str)], file: &[(&str, &str)]) -> AppSettings {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let map = |entries: &[(&str, &str)]| entries.iter().map(owned).collect::<BTreeMap<_, _>>();
        AppSettings::new(&map(file), &map(environment))
    }

    fn problems(settings: &AppSettings) -> String {
        let problems = settings.take_problems();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let found = |environment, file| workers(&settings(environment, file)).expect("a number");
        assert_eq!(found(&[], &[]), 1, "the default");
        assert_eq!(found(&[], &[(WORKERS, "3")]), 3);
        assert_eq!(found(&[(WORKERS, "10")], &[(WORKERS, "3")]), 10);
        let cores = found(&[], &[(WORKERS, "Auto")]);
        assert!((1..=MOST_WORKERS).contains(&cores), "{cores}");
    }

    #[test]
    fn a_bad_number_of_workers_names_its_place() {
        for value in ["0", "11", "-1", "many", "2.5", "automatic"] {
            for (environment, file, place) in [
                (&[(WORKERS, value)][..], &[][..], "the environment"),
                (&[], &[(WORKERS, value)], "local.settings.json"),
            ] {
                let error = workers(&settings(environment, file))
                    .expect_err("refused")
                    .to_string();
                assert!(
                    error.contains(WORKERS) && error.contains(place) && error.contains(value),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn extensions_are_on_for_the_true_words_only() {
        for (value, expected) in [
            ("1", true),
            ("TRUE", true),
            ("t", true),
            ("Yes", true),
            ("y", true),
            (" 1 ", true),
            ("0", false),
            ("", false),
            ("on", false),
            ("no", false),
        ] {
            for settings in [
                settings(&[(EXTENSIONS, value)], &[]),
                settings(&[], &[(EXTENSIONS, value)]),
            ] {
                assert_eq!(extensions_enabled(&settings), expected, "{value:?}");
                let problems = problems(&settings);
                assert_eq!(
                    problems.contains(EXTENSIONS),
                    value == "on",
                    "{value:?}: {problems}"
                );
            }
        }
        assert!(!extensions_enabled(&settings(&[], &[])));
    }

    #[test]
    fn a_switch_with_a_bad_value_is_named() {
        let settings = settings(&[(DEBUG_LOGS, "verbose")], &[]);
        assert!(!debug_logs(&settings));
        let expected = format!("app setting {DEBUG_LOGS}: expected a boolean");
        let problems = problems(&settings);
        assert!(
            problems.starts_with(&expected) && problems.contains("found \"verbose\" in the environment"),
            "{problems}"
        );
    }

    #[test]
    fn a_bad_number_of_threads_counts_as_none() {
        let cases = [
            ("8", Some(8)),
            ("10000", Some(10_000)),
            ("10001", None),
            ("0", None),
            ("x", None),
            ("", None),
        ];
        for (value, expected) in cases {
            let settings = settings(&[(THREADS, value)], &[]);
            assert_eq!(threads(&settings), expected, "{value:?}");
            let is_bad = expected.is_none() && !value.is_empty();
            assert_eq!(problems(&settings).contains(THREADS), is_bad, "{value:?}");
        }
    }

    #[test]
    fn extension_folders_are_absolute_and_end_with_ours() {
        let here = std::env::current_dir().expect("a working directory");
        let bin = Path::new("/opt/bin");
        let app = Path::new("/srv/app");
        let path = |environment: &[(&str, &str)], file: &[(&str, &str)], bin: &Path| {
            extension_path(&settings(environment, file), app, bin)
        };
        assert_eq!(path(&[], &[], bin), [bin]);
        assert_eq!(
            path(&[(EXTENSION_PATH, "/a::b")], &[], bin),
            [Path::new("/a"), &here.join("b"), bin]
        );
        assert_eq!(
            path(&[], &[(EXTENSION_PATH, "b")], bin),
            [Path::new("/srv/app/b"), bin]
        );

        let prefix = tempfile::tempdir().expect("a folder");
        let lib = prefix.path().join("lib/funcdock");
        std::fs::create_dir_all(&lib).expect("a folder of libraries");
        let bin = prefix.path().join("bin");
        assert_eq!(path(&[], &[], &bin), [bin.clone(), lib]);
    }
}
