//! Variants of the present extension API, first of all the next minor version of its ABI: a function more in every table, a
//! hook more, and a case more of every number that may grow.
//!
//! Nobody keeps them: they are made from the source as it is, so that the next version is always one ahead of the host.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::repository;

mod cases;
mod changes;

use cases::with_new_cases;
use changes::{bumped_manifest, with_appended_fields, with_extras, with_filled_tables};

/// Extensions that use it.
const APPENDED_SOURCE: &str = include_str!("next/appended.rs");

/// A host of the next version, as far as it opens a library, and has calls end in ways of its own.
const HOST_SOURCE: &str = include_str!("next/host.rs");

const HOST_MANIFEST: &str = r#"[package]
name = "next-host"
version = "0.1.0"
edition.workspace = true

[dependencies]
abi_stable.workspace = true
funcdock-extension-api = { path = "../API", features = ["testing"] }
libloading.workspace = true
serde_json.workspace = true
"#;

/// An allocator for an extension that ends the process when it is to free what another has allocated.
pub const ALLOCATOR_SOURCE: &str = include_str!("next/allocator.rs");

/// Tables that are there: the generator has lost its way when it misses one of them.
const KNOWN: [&str; 11] = [
    "Descriptor",
    "FunctionFns",
    "HostServices",
    "HttpRequestFns",
    "HttpResponseFns",
    "InitFns",
    "InvocationFns",
    "Library",
    "ObjectFns",
    "OutcomeFns",
    "StreamEndFns",
];

/// Those of them that libraries make, with the API crate's code, and the host reads. It is the other way round for
/// all others.
const MADE_BY_LIBRARIES: [&str; 3] = ["Descriptor", "Library", "ObjectFns"];

/// A workspace with the next minor version of the ABI, and an extension built against it.
pub struct NextApi {
    /// The workspace's folder.
    pub folder: PathBuf,
    /// The version: "1.<minor + 1>.0".
    pub version: String,
}

impl NextApi {
    /// Writes the workspace to `folder`, as [`write_workspace`] does, with the program `next-host`. The library of its
    /// extension has two more: "appended" asks the host's tables for what is new, and "guard" has the new hook. Panics if
    /// the API's source does not have what it is to change.
    pub fn generate(folder: &Path) -> Self {
        let mut tables = BTreeSet::new();
        let mut made = BTreeSet::new();
        let mut version = None;
        write_workspace(
            folder,
            &mut |path, text| match path.strip_prefix("extension-api/") {
                Some("abi/Cargo.toml") => bumped_manifest(text, &mut version),
                Some(path) if path.ends_with(".rs") => {
                    let text = with_filled_tables(&with_appended_fields(text, &mut tables), &mut made);
                    with_new_cases(path, with_extras(path, text))
                }
                None if path == "extension/src/lib.rs" => {
                    format!("{text}\nmod appended {{\n{APPENDED_SOURCE}}}\n")
                }
                // Its own name: where cargo builds, it would overwrite the library of the first API.
                None if path == "extension/Cargo.toml" => {
                    replaced(path, text, "frozen-extension", "next-extension")
                }
                _ => text.to_owned(),
            },
        );
        for (found, known, what) in [
            (&tables, KNOWN.as_slice(), "declarations"),
            (&made, MADE_BY_LIBRARIES.as_slice(), "values"),
        ] {
            let missed: Vec<_> = known.iter().filter(|table| !found.contains(**table)).collect();
            assert!(
                missed.is_empty(),
                "in the source of extension-api there are no {what} of the tables {missed:?}; if they are written in \
                 another way now, teach it to tests/src/next.rs; found: {found:?}"
            );
        }

        let name = folder.file_name().expect("a folder of its own").to_string_lossy();
        let host = folder.join("next-host");
        write(&host.join("src/main.rs"), HOST_SOURCE);
        write(
            &host.join("Cargo.toml"),
            &HOST_MANIFEST.replace("API", &format!("api-{name}")),
        );
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("it was written");
        let manifest = replaced(
            "Cargo.toml",
            &manifest,
            "\nmembers = [\"",
            "\nmembers = [\"next-host\", \"",
        );
        write(&folder.join("Cargo.toml"), &manifest);

        NextApi {
            folder: folder.to_owned(),
            version: version.expect("Cargo.toml was among the files"),
        }
    }

