//! Libraries broken in fifty ways: none of them crashes `funcdock extension check`.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;

use funcdock_tests::{binary, library};
use object::elf::FileHeader64;
use object::read::elf::ElfFile;
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _};
use serde_json::Value as Json;

use crate::cli::support::{Done, extension};

/// How many libraries are cut short.
const CUT: usize = 22;
/// How many libraries have flipped bits, per region.
const FLIPPED: usize = 3;

/// Pseudo-random numbers that are the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((x ^ (x >> 31)) % end as u64).expect("less than a usize")
    }
}

type Elf<'data> = ElfFile<'data, FileHeader64<Endianness>>;

/// Returns the parts of the file that a loader and the handshake read.
fn regions(whole: &[u8]) -> Vec<(&'static str, Range<usize>)> {
    let elf = Elf::parse(whole).expect("cargo made it");
    let number = |at: usize, bytes: usize| {
        let bytes = &whole[at..at + bytes];
        bytes
            .iter()
            .rev()
            .fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
    };
    // e_phoff, e_phnum, e_shoff and e_shnum of the ELF header.
    let programs = number(32, 8)..number(32, 8) + number(56, 2) * 56;
    let sections = number(40, 8)..number(40, 8) + number(60, 2) * 64;
    let mut regions = vec![
        ("ELF header", 0..64),
        ("program headers", programs),
        ("section headers", sections),
    ];
    for name in [
        ".dynamic",
        ".dynsym",
        ".dynstr",
        ".gnu.hash",
        ".rela.dyn",
        ".data.rel.ro",
        ".rodata",
        ".init_array",
        ".text",
    ] {
        let section = elf.section_by_name(name).expect(name);
        let (start, size) = section.file_range().expect("the section is in the file");
        let start = usize::try_from(start).expect("a small file");
        regions.push((name, start..start + usize::try_from(size).expect("a small file")));
    }
    let header = elf
        .dynamic_symbols()
        .find(|symbol| symbol.name() == Ok("funcdock_extension_header"))
        .expect("the library is an extension");
    let section = header.section_index().expect("the symbol is defined");
    let section = elf.section_by_index(section).expect("the section exists");
    let (start, _) = section.file_range().expect("data that is not zero");
    let start = usize::try_from(start + header.address() - section.address()).expect("a small file");
    regions.push((
        "the header",
        start..start + usize::try_from(header.size()).expect("small"),
    ));
    regions
}

/// Returns every broken library with a description of its damage.
fn cases(whole: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut numbers = Numbers(20_240_229);
    let mut cases = Vec::new();
    let region = |name| {
        let mut regions = regions(whole).into_iter();
        let found = regions.find(|(found, _)| *found == name);
        found.expect("a region").1
    };
    for _ in 0..CUT {
        // A loader reads only a small part of a debug build.
        let length = numbers.below(region(".data.rel.ro").end);
        cases.push((format!("cut at {length}"), whole[..length].to_vec()));
    }
    for (name, region) in regions(whole) {
        for _ in 0..FLIPPED {
            let mut flipped = whole.to_vec();
            for _ in 0..=region.len() / 500 {
                let at = region.start + numbers.below(region.len());
                flipped[at] ^= 1 << numbers.below(8);
            }
            cases.push((format!("flipped in {name}"), flipped));
        }
    }
    // The header begins with the magic string of abi_stable, which random bits need not hit.
    let mut other = whole.to_vec();
    other[region("the header").start] ^= 1;
    cases.push(("another magic string".to_owned(), other));
    // The type in the ELF header makes them an object file and a core file.
    for (name, kind) in [("an object file", 1), ("a core file", 4)] {
        let mut other = whole.to_vec();
        other[16] = kind;
        cases.push((name.to_owned(), other));
    }
    cases.push(("an empty file".to_owned(), Vec::new()));
    cases.push((
        "text".to_owned(),
        b"\x7fELF is how it begins, and that is all\n".to_vec(),
    ));
    cases
}

