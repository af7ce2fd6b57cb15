//! The files of an app that go into its package.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use ignore::{DirEntry, WalkBuilder};

use super::interrupt::Interrupt;

/// What is left out of the app's folder.
const NEVER_IN_ROOT: [&str; 4] = [".env", ".funcdock", ".venv", "local.settings.json"];

/// What is left out in all folders.
const NEVER: [&str; 2] = [".git", "__pycache__"];

/// Files of an app.
pub(super) struct Contents {
    root: PathBuf,
    /// Relative, sorted.
    files: Vec<PathBuf>,
    /// Links that lead out of the app, relative, and where to.
    pub(super) links: Vec<(PathBuf, PathBuf)>,
}

impl Contents {
    /// Finds the files of the app in `root`. `output` may be below it, and is not among them. The app's own packages are left
    /// out if others are installed.
    pub(super) fn of(root: &Path, output: &Path, installs: bool) -> Result<Self> {
        let (app, output) = (root.to_owned(), output.to_owned());
        let is_in = move |entry: &DirEntry| {
            let path = entry.path();
            let target = if entry.path_is_symlink() {
                path.canonicalize().ok()
            } else {
                None
            };
            // What a link inside of the app leads to is left out by its own name, too.
            let is_left_out = |path: &Path| {
                path.strip_prefix(&app)
                    .is_ok_and(|relative| is_never(relative, installs))
            };
            let is_environment = entry.depth() > 0 && path.join("pyvenv.cfg").exists();
            !(is_left_out(path)
                || target.as_deref().is_some_and(is_left_out)
                || is_environment
                || path == output)
        };
        let mut walk = WalkBuilder::new(root);
        walk.standard_filters(false)
            .add_custom_ignore_filename(".funcignore")
            .follow_links(true)
            .sort_by_file_name(Ord::cmp)
            .filter_entry(is_in);
        let (mut files, mut links) = (Vec::new(), Vec::new());
        for entry in walk.build() {
            let entry = entry.with_context(|| format!("cannot read the files of {}", root.display()))?;
            let relative = entry.path().strip_prefix(root)?.to_owned();
            let metadata = entry.metadata()?;
            if entry.path_is_symlink() {
                let target = entry.path().canonicalize()?;
                if !target.starts_with(root) {
                    links.push((relative.clone(), target));
                }
            }
            if metadata.is_dir() {
                continue;
            }
            if !metadata.is_file() {
                bail!(
                    "{} is neither a file nor a folder: remove it, or name it in .funcignore",
                    entry.path().display()
                );
            }
            files.push(relative);
        }
        Ok(Contents {
            root: root.to_owned(),
            files,
            links,
        })
    }

    /// Returns how many files there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Copies the files into this folder.
    pub(super) fn copy(&self, folder: &Path, interrupt: &Interrupt) -> Result<()> {
        for file in &self.files {
            interrupt.check()?;
            let (from, to) = (self.root.join(file), folder.join(file));
            let parent = to.parent().unwrap_or(folder);
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
            fs::copy(&from, &to)
                .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        }
        Ok(())
    }
}

/// Whether this path in an app is left out of its package.
fn is_never(relative: &Path, installs: bool) -> bool {
    let mut names = relative.iter().map(OsStr::to_string_lossy);
    let in_root = names
        .clone()
        .next()
        .is_some_and(|first| NEVER_IN_ROOT.contains(&&*first) || (installs && first == super::PACKAGES));
    in_root || names.any(|name| NEVER.contains(&&*name) || name.starts_with(super::TEMPORARY))
}

/// Lets others read a folder that was made for this user alone.
pub(super) fn open_to_others(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot change the permissions of {}", folder.display()))
}
