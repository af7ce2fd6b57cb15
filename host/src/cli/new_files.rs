//! Writes new files and never overwrites one: all of them, or none.

use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Files to make in a folder. Displays as a list, one file a line.
#[derive(Debug)]
pub(super) struct NewFiles {
    folder: PathBuf,
    /// Paths in the folder, and contents.
    files: Vec<(PathBuf, String)>,
}

impl NewFiles {
    /// Returns files for this folder, which need not exist: none yet.
    pub(super) fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            files: Vec::new(),
        }
    }

    /// Adds a file. `path` is relative to the folder.
    pub(super) fn add(&mut self, path: impl Into<PathBuf>, content: impl Into<String>) {
        self.files.push((path.into(), content.into()));
    }

    /// Makes the files and their folders. `advice` ends the message if some exist already.
    ///
    /// # Errors
    /// A file exists already, or cannot be written. No file has been made then.
    pub(super) fn write(&self, advice: &str) -> Result<()> {
        self.check(advice)?;
        let mut made = Vec::new();
        for (file, content) in &self.files {
            let path = self.folder.join(file);
            if let Err(error) = make(&path, content, &mut made) {
                for path in made {
                    let _ = fs::remove_file(path);
                }
                return Err(error).with_context(|| format!("cannot write {}", path.display()));
            }
        }
        Ok(())
    }

    /// Removes the files after [`write`](Self::write), because a later step failed.
    pub(super) fn remove(&self) {
        for (file, _) in &self.files {
            let _ = fs::remove_file(self.folder.join(file));
        }
    }

    fn check(&self, advice: &str) -> Result<()> {
        let mut existing = Vec::new();
        for (file, _) in &self.files {
            let path = self.folder.join(file);
            // A link to nowhere exists, too.
            if path.symlink_metadata().is_ok() {
                existing.push(path.display().to_string());
            }
            let no_folder = |folder: &&Path| folder.symlink_metadata().is_ok() && !folder.is_dir();
            if let Some(folder) = path.ancestors().skip(1).find(no_folder) {
                bail!(
                    "cannot write {}: {} is not a folder; move it away, or choose another folder",
                    path.display(),
                    folder.display()
                );
            }
        }
        match existing.as_slice() {
            [] => Ok(()),
            [file] => bail!("{file} exists already, and nothing is overwritten; {advice}"),
            files => bail!(
                "{} exist already, and nothing is overwritten; {advice}",
                files.join(", ")
            ),
        }
    }
}

impl fmt::Display for NewFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (file, _) in &self.files {
            writeln!(f, "  {}", file.display())?;
        }
        Ok(())
    }
}

fn make(path: &Path, content: &str, made: &mut Vec<PathBuf>) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    let mut file = File::create_new(path)?;
    made.push(path.to_owned());
    file.write_all(content.as_bytes())
}

/// Replaces the content of an existing file in one step, so that an error leaves the file as it was.
pub(super) fn replace(path: &Path, content: &str) -> Result<()> {
    // The file that a link names is replaced, and not the link.
    let target = path.canonicalize();
    target
        .and_then(|target| {
            let mut name = OsString::from(".");
            name.push(target.file_name().unwrap_or_default());
            name.push(".new");
            let temporary = target.with_file_name(name);
            write_like(&target, &temporary, content)
                .and_then(|()| fs::rename(&temporary, &target))
                .inspect_err(|_| {
                    let _ = fs::remove_file(&temporary);
                })
        })
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file with the permissions of `model`. It is never readable by others before: it may have secrets.
fn write_like(model: &Path, path: &Path, content: &str) -> io::Result<()> {
    let permissions = model.metadata()?.permissions();
    // An earlier run may have left one.
    let _ = fs::remove_file(path);
    let mut options = File::options();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path)?;
    file.set_permissions(permissions)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn files(folder: &Path) -> NewFiles {
        let mut files = NewFiles::new(folder.join("app"));
        files.add("a.txt", "a");
        files.add("tests/b.txt", "b");
        files
    }

    #[test]
    fn files_are_written_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = files(folder.path());
        files.write("x").expect("nothing is there");
        let b = folder.path().join("app/tests/b.txt");
        assert_eq!(fs::read_to_string(&b).expect("a file"), "b");
        assert_eq!(files.to_string(), "  a.txt\n  tests/b.txt\n");
        fs::write(&b, "mine").expect("a file");
        let error = files.write("choose another").expect_err("they exist").to_string();
        assert!(
            error.contains("a.txt, ") && error.ends_with("overwritten; choose another"),
            "{error}"
        );
        assert_eq!(fs::read_to_string(&b).expect("a file"), "mine");
        files.remove();
        assert!(!b.exists());
    }

    #[test]
    fn nothing_is_written_if_one_file_cannot_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let app = folder.path().join("app");
        fs::create_dir(&app).expect("a folder");
        for (is_link, expected) in [
            (false, "app/tests is not a folder; move it away"),
            (true, "app/tests is not a folder"),
        ] {
            let tests = app.join("tests");
            if is_link {
                fs::remove_file(&tests).expect("made by the last round");
                symlink("nowhere", &tests).expect("a link");
            } else {
                fs::write(&tests, "").expect("a file");
            }
            let error = files(folder.path())
                .write("x")
                .expect_err("no folder")
                .to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!app.join("a.txt").exists());
        }
    }

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file.py"), folder.path().join("link.py"));
        fs::write(&file, "old").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("our file");
        symlink(&file, &link).expect("a link");
        replace(&link, "new").expect("a file");
        assert_eq!(fs::read_to_string(&file).expect("a file"), "new");
        assert_eq!(
            file.metadata().expect("a file").permissions().mode() & 0o777,
            0o640
        );
        assert!(link.symlink_metadata().expect("a link").file_type().is_symlink());
        assert_eq!(
            fs::read_dir(folder.path()).expect("a folder").count(),
            2,
            "no other file is left"
        );
    }
}
