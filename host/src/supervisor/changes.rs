//! Watches the app's files, for a reload when one changes.
//!
//! What the system tells only wakes us: which files have changed is found out by looking at all of them, and comparing their
//! content with what was there. So it does not matter how an editor writes a file, or what becomes of folders.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ignore::WalkBuilder;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{ErrorKind, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::time::until;

/// The files in the app's folder that count although they are ignored as a rule: they stay on this machine.
const ALWAYS: [&str; 5] = [
    "host.json",
    "local.settings.json",
    "requirements.txt",
    "requirements.lock",
    "requirements.lock.txt",
];

/// The files that say which others do not belong to the app.
const IGNORE_FILES: [&str; 2] = [".gitignore", ".funcignore"];

/// How long nothing may happen before the files are looked at: editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(20);

/// How long that is waited for.
const LONGEST: Duration = Duration::from_millis(500);

/// The changes of an app's files.
pub(super) struct Changes {
    root: PathBuf,
    libraries: Arc<Mutex<Vec<PathBuf>>>,
    watcher: RecommendedWatcher,
    /// The watched folders, with the numbers that tell one from another at the same path.
    folders: BTreeMap<PathBuf, u64>,
    files: BTreeMap<PathBuf, Seen>,
    /// Each message has paths whose files or folders are gone, or are others now.
    woken: mpsc::UnboundedReceiver<Vec<PathBuf>>,
    /// The time of the first event since the files were looked at, and the time to look again.
    first: Option<Instant>,
    due: Option<Instant>,
}

/// A file as it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// Inode, size and time: as long as they are the same, so is the content.
    stamp: (u64, u64, i64, i64),
    content: u64,
}

impl Changes {
    /// Watches the app in `root`, and these libraries of extensions.
    ///
    /// # Errors
    /// The system has no more watches, for example.
    pub(super) fn watch(root: &Path, libraries: Vec<PathBuf>) -> Result<Self, notify::Error> {
        let (sender, woken) = mpsc::unbounded_channel();
        let libraries = Arc::new(Mutex::new(libraries));
        let others = Arc::clone(&libraries);
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let gone = match event {
                Ok(event) if !may_matter(&event, &lock(&others)) => return,
                Ok(event)
                    if matches!(
                        event.kind,
                        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
                    ) =>
                {
                    event.paths
                }
                // An error, such as that of a queue that was full, says nothing of what happened.
                Ok(_) | Err(_) => Vec::new(),
            };
            // Nobody receives any more when the host stops.
            let _ = sender.send(gone);
        })?;
        let mut changes = Changes {
            root: root.to_owned(),
            libraries,
            watcher,
            folders: BTreeMap::new(),
            files: BTreeMap::new(),
            woken,
            first: None,
            due: None,
        };
        changes.look()?;
        Ok(changes)
    }

    /// Watches this app from now on, and these libraries. What has changed at the places that stay is still told.
    pub(super) fn follow(&mut self, root: &Path, libraries: Vec<PathBuf>) {
        let mut known = lock(&self.libraries);
        if root != self.root || libraries != *known {
            *known = libraries;
            self.root = root.to_owned();
            self.due = Some(Instant::now());
        }
    }

    /// Waits for changes, until nothing more happens for a moment; returns the files. Cancel-safe.
    pub(super) async fn next(&mut self) -> Vec<PathBuf> {
        loop {
            tokio::select! {
                woken = self.woken.recv() => {
                    // The watcher is ours, so it is there.
                    let Some(gone) = woken else { return std::future::pending().await };
                    gone.iter().for_each(|path| self.forget(path));
                    let now = Instant::now();
                    let first = *self.first.get_or_insert(now);
                    self.due = Some((first + LONGEST).min(now + QUIET));
                }
                () = until(self.due) => {
                    (self.first, self.due) = (None, None);
                    match self.look() {
                        Ok(changed) if changed.is_empty() => {}
                        Ok(changed) => return changed,
                        Err(error) => tracing::warn!("some changes of the app may not be noticed: {error}"),
                    }
                }
            }
        }
    }

    /// Ends the watches of a folder that is gone, and of those in it. There may be another one at its place.
    fn forget(&mut self, path: &Path) {
        let inside = self
            .folders
            .keys()
            .filter(|folder| folder.starts_with(path))
            .cloned();
        for folder in inside.collect::<Vec<_>>() {
            // They have often ended by themselves.
            let _ = self.watcher.unwatch(&folder);
            self.folders.remove(&folder);
        }
    }

    /// Watches the folders as they are now. Returns the files that are not as they were.
    fn look(&mut self) -> Result<Vec<PathBuf>, notify::Error> {
        let (folders, files) = self.walk();
        let gone = |(path, inode): &(&PathBuf, &u64)| folders.get(*path) != Some(*inode);
        let gone: Vec<PathBuf> = self
            .folders
            .iter()
            .filter(gone)
            .map(|(path, _)| path.clone())
            .collect();
        gone.iter().for_each(|folder| self.forget(folder));
        for (folder, inode) in folders {
            if self.folders.contains_key(&folder) {
                continue;
            }
            match self.watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => {}
                Err(error) if matches!(error.kind, ErrorKind::MaxFilesWatch) => return Err(error),
                // It cannot be read, or is gone again.
                Err(error) => tracing::warn!("changes in {} are not noticed: {error}", folder.display()),
            }
            self.folders.insert(folder, inode);
        }
        let seen: BTreeMap<_, _> = files
            .into_iter()
            .filter_map(|path| {
                let seen = Seen::now(&path, self.files.get(&path))?;
                Some((path, seen))
            })
            .collect();
        let content =
            |files: &BTreeMap<PathBuf, Seen>, path: &PathBuf| files.get(path).map(|seen| seen.content);
        let all: BTreeSet<&PathBuf> = self.files.keys().chain(seen.keys()).collect();
        let changed = all
            .into_iter()
            .filter(|path| content(&self.files, path) != content(&seen, path))
            .cloned()
            .collect();
        self.files = seen;
        Ok(changed)
    }

    /// Returns the folders to watch, and the files of the app.
    fn walk(&self) -> (BTreeMap<PathBuf, u64>, Vec<PathBuf>) {
        let mut walk = WalkBuilder::new(&self.root);
        walk.require_git(false)
            .git_global(false)
            .parents(false)
            .add_custom_ignore_filename(".funcignore")
            .filter_entry(|entry| {
                entry.file_name() != OsStr::new("__pycache__") && !is_environment(entry.path())
            });
        let always = ALWAYS.iter().map(|name| self.root.join(name));
        let (mut folders, mut files): (BTreeMap<_, _>, Vec<_>) = (BTreeMap::new(), always.collect());
        let libraries = lock(&self.libraries);
        files.extend_from_slice(&libraries);
        let of_libraries = libraries.iter().filter_map(|library| library.parent());
        // What vanishes meanwhile needs no watch.
        let found = walk.build().flatten().map(ignore::DirEntry::into_path);
        for path in found.chain(of_libraries.map(Path::to_owned)) {
            match fs::metadata(&path) {
                Ok(metadata) if metadata.is_dir() => drop(folders.insert(path, metadata.ino())),
                Ok(_) if is_of_app(&path) => files.push(path),
                _ => {}
            }
        }
        (folders, files)
    }
}

