//! Settings of the host that may stand in the environment or in the app's local.settings.json.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::app::App;

const WORKERS: &str = "FUNCTIONS_WORKER_PROCESS_COUNT";
const MOST_WORKERS: u32 = 10;
const EXTENSIONS: &str = "PYTHON_ENABLE_WORKER_EXTENSIONS";
const EXTENSION_PATH: &str = "FUNCDOCK_EXTENSION_PATH";
const DEBUG_LOGS: &str = "PYTHON_ENABLE_DEBUG_LOGGING";
const THREADS: &str = "PYTHON_THREADPOOL_THREAD_COUNT";

/// Looks settings up, in the environment first.
pub(super) struct Settings<'a, E> {
    app: &'a App,
    environment: E,
}

/// Where a setting stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Environment,
    File,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "the environment",
            Self::File => "local.settings.json (Values)",
        })
    }
}

impl<'a, E: Fn(&str) -> Option<String>> Settings<'a, E> {
    /// Settings for `app`; `environment` looks a variable up.
    pub(super) fn new(app: &'a App, environment: E) -> Self {
        Self { app, environment }
    }

    /// A setting's value without space around it, and where it stands. An empty one is none.
    pub(super) fn get(&self, name: &str) -> Option<(String, Place)> {
        let ours = (self.environment)(name).map(|value| (value, Place::Environment));
        let (value, place) = ours.or_else(|| {
            self.app
                .settings
                .values
                .get(name)
                .map(|value| (value.clone(), Place::File))
        })?;
        let value = value.trim();
        (!value.is_empty()).then(|| (value.to_owned(), place))
    }

    /// How many worker processes: 1 where nothing is said.
    pub(super) fn workers(&self) -> Result<u32> {
        let Some((value, place)) = self.get(WORKERS) else {
            return Ok(1);
        };
        match value.parse() {
            Ok(number) if (1..=MOST_WORKERS).contains(&number) => Ok(number),
            _ => bail!(
                "{WORKERS} is {value:?} in {place}; expected a number from 1 to {MOST_WORKERS}. \
                 Correct it, or override it with --workers"
            ),
        }
    }

    /// Whether worker extensions are on.
    pub(super) fn extensions_enabled(&self) -> bool {
        self.is_on(EXTENSIONS)
    }

    /// Whether functions log at DEBUG too.
    pub(super) fn debug_logs(&self) -> bool {
        self.is_on(DEBUG_LOGS)
    }

    fn is_on(&self, name: &str) -> bool {
        self.get(name).is_some_and(|(value, _)| {
            ["1", "true", "t", "yes", "y"]
                .iter()
                .any(|yes| value.eq_ignore_ascii_case(yes))
        })
    }

    /// Threads for sync functions, where a number was chosen. A bad one is logged and counts as none.
    pub(super) fn threads(&self) -> Option<u32> {
        let (value, place) = self.get(THREADS)?;
        let number = value.parse().ok().filter(|number| *number > 0);
        if number.is_none() {
            tracing::warn!(
                "{THREADS} is {value:?} in {place}; expected a number from 1 up. The default is used"
            );
        }
        number
    }

    /// Where to look for extensions beyond the app: the entries of `FUNCDOCK_EXTENSION_PATH`, then those that come
    /// with the host, which lie where its Python module does: in `binary_folder`, and in `../lib/funcdock` from there
    /// in an install that has it. A relative entry starts at the working directory, or at the app in its own file.
    pub(super) fn extension_path(&self, binary_folder: &Path) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        if let Some((value, place)) = self.get(EXTENSION_PATH) {
            let entries = std::env::split_paths(&value).filter(|entry| !entry.as_os_str().is_empty());
            folders.extend(entries.map(|entry| match place {
                Place::File => self.app.root.join(entry),
                // Fails only without a working directory; the entry is then as good as it is.
                Place::Environment => std::path::absolute(&entry).unwrap_or(entry),
            }));
        }
        folders.push(binary_folder.to_owned());
        let installed = binary_folder.parent().map(|prefix| prefix.join("lib/funcdock"));
        folders.extend(installed.filter(|folder| folder.is_dir()));
        folders
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::tests::app;

    fn with<T>(
        ours: &[(&str, &str)],
        file: &[(&str, &str)],
        ask: impl FnOnce(&Settings<'_, &dyn Fn(&str) -> Option<String>>) -> T,
    ) -> T {
        let mut app = app("/srv/app");
        app.settings.values = file
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let look = |name: &str| {
            ours.iter()
                .find(|(n, _)| *n == name)
                .map(|(_, value)| value.to_string())
        };
        ask(&Settings::new(&app, &look))
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        assert_eq!(with(&[], &[], |s| s.workers()).expect("the default"), 1);
        assert_eq!(
            with(&[], &[(WORKERS, "3")], |s| s.workers()).expect("a number"),
            3
        );
        assert_eq!(
            with(&[(WORKERS, "10")], &[(WORKERS, "3")], |s| s.workers()).expect("a number"),
            10
        );
    }

    #[test]
    fn a_bad_number_of_workers_names_its_place() {
        for value in ["0", "11", "-1", "many", "2.5"] {
            for (ours, file, place) in [
                (&[(WORKERS, value)][..], &[][..], "the environment"),
                (&[], &[(WORKERS, value)], "local.settings.json"),
            ] {
                let error = with(ours, file, |s| s.workers())
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
        ]
        .into_iter()
        .chain([("0", false), ("", false), ("on", false), ("no", false)])
        {
            assert_eq!(
                with(&[(EXTENSIONS, value)], &[], |s| s.extensions_enabled()),
                expected,
                "{value:?}"
            );
            assert_eq!(
                with(&[], &[(EXTENSIONS, value)], |s| s.extensions_enabled()),
                expected,
                "{value:?}"
            );
        }
        assert!(!with(&[], &[], |s| s.extensions_enabled()));
    }

    #[test]
    fn a_bad_number_of_threads_counts_as_none() {
        for (value, expected) in [("8", Some(8)), ("0", None), ("x", None), ("", None)] {
            assert_eq!(
                with(&[(THREADS, value)], &[], |s| s.threads()),
                expected,
                "{value:?}"
            );
        }
    }

    #[test]
    fn extension_folders_are_absolute_and_end_with_ours() {
        let here = std::env::current_dir().expect("a working directory");
        let bin = Path::new("/opt/bin");
        let path = |ours: &[(&str, &str)], file: &[(&str, &str)]| with(ours, file, |s| s.extension_path(bin));
        assert_eq!(path(&[], &[]), [bin]);
        assert_eq!(
            path(&[(EXTENSION_PATH, "/a::b")], &[]),
            [Path::new("/a"), &here.join("b"), bin]
        );
        assert_eq!(
            path(&[], &[(EXTENSION_PATH, "b")]),
            [Path::new("/srv/app/b"), bin]
        );

        let prefix = tempfile::tempdir().expect("a folder");
        let lib = prefix.path().join("lib/funcdock");
        std::fs::create_dir_all(&lib).expect("a folder of libraries");
        let bin = prefix.path().join("bin");
        assert_eq!(
            with(&[], &[], |settings| settings.extension_path(&bin)),
            [bin.clone(), lib]
        );
    }
}
