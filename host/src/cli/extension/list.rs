//! `funcdock extension list`: the extensions that an app docks, and the others that it could dock.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

use super::entry::Entry;
use super::open::{check, check_of, in_parallel, opened, search};
use super::table::Table;
use crate::app::{App, ExtensionConfig};
use crate::cli::start::{read_app, seconds};
use crate::cli::{settings, telemetry};
use crate::extensions::{Available, Depth, ExtensionError, ExtensionState, Search, Source};
use crate::logging::{Format, settings_to_show};

const ABOUT: &str = "\
Opens and configures docked extensions as a worker does before it runs the app's code, and starts none. Each is
opened in its own process, and a broken one shows its error.";

/// List an app's extensions, and those that it could dock
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(super) struct Arguments {
    /// The app's folder: the one with host.json
    #[arg(value_name = "APP", default_value = ".")]
    app: PathBuf,

    /// Python interpreter whose packages are searched, as for `funcdock start`
    #[arg(long, env = "FUNCDOCK_PYTHON", value_name = "PATH")]
    python: Option<PathBuf>,

    /// Seconds that a library may take to open
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,

    /// Show the settings that each extension takes
    #[arg(long)]
    settings: bool,

    /// Print the list as JSON, always with the settings that each extension takes
    #[arg(long)]
    json: bool,
}

/// An extension of host.json.
#[derive(Debug, Serialize)]
struct DockedExtension {
    #[serde(flatten)]
    entry: Entry,
    required: bool,
    /// The functions that it applies to.
    functions: Vec<String>,
    settings: Map<String, Json>,
}

/// Prints the list. The exit code is 0 even if an extension is broken.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    crate::logging::init(Format::Text, &crate::logging::Selection::default());
    let (mut app, settings) = read_app(&arguments.app, Vec::new())?;
    telemetry::dock(&mut app, &settings);
    let enabled = settings::extensions_enabled(&settings);
    let search = search(&app, &settings, arguments.python)?;
    settings::warn_of_problems(&settings);
    let configs = &app.host.worker_extensions;
    let docked = in_parallel(configs, |config| docked(config, &app, &search, arguments.timeout))?;
    let others = search.available();
    let others = in_parallel(&others, |other| available(other, arguments.timeout))?;
    // Some extensions of a library may be docked already.
    let others: Vec<Entry> = others
        .into_iter()
        .flatten()
        .filter(|other| configs.iter().all(|config| config.name != other.name))
        .collect();
    let text = if arguments.json {
        let list = json!({
            "enabled": enabled,
            "docked": docked,
            "available": others,
        });
        format!("{list:#}\n")
    } else {
        tables(&app, enabled, &docked, &others, arguments.settings)
    };
    crate::cli::print(&text);
    Ok(ExitCode::SUCCESS)
}

fn docked(config: &ExtensionConfig, app: &App, search: &Search, time: Duration) -> Result<DockedExtension> {
    let mut entry = Entry {
        name: config.name.clone(),
        version: None,
        api_version: None,
        scope: None,
        source: None,
        state: ExtensionState::Loaded,
        message: None,
        accepts: Vec::new(),
    };
    match search.locate(config) {
        Ok(source) => {
            entry.source = Some(source.to_string());
            entry.add(opened(&check_of(config, source, Depth::Configure), time)?);
        }
        Err(error) => entry.fail(error.to_string()),
    }
    let functions = functions(config, app).unwrap_or_else(|error| {
        entry.fail(error.to_string());
        config.functions.clone()
    });
    Ok(DockedExtension {
        entry,
        required: config.is_required(),
        functions,
        settings: settings_to_show(&config.settings),
    })
}

fn is_all(functions: &[String], app: &App) -> bool {
    let known = app.declarations.known();
    known.is_some_and(|known| known.len() == functions.len())
}

