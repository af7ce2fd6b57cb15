//! Watches the app's files, for a reload when one changes.
//!
//! Folders are watched one by one, so that those that .gitignore or .funcignore ignore, and environments, cost nothing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ignore::WalkBuilder;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::slot::until;

/// The files that say which others do not belong to the app.
const IGNORE_FILES: [&str; 2] = [".gitignore", ".funcignore"];

/// The files in the app's folder that count although they are ignored as a rule: they stay on this machine.
const ALWAYS: [&str; 6] = [
    "host.json",
    "local.settings.json",
    "requirements.txt",
    "requirements.lock",
    "requirements.lock.txt",
    "pyproject.toml",
];

/// How long nothing may change before a change counts: editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(20);

/// How long changes are waited for that never end.
const LONGEST: Duration = Duration::from_millis(500);

/// The changes of an app's files.
pub(super) struct Changes {
    root: PathBuf,
    libraries: Vec<PathBuf>,
    ignored: Gitignore,
    watcher: RecommendedWatcher,
    watched: BTreeSet<PathBuf>,
    changed: mpsc::UnboundedReceiver<PathBuf>,
    /// The files that have changed, since `first`; they are told at `due`.
    files: BTreeSet<PathBuf>,
    first: Option<Instant>,
    due: Option<Instant>,
}

impl Changes {
    /// Watches the app in `root`, and these libraries of extensions.
    ///
    /// # Errors
    /// The system has no more watches, for example.
    pub(super) fn watch(root: &Path, libraries: Vec<PathBuf>) -> Result<Self, notify::Error> {
        let (sender, changed) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            let is_change = match event.kind {
                EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
                EventKind::Access(_) => false,
                EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => true,
                EventKind::Other => false,
            };
            if is_change {
                // Nobody receives any more when the host stops.
                event.paths.into_iter().for_each(|path| drop(sender.send(path)));
            }
        })?;
        let mut ignored = GitignoreBuilder::new(root);
        for name in IGNORE_FILES {
            // A file that is not there, or has a line that is no pattern, ignores less.
            let _ = ignored.add(root.join(name));
        }
        let mut changes = Changes {
            root: root.to_owned(),
            ignored: ignored.build().unwrap_or_else(|_| Gitignore::empty()),
            libraries,
            watcher,
            watched: BTreeSet::new(),
            changed,
            files: BTreeSet::new(),
            first: None,
            due: None,
        };
        changes.watch_new_folders()?;
        Ok(changes)
    }

    /// Waits for changes, until no more come for a moment; returns the files. Cancel-safe.
    pub(super) async fn next(&mut self) -> Vec<PathBuf> {
        loop {
            tokio::select! {
                path = self.changed.recv() => match path {
                    Some(path) => self.note(path),
                    // The watcher is ours, so it is there.
                    None => std::future::pending().await,
                },
                () = until(self.due) => {
                    (self.first, self.due) = (None, None);
                    return std::mem::take(&mut self.files).into_iter().collect();
                }
            }
        }
    }

    /// Notes a change if it is one of the app.
    fn note(&mut self, path: PathBuf) {
        let before = self.files.len();
        if path.is_dir() {
            if let Err(error) = self.watch_new_folders() {
                tracing::warn!("changes in {} may not be noticed: {error}", path.display());
            }
            // A folder that is moved here comes with its files.
            let scripts = fs::read_dir(&path)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path());
            let counted: Vec<_> = scripts.filter(|file| self.counts(file)).collect();
            self.files.extend(counted);
        } else if self.counts(&path) {
            self.files.insert(path);
        } else {
            return;
        }
        if self.files.len() > before || self.due.is_some() {
            let now = Instant::now();
            let first = *self.first.get_or_insert(now);
            self.due = Some((first + LONGEST).min(now + QUIET));
        }
    }

    /// Whether this file is one of the app, or a library of an extension.
    fn counts(&self, path: &Path) -> bool {
        if self.libraries.iter().any(|library| library == path) {
            return true;
        }
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return false;
        };
        if folder == self.root && ALWAYS.iter().any(|always| name == *always) {
            return true;
        }
        let is_of_app =
            name == "function.json" || path.extension().is_some_and(|end| end == "py" || end == "so");
        is_of_app
            && path.starts_with(&self.root)
            && self.watched.contains(folder)
            && !self.ignored.matched_path_or_any_parents(path, false).is_ignore()
    }

    /// Watches the folders that are not watched yet.
    fn watch_new_folders(&mut self) -> Result<(), notify::Error> {
        let mut walk = WalkBuilder::new(&self.root);
        walk.require_git(false)
            .git_global(false)
            .parents(false)
            .add_custom_ignore_filename(".funcignore")
            .filter_entry(|entry| {
                entry.file_name() != OsStr::new("__pycache__") && !is_environment(entry.path())
            });
        // A folder that vanishes meanwhile needs no watch.
        let folders = walk
            .build()
            .flatten()
            .map(ignore::DirEntry::into_path)
            .filter(|path| path.is_dir());
        let of_libraries = self
            .libraries
            .iter()
            .filter_map(|library| library.parent())
            .map(Path::to_owned);
        let all: Vec<_> = folders.chain(of_libraries).collect();
        for folder in all {
            if !self.watched.contains(&folder) {
                self.watcher.watch(&folder, RecursiveMode::NonRecursive)?;
                self.watched.insert(folder);
            }
        }
        Ok(())
    }
}