    /// Tables that the host makes: in none of them an extension of the next API finds what it appends. Without that of the
    /// end of a stream, as no function of the tests' app makes one.
    pub fn host_tables() -> impl Iterator<Item = &'static str> {
        KNOWN
            .into_iter()
            .filter(|table| !MADE_BY_LIBRARIES.contains(table) && *table != "StreamEndFns")
    }
}

/// Writes a workspace to `folder`: the present API, and the frozen extension of API 1.0, which builds with every later
/// one. `change` gets the name ("extension-api/src/lib.rs", "extension/src/lib.rs") and the text of each of their files,
/// and returns what to write.
///
/// Files that are there as they should be are left alone, so that cargo builds only what has changed. Such workspaces
/// may share a target folder if the names of their own folders differ: cargo distinguishes crates of one name and version
/// by their paths in their workspaces.
pub fn write_workspace(folder: &Path, change: &mut dyn FnMut(&str, &str) -> String) {
    let name = folder.file_name().expect("a folder of its own").to_string_lossy();
    let (api, extension) = (format!("api-{name}"), format!("extension-{name}"));
    for (from, to, krate) in [
        ("extension-api", &api, "extension-api"),
        ("tests/frozen/extension-1.0", &extension, "extension"),
    ] {
        copy(&repository().join(from), &folder.join(to), &mut |path, text| {
            let path = format!("{krate}/{path}");
            let text = change(&path, text);
            match path.as_str() {
                "extension/Cargo.toml" => replaced(&path, &text, "\"../api-1.0\"", &format!("\"../{api}\"")),
                _ => text,
            }
        });
    }
    // The versions and dependencies of the present, without its members.
    let root = fs::read_to_string(repository().join("Cargo.toml")).expect("the workspace's manifest");
    let members = format!("members = [{api:?}, {extension:?}] # ");
    let manifest = replaced("Cargo.toml", &root, "\nmembers = ", &format!("\n{members}"));
    let manifest = replaced(
        "Cargo.toml",
        &manifest,
        "\ndefault-members = ",
        "\n# default-members = ",
    );
    write(&folder.join("Cargo.toml"), &manifest);
    fs::copy(repository().join("Cargo.lock"), folder.join("Cargo.lock")).expect("target/ is writable");
}

/// The text of the file with its one place of `old` replaced; panics unless there is one.
pub fn replaced(path: &str, text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?} in {path}");
    text.replace(old, new)
}

/// Copies a folder of text files, each changed by `change`, which gets its path in the folder.
fn copy(from: &Path, to: &Path, change: &mut dyn FnMut(&str, &str) -> String) {
    fn walk(root: &Path, folder: &Path, to: &Path, change: &mut dyn FnMut(&str, &str) -> String) {
        let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(root, &path, to, change);
                continue;
            }
            let text =
                fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let relative = path.strip_prefix(root).expect("it was found there");
            write(&to.join(relative), &change(&relative.to_string_lossy(), &text));
        }
    }
    walk(from, from, to, change);
    remove_others(from, to);
}

/// Removes what an earlier copy has left in `copy` and `original` has no longer.
fn remove_others(original: &Path, copy: &Path) {
    for entry in fs::read_dir(copy).into_iter().flatten().flatten() {
        let (path, original) = (entry.path(), original.join(entry.file_name()));
        if path.is_dir() {
            remove_others(&original, &path);
        } else if !original.exists() {
            fs::remove_file(&path).expect("target/ is writable");
        }
    }
}

/// Writes a file unless it is there with this text.
fn write(path: &Path, text: &str) {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return;
    }
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).expect("target/ is writable");
    fs::write(path, text).expect("target/ is writable");
}