/// Checks a file; returns the step that failed and how, or "harmless".
fn checked(case: &str, file: &Path) -> String {
    let arguments = ["check", "--json", "--name", "noop", "--timeout", "2"];
    let done = Done::of(extension(arguments).arg(file));
    let report = done.json();
    assert_eq!(
        report["file"],
        file.to_string_lossy().as_ref(),
        "{case}\n{}",
        done.output()
    );
    let in_extensions = report["extensions"].as_array().into_iter().flatten();
    let lists = std::iter::once(&report).chain(in_extensions);
    let steps: Vec<&Json> = lists
        .flat_map(|of| of["steps"].as_array().into_iter().flatten())
        .collect();
    let failed = steps.iter().find(|step| step["ok"] == false);
    match (done.code, failed) {
        (Some(0), None) => {
            let last = steps.last().expect("steps");
            assert_eq!(
                last["step"],
                "drop",
                "{case}: a successful check ends with this step\n{}",
                done.output()
            );
            "harmless".to_owned()
        }
        (Some(1), Some(failed)) => {
            let error = failed["error"].as_str().expect("an error");
            assert!(error.starts_with("extension \"noop\": "), "{case}: {error}");
            assert!(error.contains("\n  next: "), "{case}: {error}");
            assert!(
                done.stderr.contains(&error.replace('\n', "\n  ")),
                "{case}\n{}",
                done.output()
            );
            let found = error
                .lines()
                .find_map(|line| line.strip_prefix("  found: "))
                .unwrap_or_default();
            format!(
                "{}: {}",
                failed["step"].as_str().expect("a step"),
                &found[..found.len().min(50)]
            )
        }
        _ => panic!("{case}\n{}", done.output()),
    }
}

#[test]
fn no_library_crashes_the_check() {
    let whole = fs::read(library("fixture-hooks")).expect("it was built");
    let folder = tempfile::tempdir().expect("a folder");
    let others: Vec<PathBuf> = [
        "/usr/lib/x86_64-linux-gnu/libm.so.6",
        "/usr/lib/aarch64-linux-gnu/libm.so.6",
    ]
    .map(PathBuf::from)
    .into_iter()
    .filter(|file| file.exists())
    .chain([binary(), "/dev/null".into(), "/".into()])
    .collect();
    let steps = Mutex::new(BTreeMap::<String, Vec<String>>::new());
    let add = |step: String, case: &str| {
        let mut steps = steps.lock().expect("no thread panics with the lock");
        steps.entry(step).or_default().push(case.to_owned());
    };
    let cases = cases(&whole);
    assert!(cases.len() >= 50, "{}", cases.len());
    let queue = Mutex::new(cases.into_iter().enumerate());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("no thread panics with the lock").next();
                    let Some((number, (case, content))) = next else {
                        break;
                    };
                    let file = folder.path().join(format!("libcase{number}.so"));
                    fs::write(&file, content).expect("a file");
                    add(checked(&case, &file), &case);
                    fs::remove_file(&file).expect("the file exists");
                }
            });
        }
    });
    for other in others {
        let step = checked("another file", &other);
        assert_ne!(step, "harmless", "{}", other.display());
        add(step, &other.display().to_string());
    }
    let steps = steps.into_inner().expect("no thread panicked");
    // The test is only useful if the libraries are broken, and in more than one way.
    // One flipped bit in code that does not run is harmless; fifty must break something.
    let harmless = steps.get("harmless").map_or(0, Vec::len);
    let broken = steps.values().map(Vec::len).sum::<usize>() - harmless;
    assert!(broken >= 50, "{broken}: {steps:#?}");
    for step in ["look", "open", "header", "abi_stable", "layout"] {
        let found = steps.keys().any(|key| key.starts_with(step));
        assert!(found, "{step}: {steps:#?}");
    }
    let killed = steps.keys().any(|key| key.contains("was killed by signal"));
    eprintln!("{steps:#?}");
    assert!(killed, "{steps:#?}");
}
