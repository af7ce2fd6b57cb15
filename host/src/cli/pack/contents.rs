//! The files of an app that go into its package.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use ignore::{DirEntry, WalkBuilder};

/// What is left out of the app's folder.
const NEVER_IN_ROOT: [&str; 3] = [".funcdock", ".venv", "local.settings.json"];

/// What is left out in all folders.
const NEVER: [&str; 2] = [".git", "__pycache__"];

/// Files of an app.
pub(super) struct Contents {
    root: PathBuf,
    /// Relative, sorted.
    files: Vec<PathBuf>,
}

impl Contents {
    /// Finds the files of the app in `root`. `output` may be below it, and is not among them. The app's own packages are left
    /// out if others are installed.
    pub(super) fn of(root: &Path, output: &Path, installs: bool) -> Result<Self> {
        let (app, output) = (root.to_owned(), output.to_owned());
        let is_in = move |entry: &DirEntry| {
            let (path, name) = (entry.path(), entry.file_name());
            let is = |names: &[&str]| names.iter().any(|other| name == OsStr::new(other));
            let in_root = path.parent() == Some(&app);
            let is_environment = entry.depth() > 0 && path.join("pyvenv.cfg").exists();
            !(is(&NEVER)
                || (in_root && is(&NEVER_IN_ROOT))
                || (in_root && installs && is(&[super::PACKAGES]))
                || name.as_encoded_bytes().starts_with(b".funcdock-pack-")
                || is_environment
                || path == output)
        };
        let mut walk = WalkBuilder::new(root);
        walk.standard_filters(false)
            .add_custom_ignore_filename(".funcignore")
            .follow_links(true)
            .sort_by_file_name(Ord::cmp)
            .filter_entry(is_in);
        let mut files = Vec::new();
        for entry in walk.build() {
            let entry = entry.with_context(|| format!("cannot read the files of {}", root.display()))?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                continue;
            }
            if !metadata.is_file() {
                bail!(
                    "{} is neither a file nor a folder: remove it, or name it in .funcignore",
                    entry.path().display()
                );
            }
            files.push(entry.path().strip_prefix(root)?.to_owned());
        }
        Ok(Contents {
            root: root.to_owned(),
            files,
        })
    }

    /// Copies the files into this folder; returns how many there are.
    pub(super) fn copy(&self, folder: &Path) -> Result<usize> {
        for file in &self.files {
            let (from, to) = (self.root.join(file), folder.join(file));
            let parent = to.parent().unwrap_or(folder);
            fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
            fs::copy(&from, &to)
                .with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        }
        Ok(self.files.len())
    }
}

/// Lets others read a folder that was made for this user alone.
pub(super) fn open_to_others(folder: &Path) -> Result<()> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot change the permissions of {}", folder.display()))
}