/// Returns the functions that an extension applies to; `*` for all functions that code declares.
fn functions(config: &ExtensionConfig, app: &App) -> Result<Vec<String>, ExtensionError> {
    let Some(known) = app.declarations.known() else {
        // Only a worker knows the functions that code declares.
        return Ok(config.functions.clone());
    };
    let known = || known.iter().map(|function| function.name.clone());
    if config.functions.iter().any(|name| name == "*") {
        return Ok(known().collect());
    }
    let unknown = config
        .functions
        .iter()
        .find(|name| known().all(|known| known != **name));
    match unknown {
        None => Ok(config.functions.clone()),
        Some(name) => Err(ExtensionError::Functions {
            name: config.name.clone(),
            function: name.clone(),
            known: known().collect(),
        }),
    }
}

/// Returns the extensions of a library that can be docked by their names; one with its name if it cannot be opened.
fn available(available: &Available, time: Duration) -> Result<Vec<Entry>> {
    let Available { name, names, source } = available;
    let linked = (*source == Source::Linked).then(|| name.clone());
    let outcome = opened(&check(source.clone(), linked), time)?;
    let entry = |name: &str| Entry {
        name: name.to_owned(),
        version: None,
        api_version: outcome.api_version.clone(),
        scope: None,
        source: Some(source.to_string()),
        state: ExtensionState::Loaded,
        message: None,
        accepts: Vec::new(),
    };
    let mut entries: Vec<Entry> = outcome
        .extensions
        .iter()
        .filter(|extension| names.contains(&extension.described.name))
        .map(|extension| Entry {
            version: Some(extension.described.version.clone()),
            scope: Some(extension.described.scope.clone()),
            accepts: extension.described.settings.clone(),
            ..entry(&extension.described.name)
        })
        .collect();
    if let Some(error) = outcome.errors().next() {
        let mut broken = entry(name);
        broken.fail(error.to_owned());
        entries.push(broken);
    } else if entries.is_empty() {
        // Of an older API, whose libraries are found by the names of their files alone.
        let found = outcome.extensions.iter();
        let found: Vec<&str> = found.map(|extension| extension.described.name.as_str()).collect();
        let mut misnamed = entry(name);
        misnamed.fail(format!(
            "extension {name:?}: {source} has no extension of that name\n  found: {}\n  next: name this file in host.json as \
             workerExtensions.{}.library, or rebuild it with the funcdock-extension-api of this host",
            found.join(", "),
            found.first().unwrap_or(&"NAME"),
        ));
        entries.push(misnamed);
    }
    Ok(entries)
}

/// Returns the list for people.
fn tables(
    app: &App,
    enabled: bool,
    docked: &[DockedExtension],
    others: &[Entry],
    with_settings: bool,
) -> String {
    const COMMON: [&str; 5] = ["NAME", "VERSION", "API", "SCOPE", "STATE"];
    let mut text = String::new();
    if docked.is_empty() {
        let _ = writeln!(text, "host.json in {} docks no extensions.", app.root.display());
    } else {
        let off = if enabled {
            ""
        } else {
            " (worker extensions are off: set PYTHON_ENABLE_WORKER_EXTENSIONS=1)"
        };
        let _ = writeln!(
            text,
            "Extensions docked by host.json in {}{off}:\n",
            app.root.display()
        );
        let mut table = Table::new(COMMON.into_iter().chain(["FUNCTIONS", "SETTINGS", "SOURCE"]));
        for DockedExtension {
            entry,
            functions,
            settings,
            ..
        } in docked
        {
            let functions = if functions.is_empty() {
                "none".to_owned()
            } else if functions.iter().any(|name| name == "*") || is_all(functions, app) {
                "all".to_owned()
            } else {
                functions.join(",")
            };
            let mut cells = entry.cells();
            cells.extend([
                functions,
                Json::Object(settings.clone()).to_string(),
                entry.source(),
            ]);
            table.row(cells, entry.remark(with_settings));
        }
        let _ = write!(text, "{table}");
    }
    if !others.is_empty() {
        let _ = writeln!(text, "\nAlso available:\n");
        let mut table = Table::new(COMMON.into_iter().chain(["SOURCE"]));
        for entry in others {
            let mut cells = entry.cells();
            cells.push(entry.source());
            table.row(cells, entry.remark(with_settings));
        }
        let _ = write!(text, "{table}");
    }
    text
}
