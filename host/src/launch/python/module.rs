//! Finds Funcdock's Python module, which workers load.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::LaunchError;

/// The environment variable that names the Python module's file, for installations that keep it elsewhere.
pub const MODULE_VARIABLE: &str = "FUNCDOCK_PYTHON_MODULE";

/// The crate of our Python module, as in the name of its library.
pub const MODULE: &str = "funcdock_python";

/// Returns the absolute path of the Python module: `chosen` (the value of [`MODULE_VARIABLE`]) if there is one, else
/// the library of the crate `name` in `binary_folder`, else in `../lib/funcdock/` from there. `name` is [`MODULE`], or
/// another crate in a custom build of the host.
pub fn find_module(chosen: Option<&OsStr>, name: &str, binary_folder: &Path) -> Result<PathBuf, LaunchError> {
    let candidates = match chosen {
        Some(path) => vec![PathBuf::from(path)],
        None => {
            let name = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
            let prefix = binary_folder.parent().unwrap_or(binary_folder);
            vec![binary_folder.join(&name), prefix.join("lib/funcdock").join(&name)]
        }
    };
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => std::path::absolute(path).map_err(|source| LaunchError::Resolve {
            path: path.clone(),
            source,
        }),
        None => Err(LaunchError::FindModule {
            searched: candidates,
            advice: advice(chosen.is_some()),
        }),
    }
}

fn advice(chosen: bool) -> String {
    if chosen {
        format!(
            "{MODULE_VARIABLE} names this file: correct it, or unset it to use the one beside the binary."
        )
    } else {
        format!(
            "An installed package brings it: install the package again, not with `pip install --target`, which leaves it \
             out. A build from source, `cargo build`, puts it beside the binary. {MODULE_VARIABLE} can name another file."
        )
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_module_is_found_beside_the_binary_first_then_in_lib() {
        let prefix = tempfile::tempdir().expect("a folder");
        let (bin, lib) = (prefix.path().join("bin"), prefix.path().join("lib/funcdock"));
        fs::create_dir_all(&bin).expect("bin");
        fs::create_dir_all(&lib).expect("lib");
        let name = format!("{DLL_PREFIX}funcdock_python{DLL_SUFFIX}");

        let error = find_module(None, MODULE, &bin)
            .expect_err("nothing is there")
            .to_string();
        assert!(error.contains(&bin.join(&name).display().to_string()), "{error}");
        assert!(error.contains(&lib.join(&name).display().to_string()), "{error}");
        assert!(error.contains(MODULE_VARIABLE), "{error}");

        fs::write(lib.join(&name), "").expect("written");
        assert_eq!(find_module(None, MODULE, &bin).expect("in lib"), lib.join(&name));
        fs::write(bin.join(&name), "").expect("written");
        assert_eq!(find_module(None, MODULE, &bin).expect("in bin"), bin.join(&name));
    }

    #[test]
    fn a_chosen_file_is_the_only_candidate() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = format!("{DLL_PREFIX}funcdock_python{DLL_SUFFIX}");
        fs::write(folder.path().join(name), "").expect("written");
        let chosen = folder.path().join("elsewhere.so");
        let error = find_module(Some(chosen.as_os_str()), MODULE, folder.path()).expect_err("not there");
        assert!(error.to_string().contains("elsewhere.so"), "{error}");
    }
}
