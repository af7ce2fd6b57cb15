//! Reads an app: its files in order, then checks what depends on several of them.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Problem, suggestion};
use super::function::{self, Read};
use super::json::Document;
use super::{
    App, AppError, AppSettings, Declarations, Driver, LocalSettings, Script, host_config, known,
    local_settings, overrides, routes,
};

/// The options for reading an app.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// Environment variables. With `Values` of local.settings.json they are the app settings.
    pub environment: BTreeMap<String, String>,
    /// The functions to load, instead of `functions` of host.json; empty means all.
    pub functions: Vec<String>,
    /// Who starts the calls.
    pub driver: Driver,
}

impl ReadOptions {
    /// Returns options with the environment of this process, without variables that are not Unicode.
    pub fn from_env() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            environment: std::env::vars_os().filter_map(text).collect(),
            ..Self::default()
        }
    }
}

/// An app, and warnings for its author.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The app. It may have no functions at all; those of a script are only known to a worker.
    pub app: App,
    /// The app settings.
    pub settings: AppSettings,
    /// The names of the functions that function.json or an app setting disables; sorted.
    pub disabled: Vec<String>,
    /// What is probably wrong, but does not stop the app.
    pub warnings: Vec<Problem>,
}

impl App {
    /// Reads the app in the folder `root`. Blocks on the file system.
    ///
    /// # Errors
    ///
    /// The first problem of host.json, local.settings.json or the settings that override host.json. Otherwise all
    /// functions that have a problem, each with its first one.
    pub fn read(root: &Path, options: &ReadOptions) -> Result<Reading, AppError> {
        let folder = |reason| AppError::Root {
            path: root.to_owned(),
            reason,
        };
        let root = &absolute(root)?;
        let mut warnings = Vec::new();
        let no_host_json = || AppError::NoHostJson { root: root.clone() };
        let mut host_json = Document::open(root, "host.json")
            .map_err(AppError::HostJson)?
            .ok_or_else(no_host_json)?;
        warnings.append(&mut host_json.duplicates);

        let local = local_settings::open(root, &mut warnings)
            .map_err(AppError::LocalSettings)?
            .unwrap_or_default();
        let app_settings = AppSettings::new(&local.values, &options.environment);
        known::note_settings(&app_settings);
        if root.join("proxies.json").is_file() {
            warnings.push(Problem::of_file(
                Path::new("proxies.json"),
                "has no effect: Azure has ended proxies, too; give functions the routes, or put a proxy in front",
            ));
        }
        overrides::apply(&app_settings, &mut host_json, &mut warnings);
        let host = host_config::read(&host_json, root, &mut warnings).map_err(AppError::HostJson)?;

        let existing = function::names(root).map_err(folder)?;
        if let Some(file) = Script::find(root, &app_settings)? {
            if !existing.is_empty() {
                warnings.push(ignored_folders(&file, &existing));
            }
            let script = Script {
                file,
                only_must_exist: !options.functions.is_empty(),
                only: match options.functions.as_slice() {
                    [] => host.functions.clone(),
                    named => Some(named.to_vec()),
                },
            };
            let app = Self {
                root: root.clone(),
                host,
                settings: local,
                declarations: Declarations::Script(script),
                driver: options.driver,
                unreadable: BTreeMap::new(),
            };
            return Ok(Reading::new(app, app_settings, Vec::new(), warnings));
        }
        let filter = if options.functions.is_empty() {
            if host.functions.is_some() {
                warn_of_unknown_functions(&host_json, &existing, &mut warnings)
                    .map_err(AppError::HostJson)?;
            }
            host.functions.as_ref()
        } else {
            if let Some(name) = options.functions.iter().find(|name| !contains(&existing, name)) {
                return Err(AppError::UnknownFunction {
                    name: name.clone(),
                    existing,
                });
            }
            Some(&options.functions)
        };
        let wanted = existing
            .into_iter()
            .filter(|name| filter.is_none_or(|filter| contains(filter, name)));

        let (mut enabled, mut disabled, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        let mut unreadable = BTreeMap::new();
        for name in wanted {
            match function::read(root, &name, &app_settings, options.driver, &mut warnings) {
                Ok(Read::Enabled(function)) => enabled.push(*function),
                Ok(Read::Disabled) => disabled.push(name),
                Err(problem) if options.driver == Driver::FunctionsHost => {
                    unreadable.insert(name, problem.to_string());
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() && options.driver == Driver::Funcdock {
            problems = routes::check(&enabled, &host.http.route_prefix);
        }
        if !problems.is_empty() {
            return Err(AppError::FunctionJson(problems));
        }
        let functions = enabled.into_iter().map(|enabled| enabled.function);
        let app = Self {
            root: root.clone(),
            host,
            settings: local,
            declarations: Declarations::Folders(functions.collect()),
            driver: options.driver,
            unreadable,
        };
        Ok(Reading::new(app, app_settings, disabled, warnings))
    }
}

impl LocalSettings {
    /// Reads only local.settings.json of the app in the folder `root`, and warnings about it; `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// The folder is not an app, or the first problem of the file.
    pub(crate) fn read(root: &Path) -> Result<Option<(Self, Vec<Problem>)>, AppError> {
        let mut warnings = Vec::new();
        let settings =
            local_settings::open(&app_root(root)?, &mut warnings).map_err(AppError::LocalSettings)?;
        Ok(settings.map(|settings| (settings, warnings)))
    }
}

/// Returns the absolute path of a folder with a host.json.
pub(super) fn app_root(folder: &Path) -> Result<PathBuf, AppError> {
    let root = absolute(folder)?;
    if root.join("host.json").exists() {
        Ok(root)
    } else {
        Err(AppError::NoHostJson { root })
    }
}

fn absolute(folder: &Path) -> Result<PathBuf, AppError> {
    let error = |reason| AppError::Root {
        path: folder.to_owned(),
        reason,
    };
    let root = folder.canonicalize().map_err(error)?;
    if root.is_dir() {
        Ok(root)
    } else {
        let advice = match folder.extension() {
            Some(extension) if extension == "zip" => {
                format!(
                    "it is a file; unpack it first: unzip -q {} -d FOLDER",
                    folder.display()
                )
            }
            _ => "it is a file; name the folder that holds its host.json".to_owned(),
        };
        Err(error(io::Error::new(io::ErrorKind::NotADirectory, advice)))
    }
}

impl Reading {
    fn new(app: App, settings: AppSettings, disabled: Vec<String>, mut warnings: Vec<Problem>) -> Self {
        warnings.append(&mut settings.take_problems());
        Reading {
            app,
            settings,
            disabled,
            warnings,
        }
    }
}

/// Warns of the folders of the v1 model in an app whose script declares the functions.
fn ignored_folders(script: &Path, folders: &[String]) -> Problem {
    let name = script.file_name().unwrap_or_default();
    let (subject, them) = match folders {
        [folder] => (format!("the folder {folder} with a function.json is"), "it"),
        folders => (
            format!("the folders {} with a function.json are", folders.join(", ")),
            "them",
        ),
    };
    Problem::of_file(
        Path::new(name),
        format!(
            "{subject} ignored, as this file declares the app's functions; remove {them}, or move the file away"
        ),
    )
}

/// Whether `names` has `name`, compared without case as everywhere in this programming model.
fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn warn_of_unknown_functions(
    host_json: &Document,
    existing: &[String],
    warnings: &mut Vec<Problem>,
) -> Result<(), Problem> {
    let Some(functions) = host_json.item().get("functions")? else {
        return Ok(());
    };
    for item in functions.elements()? {
        let name = item.string()?;
        if !contains(existing, name) {
            let hint = suggestion(name, existing.iter().map(String::as_str));
            warnings.push(item.problem(format!("no function is named {name:?}{hint}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
