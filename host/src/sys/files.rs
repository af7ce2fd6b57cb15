//! Permissions of files, and files without a path.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::path::Path;

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{AccessFlags, access};

/// Whether this is a file that the process may run.
pub(crate) fn is_executable(path: &Path) -> bool {
    path.is_file() && access(path, AccessFlags::X_OK).is_ok()
}

/// Returns an empty file in memory, for which debuggers show this name.
pub fn memory_file(name: &CStr) -> io::Result<File> {
    Ok(File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

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
