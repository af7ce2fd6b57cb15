//! `funcdock extension new`: makes a crate with a small extension that builds, passes its tests and loads.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::ValueEnum;

use super::api::Api;
use crate::cli::new_files::NewFiles;
use crate::cli::print;

/// The keywords of Rust, and names of crates that would conflict with the new one.
const RESERVED: &str = "abstract as async await become box break const continue crate do dyn else enum extern false \
    final fn for gen if impl in let loop macro match mod move mut override priv pub ref return self static struct \
    super trait true try type typeof unsafe unsized use virtual where while yield \
    alloc core proc_macro std test funcdock funcdock_extension_api serde serde_json tracing";

const EXAMPLES: &str = "\
Examples:
  funcdock extension new stopwatch                      At application level, in ./stopwatch
  funcdock extension new rate-limit --scope function    One instance a function
  funcdock extension new audit --git https://git.example/funcdock
                                                        Whoever clones the crate can build it

The crate depends on funcdock-extension-api, which is not on crates.io. Without --git, its .cargo/config.toml names
the sources on this machine, which the package of funcdock brings; git ignores that file, and the README says what to do
in a clone.

See also: funcdock new adds a function to an app.";

/// Make a crate with a new extension
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The crate's name; host.json uses it too, without the prefix funcdock-
    #[arg(value_name = "NAME")]
    name: String,

    /// What each instance of the extension is for
    #[arg(long, value_enum, default_value = "app")]
    scope: Scope,

    /// The folder to make [default: NAME, in the working directory]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,

    /// The folder of the crate funcdock-extension-api [default: the one that is installed with this binary, else in the
    /// source tree that it was built from]
    #[arg(long, value_name = "PATH")]
    api: Option<PathBuf>,

    /// Take funcdock-extension-api from this git repository instead
    #[arg(long, value_name = "URL", conflicts_with = "api")]
    git: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scope {
    /// The whole app
    App,
    /// Each function
    Function,
}

/// Makes the crate.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments {
        name,
        scope,
        path,
        api,
        git,
    } = arguments;
    check_name(&name)?;
    let folder = path.unwrap_or_else(|| PathBuf::from(&name));
    let api = Api::new(git, api)?;
    let files = files(&name, scope, &api);
    if fs::symlink_metadata(&folder).is_ok() {
        bail!(
            "{} exists already; choose another name, or another folder with --path",
            folder.display()
        );
    }
    let mut new_files = NewFiles::new(&folder);
    for (file, content) in files {
        new_files.add(file, content);
    }
    new_files.write("choose another folder with --path")?;
    print(&format_args!(
        "Made the extension {:?} in {}, with funcdock-extension-api from {}. Next:\n\n  cd {1}\n  cargo test\n  cargo build --release\n  \
         funcdock extension check target/release/{}\n  funcdock extension install target/release/{3} path/to/app\n\n\
         Its README.md says more.\n",
        extension_name(&name),
        folder.display(),
        api.place(),
        library(&name),
    ));
    Ok(ExitCode::SUCCESS)
}

/// Checks a name against the rules of cargo for a library, and those for the files of extensions.
fn check_name(name: &str) -> Result<()> {
    let in_code = name.replace('-', "_");
    let letters = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let problem = if name.is_empty() {
        "it is empty"
    } else if !name.chars().all(letters) {
        "only ASCII letters, digits, - and _ are allowed"
    } else if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        "it must start with a letter"
    } else if name.len() > 64 {
        "it is longer than 64 letters"
    } else if RESERVED.split_whitespace().any(|word| word == in_code) || in_code == "funcdock_python" {
        "that name is reserved"
    } else if !extension_name(name).starts_with(|c: char| c.is_ascii_alphabetic()) {
        "without the prefix funcdock-, it must start with a letter"
    } else {
        return Ok(());
    };
    bail!("{name:?} is not a valid name of an extension: {problem}; choose a name such as rate-limit")
}

/// Returns the name in host.json.
fn extension_name(krate: &str) -> &str {
    krate
        .strip_prefix("funcdock-")
        .or_else(|| krate.strip_prefix("funcdock_"))
        .unwrap_or(krate)
}

