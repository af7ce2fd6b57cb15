//! What the headers of a library say: whether it is one for this machine and whole, its symbols and notes, and the libraries
//! that it needs.

use std::fs::File;
use std::io;

use object::elf::{
    DT_NEEDED, DT_RPATH, DT_RUNPATH, EM_386, EM_AARCH64, EM_ARM, EM_RISCV, EM_X86_64, ET_DYN, FileHeader64,
    Machine, PT_LOAD, SHT_DYNSYM,
};
use object::read::elf::{FileHeader as _, ProgramHeader as _, Sym as _};
use object::{Endianness, FileKind, ReadCache, ReadRef};

use super::ImageError;

/// Returns the end of what is mapped; `None` if nothing is.
pub(super) fn check<'d>(data: impl ReadRef<'d>) -> Result<Option<u64>, ImageError> {
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
        end => Ok(end),
    }
}

/// Whether it is a library for this machine that has this symbol for others.
pub(super) fn has_symbol<'d>(data: impl ReadRef<'d>, symbol: &str) -> Option<bool> {
    check(data).ok()?;
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let symbols = sections.symbols(endian, data, SHT_DYNSYM).ok()?;
    Some(symbols.iter().any(|found| {
        let name = found.name(endian, symbols.strings());
        name == Ok(symbol.as_bytes()) && !found.is_undefined(endian)
    }))
}

/// Returns the texts of the notes of this owner and kind.
pub(super) fn texts_of_notes<'d>(data: impl ReadRef<'d>, owner: &str, kind: u32) -> Option<Vec<String>> {
    check(data).ok()?;
    let header = FileHeader64::<Endianness>::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let mut texts = Vec::new();
    for segment in header.program_headers(endian, data).ok()? {
        let Some(mut notes) = segment.notes(endian, data).ok()? else {
            continue;
        };
        while let Some(note) = notes.next().ok()? {
            if note.name() == owner.as_bytes() && note.n_type(endian).0 == kind {
                texts.push(String::from_utf8_lossy(note.desc()).into_owned());
            }
        }
    }
    Some(texts)
}

/// What a library says of the libraries that it needs.
#[derive(Default)]
pub(super) struct Dynamic {
    /// Their names.
    pub(super) needed: Vec<String>,
    /// Where to search for them: folders separated by colons.
    pub(super) search: Vec<String>,
}

impl Dynamic {
    pub(super) fn of(data: &[u8]) -> Option<Self> {
        let header = FileHeader64::<Endianness>::parse(data).ok()?;
        let endian = header.endian().ok()?;
        let table = header
            .sections(endian, data)
            .ok()?
            .dynamic_table(endian, data)
            .ok()?;
        let mut dynamic = Dynamic::default();
        for entry in table.iter() {
            let texts = match entry.tag {
                DT_NEEDED => &mut dynamic.needed,
                DT_RPATH | DT_RUNPATH => &mut dynamic.search,
                _ => continue,
            };
            let text = table.string(entry).ok();
            texts.extend(text.map(|text| String::from_utf8_lossy(text).into_owned()));
        }
        Some(dynamic)
    }
}

/// The machine that this process is built for; `None` where its own file cannot be read.
pub(super) fn our_machine() -> Option<Machine> {
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
