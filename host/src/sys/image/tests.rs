//! Files that cannot be loaded, and copies in memory.

use object::elf::{EM_AARCH64, EM_X86_64, ET_EXEC};

use super::elf::our_machine;
use super::*;

/// Returns a library for this machine: the test itself, which is position-independent.
fn library() -> Vec<u8> {
    std::fs::read("/proc/self/exe").expect("a process can read its own file")
}

fn error_of(file: &Path) -> String {
    match Image::read(file).and_then(|image| image.check()) {
        Ok(()) => "fine".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn checked(content: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), content).expect("written");
    error_of(file.path())
}

#[test]
fn each_kind_of_file_that_cannot_be_loaded_has_its_own_error() {
    let whole = library();
    assert_eq!(checked(&whole), "fine");
    assert_eq!(
        checked(b""),
        "a file that is not a library (it has no ELF header)",
        "empty"
    );
    assert_eq!(
        checked(b"text"),
        "a file that is not a library (it has no ELF header)",
        "text"
    );
    let cut = checked(&whole[..4096]);
    assert!(
        cut.starts_with("a library that was cut short: 4096 bytes of at least "),
        "{cut}"
    );
    let headers = checked(&whole[..70]);
    assert!(headers.starts_with("a damaged library: "), "{headers}");
    let another = match our_machine() {
        Some(EM_AARCH64) => EM_X86_64,
        _ => EM_AARCH64,
    };
    // Two numbers of the ELF header.
    const E_TYPE: usize = 16;
    const E_MACHINE: usize = 18;
    for (offset, value, expected) in [
        (E_MACHINE, another.0, "a library for "),
        (E_TYPE, ET_EXEC.0, "an ELF file that is not a dynamic library"),
    ] {
        let mut other = whole.clone();
        other[offset..offset + 2].copy_from_slice(&value.to_le_bytes());
        let found = checked(&other);
        assert!(found.starts_with(expected), "{found}");
    }
    assert_eq!(error_of(Path::new("/")), "a folder");
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).expect("a pipe");
    assert_eq!(
        error_of(&pipe),
        "neither a file nor a folder",
        "and nobody waits for a writer"
    );
    let large = folder.path().join("large");
    File::create(&large)
        .and_then(|file| file.set_len(TOO_LARGE + 1))
        .expect("a sparse file");
    assert_eq!(
        error_of(&large),
        "a file of 1073741825 bytes, which is too large for a library"
    );
}

#[test]
fn a_copy_has_the_content_that_was_read_and_cannot_be_changed() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), "first").expect("written");
    let image = Image::read(file.path()).expect("a file");
    std::fs::write(file.path(), "other").expect("written");
    let other = Image::read(file.path()).expect("a file");
    let path = image.sealed(OsStr::new("x.so")).expect("a copy");
    assert_eq!(std::fs::read(&path).expect("read"), b"first");
    std::fs::write(&path, "wrong").expect_err("it is sealed");
    assert_eq!(image.sealed(OsStr::new("x.so")).expect("a copy"), path, "once");
    let other = other.sealed(OsStr::new("x.so")).expect("a copy");
    assert_ne!(other, path);
    assert_eq!(std::fs::read(other).expect("read"), b"other");
}