fn library(krate: &str) -> String {
    format!("{DLL_PREFIX}{}{DLL_SUFFIX}", krate.replace('-', "_"))
}

/// Returns the crate's files: path and content.
fn files(krate: &str, scope: Scope, api: &Api) -> Vec<(&'static str, String)> {
    let (source, setting, meaning) = match scope {
        Scope::App => (
            include_str!("template/app.rs.template"),
            "\"slow_ms\": 20",
            "| `slow_ms` | 500 | longer calls are logged; milliseconds |",
        ),
        Scope::Function => (
            include_str!("template/function.rs.template"),
            "\"calls\": 20",
            "| `calls` | 1000 | the number of calls that each function accepts; the others get 429 |",
        ),
    };
    let filled = |template: &str| {
        template
            .replace("@CRATE@", krate)
            .replace("@NAME@", extension_name(krate))
            .replace("@LIBRARY@", &library(krate))
            .replace(
                "@SCOPE@",
                if scope == Scope::App {
                    "the app"
                } else {
                    "functions"
                },
            )
            .replace("@SETTING@", setting)
            .replace("@SETTINGS@", meaning)
            .replace("@API@", &api.dependency())
            .replace("@CLONE@", api.in_a_clone())
    };
    let mut files = vec![
        ("Cargo.toml", filled(include_str!("template/Cargo.toml.template"))),
        ("src/lib.rs", filled(source)),
        ("README.md", filled(include_str!("template/README.md.template"))),
        (".gitignore", filled(include_str!("template/gitignore.template"))),
    ];
    if let Api::Folder(folder) = api {
        let config = include_str!("template/config.toml.template");
        files.push((".cargo/config.toml", config.replace("@PATH@", folder)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_crates() {
        for name in ["stopwatch", "rate-limit", "funcdock-x", "a1_b"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for (name, expected) in [
            ("", "it is empty"),
            ("rate limit", "only ASCII letters"),
            ("größe", "only ASCII letters"),
            ("../x", "only ASCII letters"),
            ("1st", "start with a letter"),
            ("-x", "start with a letter"),
            ("async", "that name is reserved"),
            ("proc-macro", "that name is reserved"),
            ("funcdock-extension-api", "that name is reserved"),
            ("funcdock-", "without the prefix funcdock-"),
            (&"x".repeat(65), "longer than 64"),
        ] {
            let error = check_name(name).expect_err(name).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn all_placeholders_are_filled() {
        for scope in [Scope::App, Scope::Function] {
            for api in [
                Api::Git("\"https://git.example/x\"".to_owned()),
                Api::Folder("\"/x\"".to_owned()),
            ] {
                for (file, content) in files("funcdock-rate-limit", scope, &api) {
                    assert!(!content.contains('@'), "{file}: {content}");
                }
            }
        }
    }

    #[test]
    fn the_files_have_the_name_and_the_source_of_the_api() {
        let git = Api::Git("\"https://git.example/x\"".to_owned());
        let made = files("funcdock-rate-limit", Scope::Function, &git);
        let of = |name: &str| {
            let found = made.iter().find(|(file, _)| *file == name);
            found.map(|(_, content)| content.as_str()).unwrap_or_default()
        };
        let manifest = of("Cargo.toml");
        assert!(
            manifest.contains("name = \"funcdock-rate-limit\"\n"),
            "{manifest}"
        );
        for line in [
            "funcdock-extension-api = { git = \"https://git.example/x\" }",
            "funcdock-extension-api = { git = \"https://git.example/x\", features = [\"testing\"] }",
        ] {
            assert!(manifest.lines().any(|found| found == line), "{line}\n{manifest}");
        }
        assert_eq!(of(".cargo/config.toml"), "", "nothing is to be overridden");
        assert!(of("src/lib.rs").contains("#[extension(scope = function)]\nimpl "));
        let readme = of("README.md");
        assert!(readme.contains("\"rate-limit\": {"), "{readme}");
        assert!(readme.contains("release/libfuncdock_rate_limit.so"), "{readme}");
    }
}
