//! Permissions of files, their content, and files without a path.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::unistd::{AccessFlags, access};
use rustix::fs::{MemfdFlags, memfd_create};

/// Whether this is a file that the process may run.
pub(crate) fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

/// Reads a file. Fails for a pipe or a device, which may have no end, or block.
pub(crate) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(io::Error::other("it is a pipe, a socket or a device, not a file"));
    }
    fs::read(path)
}

/// Returns an empty file in memory, for which debuggers show this name.
pub fn memory_file(name: &CStr) -> io::Result<File> {
    Ok(File::from(memfd_create(name, MemfdFlags::CLOEXEC)?))
}

/// Writes a file for the user of this process alone. Whoever reads it meanwhile gets the old one or the new one. A link stays,
/// and the file that it leads to is written.
pub(crate) fn write_private(file: &Path, content: &[u8]) -> io::Result<()> {
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = file.with_file_name(name);
    // Of a process that was killed while it wrote: it may belong to anybody by now.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    written.write_all(content)?;
    written.sync_all()?;
    fs::rename(&new, &file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        fs::write(&file, "content").expect("written");
        assert_eq!(read_regular(&file).expect("read"), b"content");
        let kind = |path: &Path| read_regular(path).expect_err("not a file").kind();
        assert_eq!(kind(folder.path()), io::ErrorKind::IsADirectory);
        assert_eq!(kind(&folder.path().join("none")), io::ErrorKind::NotFound);
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("made");
        assert_eq!(kind(&pipe), io::ErrorKind::Other);
    }

    #[test]
    fn a_private_file_is_replaced_where_a_link_leads() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        std::os::unix::fs::symlink(&file, &link).expect("made");
        fs::write(&file, "old").expect("written");
        write_private(&link, b"new").expect("written");
        assert!(link.is_symlink(), "it stays");
        assert_eq!(fs::read(&file).expect("read"), b"new");
        let mode = fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn only_files_with_the_permission_can_be_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("program");
        assert!(!is_executable(&file), "there is no such file");
        fs::write(&file, "#!/bin/sh\n").expect("written");
        assert!(!is_executable(&file), "not executable");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("made executable");
        assert!(is_executable(&file), "executable");
        assert!(!is_executable(folder.path()), "a folder");
    }
}