/// Whether this is a virtual environment.
fn is_environment(folder: &Path) -> bool {
    folder.join("pyvenv.cfg").exists() || folder.file_name() == Some(OsStr::new(".python_packages"))
}

/// Removes the bytecode of changed files: Python would take it for that of a file that has changed within a second, with the
/// same length.
pub(super) fn remove_bytecode(files: &[PathBuf]) {
    for file in files {
        let (Some(folder), Some(stem)) = (file.parent(), file.file_stem().and_then(OsStr::to_str)) else {
            continue;
        };
        let entries = fs::read_dir(folder.join("__pycache__"))
            .into_iter()
            .flatten()
            .flatten();
        for entry in entries {
            let name = entry.file_name();
            let is_of_file = name
                .to_str()
                .and_then(|name| name.strip_prefix(stem))
                .is_some_and(|rest| rest.starts_with('.') && rest.ends_with(".pyc"));
            if is_of_file {
                // It is gone already, or cannot be removed: then Python cannot have written it, either.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a file, in a folder that is made if it is not there.
    fn write(root: &Path, name: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, "x").expect("written");
    }

    #[tokio::test]
    async fn changes_of_the_app_count_and_others_do_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("it is there");
        for name in [
            "host.json",
            "shop/function.json",
            ".venv/pyvenv.cfg",
            ".venv/lib/a.py",
            "built/a.py",
        ] {
            write(&root, name);
        }
        fs::write(
            root.join(".gitignore"),
            "local.settings.json\nbuilt/\ngenerated.py\n",
        )
        .expect("written");
        fs::write(root.join(".funcignore"), "tests\n").expect("written");
        let library = root.join("lib/libspans.so.new");
        write(&root, "lib/libspans.so.new");
        let mut changes = Changes::watch(&root, vec![library.clone()]).expect("watched");
        for name in [
            "read.me",
            "built/a.py",
            "generated.py",
            "tests/test_a.py",
            ".venv/lib/a.py",
            "shop/page.html",
        ] {
            write(&root, name);
        }
        for name in [
            "shop/__init__.py",
            "local.settings.json",
            "shop/function.json",
            "lib/libspans.so.new",
            "new/a.py",
        ] {
            write(&root, name);
            // A change may be noticed in two parts.
            let changed = tokio::time::timeout(Duration::from_secs(10), async {
                while !changes.next().await.contains(&root.join(name)) {}
            });
            changed.await.unwrap_or_else(|_| panic!("{name} is not noticed"));
        }
        write(&root, "built/b.py");
        write(&root, "generated.py");
        let more = tokio::time::timeout(Duration::from_millis(200), changes.next()).await;
        assert!(more.is_err(), "{more:?}");
    }

    #[test]
    fn the_bytecode_of_a_changed_file_goes_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let cached = |name: &str| folder.path().join("__pycache__").join(name);
        for name in [
            "a.cpython-313.pyc",
            "a.cpython-39.opt-1.pyc",
            "ab.cpython-313.pyc",
        ] {
            write(folder.path(), &format!("__pycache__/{name}"));
        }
        remove_bytecode(&[folder.path().join("a.py")]);
        let left = [
            "a.cpython-313.pyc",
            "a.cpython-39.opt-1.pyc",
            "ab.cpython-313.pyc",
        ]
        .map(|name| cached(name).exists());
        assert_eq!(left, [false, false, true]);
    }
}