impl Seen {
    /// Looks at a file; `None` if there is none. `before` is how it was seen last.
    fn now(path: &Path, before: Option<&Seen>) -> Option<Self> {
        let metadata = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let stamp = (
            metadata.ino(),
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec(),
        );
        if let Some(before) = before.filter(|before| before.stamp == stamp) {
            return Some(*before);
        }
        let mut hasher = DefaultHasher::new();
        // One that cannot be read is as good as empty.
        hasher.write(&fs::read(path).unwrap_or_default());
        Some(Seen {
            stamp,
            content: hasher.finish(),
        })
    }
}

/// Whether an event may be about a file of the app, or a folder.
fn may_matter(event: &notify::Event, libraries: &[PathBuf]) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => {}
        EventKind::Access(_) => return false,
        _ => {}
    }
    let matters = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        // A folder has no extension as a rule; one that is gone cannot be asked.
        is_of_app(path)
            || libraries.contains(path)
            || path.extension().is_none()
            || path.is_dir()
            || is_one_of(name, &ALWAYS)
            || is_one_of(name, &IGNORE_FILES)
    };
    event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(matters)
}

/// Nothing that holds the lock can panic half-way.
fn lock(libraries: &Mutex<Vec<PathBuf>>) -> MutexGuard<'_, Vec<PathBuf>> {
    libraries.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_one_of(name: &OsStr, names: &[&str]) -> bool {
    names.iter().any(|one| name == *one)
}

/// Whether a file in a folder of the app belongs to it.
fn is_of_app(path: &Path) -> bool {
    path.file_name() == Some(OsStr::new("function.json"))
        || path.extension().is_some_and(|end| end == "py" || end == "so")
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
mod tests;
