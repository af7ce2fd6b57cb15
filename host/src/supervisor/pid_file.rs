//! The file that names the host's process, for whoever sends it signals.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::SupervisorError;
use crate::sys::{read_regular, runs_this_program};

/// The file of this process. Removed on drop.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    content: String,
}

impl PidFile {
    /// Writes the file: whoever reads it gets the whole number. Replaces one that names no running host.
    pub(super) fn write(path: &Path) -> Result<Self, SupervisorError> {
        // The working directory may be another one at the end.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // A link stays, and the file that it leads to is written.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let failed = |source| SupervisorError::PidFile {
            path: path.clone(),
            source,
        };
        let own = std::process::id();
        let old = match read_regular(&path) {
            Ok(old) => String::from_utf8_lossy(&old).into_owned(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error)),
        };
        match (old.trim(), old.trim().parse()) {
            // In a container, a host may get the number of its predecessor.
            (_, Ok(pid)) if pid != own && runs_this_program(pid) => {
                return Err(SupervisorError::PidFileInUse { path, pid });
            }
            (_, Ok(_)) | ("", _) => {}
            // It may be precious.
            (_, Err(_)) => return Err(failed(io::Error::other("it is there, and is not a pid file"))),
        }
        let content = format!("{own}\n");
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{own}.new"));
        let new = path.with_file_name(name);
        let written = fs::write(&new, &content).and_then(|()| fs::rename(&new, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&new);
            return Err(failed(error));
        }
        Ok(PidFile { path, content })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // If somebody else has replaced it, it is theirs.
        if fs::read_to_string(&self.path).is_ok_and(|content| content == self.content)
            && let Err(error) = fs::remove_file(&self.path)
        {
            let path = self.path.display();
            tracing::warn!("cannot remove the pid file {path}: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_is_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("made");
        for path in [&pipe, folder.path(), Path::new("/dev/null")] {
            assert!(PidFile::write(path).is_err(), "{}", path.display());
            assert!(path.exists(), "{}", path.display());
        }
        let (file, link) = (folder.path().join("host.pid"), folder.path().join("link"));
        fs::write(&file, "").expect("written");
        std::os::unix::fs::symlink(&file, &link).expect("made");
        let written = PidFile::write(&link).expect("written");
        assert_eq!(fs::read_to_string(&file).expect("read"), written.content);
        assert!(link.is_symlink());
    }

    #[test]
    fn it_is_there_until_the_end_and_replaces_one_that_is_stale() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("host.pid");
        let own = format!("{}\n", std::process::id());
        // The last one is alive, and another program.
        for old in [
            None,
            Some(""),
            Some("4294967295\n"),
            Some(own.as_str()),
            Some("1"),
        ] {
            if let Some(old) = old {
                fs::write(&path, old).expect("written");
            }
            let file = PidFile::write(&path).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), own, "{old:?}");
            drop(file);
            let left = fs::read_dir(folder.path()).expect("read").count();
            assert_eq!(left, 0, "{old:?}");
        }
    }

    #[test]
    fn what_belongs_to_others_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("host.pid");
        let file = PidFile::write(&path).expect("written");
        fs::write(&path, "1\n").expect("written");
        drop(file);
        assert!(path.exists(), "of another host");
        fs::write(&path, "not a number").expect("written");
        let error = PidFile::write(&path).expect_err("refused").to_string();
        assert!(error.contains("host.pid"), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("read"), "not a number");
    }
}
