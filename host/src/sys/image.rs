//! What kind of file a library is: checked before the system's loader maps it.
//!
//! The loader trusts the file: one that was cut short, by an interrupted copy say, ends the process (SIGBUS) and
//! not the call; and one for another machine it calls "not found".

use std::fs::File;
use std::io;
use std::path::Path;

use object::elf::{
    EM_386, EM_AARCH64, EM_ARM, EM_RISCV, EM_X86_64, ET_DYN, FileHeader64, Machine, PT_LOAD, SHT_DYNSYM,
};
use object::read::elf::{FileHeader as _, ProgramHeader as _, Sym as _};
use object::{Endianness, FileKind, ReadCache, ReadRef as _};

/// Why the file is not a library for this machine, as far as this can be seen without loading it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// It cannot be read.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// There is a folder of that name.
    #[error("a folder")]
    Folder,
    /// It is not an ELF file.
    #[error("a file that is not a library (it has no ELF header)")]
    Other,
    /// It is for another kind of machine.
    #[error("a library for {0}")]
    Machine(String),
    /// It is an ELF file of another kind, such as an executable.
    #[error("an ELF file that is not a dynamic library")]
    Kind,
    /// It ends before the segments to load do.
    #[error("a library that was cut short: {length} bytes of at least {needed}")]
    Truncated {
        /// How long it is.
        length: u64,
        /// How long it would have to be.
        needed: u64,
    },
    /// Its headers make no sense.
    #[error("a damaged library: {0}")]
    Damaged(#[from] object::read::Error),
}

/// Checks that it is safe to give `file` to the system's loader.
pub(crate) fn check(file: &Path) -> Result<(), ImageError> {
    let opened = File::open(file)?;
    if opened.metadata()?.is_dir() {
        return Err(ImageError::Folder);
    }
    let data = &ReadCache::new(opened);
    match FileKind::parse(data) {
        Ok(FileKind::Elf64) => {}
        Ok(FileKind::Elf32) => return Err(ImageError::Machine("a 32-bit machine".to_owned())),
        _ => return Err(ImageError::Other),
    }
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    let machine = header.e_machine(endian);
    if let Some(ours) = our_machine()
        && ours != machine
    {
        return Err(ImageError::Machine(machine_name(machine)));
    }
    if header.e_type(endian) != ET_DYN {
        return Err(ImageError::Kind);
    }
    let length = data
        .len()
        .map_err(|()| io::Error::other("its length is unknown"))?;
    let segments = header.program_headers(endian, data)?.iter();
    let needed = segments
        .filter(|segment| segment.p_type(endian) == PT_LOAD)
        .map(|segment| segment.p_offset(endian).saturating_add(segment.p_filesz(endian)))
        .max();
    match needed {
        Some(needed) if needed > length => Err(ImageError::Truncated { length, needed }),
        _ => Ok(()),
    }
}

/// Whether `file` is a library for this machine that has this symbol for others.
pub(crate) fn exports(file: &Path, symbol: &str) -> bool {
    let look = || {
        check(file).ok()?;
        let data = &ReadCache::new(File::open(file).ok()?);
        let header = FileHeader64::<Endianness>::parse(data).ok()?;
        let endian = header.endian().ok()?;
        let sections = header.sections(endian, data).ok()?;
        let symbols = sections.symbols(endian, data, SHT_DYNSYM).ok()?;
        let found = symbols.iter().any(|found| {
            let name = found.name(endian, symbols.strings());
            name == Ok(symbol.as_bytes()) && !found.is_undefined(endian)
        });
        Some(found)
    };
    look().unwrap_or(false)
}

/// The machine that this process is built for; `None` where its own file cannot be read.
fn our_machine() -> Option<Machine> {
    let data = &ReadCache::new(File::open("/proc/self/exe").ok()?);
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    Some(header.e_machine(header.endian().ok()?))
}

fn machine_name(machine: Machine) -> String {
    match machine {
        EM_X86_64 => "x86_64".to_owned(),
        EM_AARCH64 => "aarch64".to_owned(),
        EM_386 => "x86".to_owned(),
        EM_ARM => "arm".to_owned(),
        EM_RISCV => "riscv64".to_owned(),
        Machine(number) => format!("another machine (ELF machine {number})"),
    }
}

#[cfg(test)]
mod tests {
    use object::elf::ET_EXEC;

    use super::*;

    /// Returns a library for this machine: the test itself, which is position-independent.
    fn library() -> Vec<u8> {
        std::fs::read("/proc/self/exe").expect("a process can read its own file")
    }

    fn checked(content: &[u8]) -> String {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), content).expect("written");
        match check(file.path()) {
            Ok(()) => "fine".to_owned(),
            Err(error) => error.to_string(),
        }
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
        assert_eq!(
            check(Path::new("/")).expect_err("a folder").to_string(),
            "a folder"
        );
    }
}
