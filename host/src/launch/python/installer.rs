//! What makes environments and installs packages: uv if it is there, else Python's own venv and pip.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::sys::is_executable;

/// The variables besides those of pip and uv that both heed: proxies and certificates.
const OF_THE_NETWORK: [&str; 8] = [
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NETRC",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
];

/// The variables of pip that do not decide what is installed, and from where.
const HARMLESS: [&str; 9] = [
    "PIP_CACHE_DIR",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_NO_CACHE_DIR",
    "PIP_NO_COLOR",
    "PIP_NO_INPUT",
    "PIP_PROGRESS_BAR",
    "PIP_RETRIES",
    "PIP_ROOT_USER_ACTION",
];

/// Whether this variable of pip, which uv does not heed, decides what is installed.
fn decides(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    upper.starts_with("PIP_") && !HARMLESS.contains(&upper.as_str())
}

/// Whether a file of settings for pip, which uv does not read, decides what is installed: a private index, for example.
fn has_pip_conf() -> bool {
    const DECIDING: [&str; 10] = [
        "index-url",
        "extra-index-url",
        "find-links",
        "no-index",
        "constraint",
        "trusted-host",
        "pre",
        "only-binary",
        "no-binary",
        "require-hashes",
    ];
    let in_home = |name: &str| std::env::home_dir().map(|home| home.join(name));
    let of_user = std::env::var_os("XDG_CONFIG_HOME")
        .filter(|folder| !folder.is_empty())
        .map(PathBuf::from)
        .or_else(|| in_home(".config"));
    let files = [
        Some("/etc/pip.conf".into()),
        Some("/etc/xdg/pip/pip.conf".into()),
        of_user.map(|folder| folder.join("pip/pip.conf")),
        in_home(".pip/pip.conf"),
    ];
    let texts = files
        .into_iter()
        .flatten()
        .filter_map(|file| std::fs::read_to_string(file).ok());
    let decides = |line: &str| {
        let key = line
            .split(['=', ':'])
            .next()
            .unwrap_or_default()
            .trim()
            .replace('_', "-");
        DECIDING.contains(&key.as_str())
    };
    texts.into_iter().any(|text| text.lines().any(decides))
}

/// Makes the commands. They are to be run in the app's folder.
#[derive(Debug, Clone, Default)]
pub(crate) struct Installer {
    /// `None`: pip.
    uv: Option<PathBuf>,
    variables: Vec<(String, OsString)>,
}

impl Installer {
    /// Returns the installer of this machine. The app's settings for it are among `variables`; the others are left out.
    pub(crate) fn new(search_path: &OsString, variables: &[(String, OsString)]) -> Self {
        let concerns = |name: &str| {
            let upper = name.to_ascii_uppercase();
            upper.starts_with("PIP_") || upper.starts_with("UV_") || OF_THE_NETWORK.contains(&upper.as_str())
        };
        let variables: Vec<_> = variables
            .iter()
            .filter(|(name, _)| concerns(name))
            .cloned()
            .collect();
        let mut settings = variables
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .chain(std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), value)));
        let is_for_pip = settings.any(|(name, value)| decides(&name) && !value.is_empty()) || has_pip_conf();
        let mut found = std::env::split_paths(search_path).map(|folder| folder.join("uv"));
        Installer {
            uv: found.find(|path| !is_for_pip && is_executable(path)),
            variables,
        }
    }

    /// Returns the command that makes an environment, whose folder is there, with the interpreter `base`.
    pub(super) fn make(&self, base: &Path, venv: &Path) -> Command {
        let mut command = match &self.uv {
            Some(uv) => {
                let mut command = Command::new(uv);
                // With pip in it, as users may expect.
                command.args([
                    "venv",
                    "--quiet",
                    "--no-project",
                    "--allow-existing",
                    "--seed",
                    "--python",
                ]);
                command.arg(base);
                command
            }
            None => {
                let mut command = Command::new(base);
                command.args(["-m", "venv"]);
                command
            }
        };
        command.arg(venv).envs(self.variables());
        command
    }

    /// Returns the command that installs what these arguments of `pip install` say into an environment.
    pub(super) fn install(&self, venv: &Path, arguments: &[&str]) -> Command {
        let python = venv.join("bin/python");
        let mut command = match &self.uv {
            Some(uv) => {
                let mut command = Command::new(uv);
                command
                    .args(["pip", "install", "--no-progress", "--python"])
                    .arg(python);
                command
            }
            None => {
                // Not `-m pip`, which imports from the working directory first. That is the app's, as paths in
                // requirements.txt are relative to it.
                let mut command = Command::new(python);
                command.arg(venv.join("bin/pip"));
                command.args(["install", "--disable-pip-version-check", "--no-input"]);
                command
            }
        };
        command.args(arguments).envs(self.variables());
        command
    }

    fn variables(&self) -> impl Iterator<Item = (&str, &OsString)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value))
    }
}
