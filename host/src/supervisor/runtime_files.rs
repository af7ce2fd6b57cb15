//! Where Funcdock's own files are: the Python module that workers load.

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::SupervisorError;

/// Names the Python module's file, for installs that keep it elsewhere.
pub const PYTHON_MODULE_VARIABLE: &str = "FUNCDOCK_PYTHON_MODULE";

/// The crate of our Python module, as its library's name has it.
pub const PYTHON_MODULE: &str = "funcdock_python";

/// The Python module for workers: `chosen` (the value of [`PYTHON_MODULE_VARIABLE`]) when there is one,
/// else the library of the crate `name` ([`PYTHON_MODULE`], but for host builds of their own) beside the executable
/// in `binary_folder`, else in `../lib/funcdock/` from there. Absolute.
pub fn find_python_module(
    chosen: Option<&OsStr>,
    name: &str,
    binary_folder: &Path,
) -> Result<PathBuf, SupervisorError> {
    let candidates = match chosen {
        Some(path) => vec![PathBuf::from(path)],
        None => {
            let name = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
            let prefix = binary_folder.parent().unwrap_or(binary_folder);
            vec![binary_folder.join(&name), prefix.join("lib/funcdock").join(&name)]
        }
    };
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => std::path::absolute(path).map_err(|source| SupervisorError::Resolve {
            path: path.clone(),
            source,
        }),
        None => Err(SupervisorError::FindModule {
            searched: candidates,
            chosen: chosen.is_some(),
        }),
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

        let error = find_python_module(None, PYTHON_MODULE, &bin)
            .expect_err("nothing is there")
            .to_string();
        assert!(error.contains(&bin.join(&name).display().to_string()), "{error}");
        assert!(error.contains(&lib.join(&name).display().to_string()), "{error}");
        assert!(error.contains(PYTHON_MODULE_VARIABLE), "{error}");

        fs::write(lib.join(&name), "").expect("written");
        assert_eq!(
            find_python_module(None, PYTHON_MODULE, &bin).expect("in lib"),
            lib.join(&name)
        );
        fs::write(bin.join(&name), "").expect("written");
        assert_eq!(
            find_python_module(None, PYTHON_MODULE, &bin).expect("in bin"),
            bin.join(&name)
        );
    }

    #[test]
    fn a_chosen_file_is_the_only_candidate() {
        let folder = tempfile::tempdir().expect("a folder");
        let name = format!("{DLL_PREFIX}funcdock_python{DLL_SUFFIX}");
        fs::write(folder.path().join(name), "").expect("written");
        let chosen = folder.path().join("elsewhere.so");
        let error = find_python_module(Some(chosen.as_os_str()), PYTHON_MODULE, folder.path())
            .expect_err("not there");
        assert!(error.to_string().contains("elsewhere.so"), "{error}");
    }
}
