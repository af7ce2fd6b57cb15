//! `funcdock extension check`: tests a library without an app and without Python.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value as Json, json};

use super::child;
use super::outcome::Outcome;
use crate::cli::print;
use crate::cli::start::seconds;
use crate::extensions::{Check, Depth, Described, Event, Step};
use crate::logging::{print_error, settings_to_show};

const EXAMPLES: &str = "\
Examples:
  funcdock extension check target/release/libstopwatch.so
  funcdock extension check librate_limit.so --settings '{\"calls\": 10}'

Opens the library as a worker does, then makes an instance of each of its extensions and calls the hooks once, around
a simulated HTTP call that returns. All of this happens in a separate process: a crash of the library is an error.
The exit status is 0 if every step succeeded, else 1.";

/// Test a library, step by step
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The library
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Only this extension of the library [default: all]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Settings for the extensions, as in host.json
    #[arg(long, value_name = "JSON", default_value = "{}", value_parser = object)]
    settings: Map<String, Json>,

    /// Seconds that the check may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,

    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// Checks the library. The exit code says whether every step succeeded.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let file = std::path::absolute(&arguments.file)
        .with_context(|| format!("cannot make {} an absolute path", arguments.file.display()))?;
    let check = Check {
        file: Some(file.clone()),
        name: arguments.name,
        sha256: None,
        settings: arguments.settings,
        depth: Depth::Run,
    };
    let mut outcome = Outcome::default();
    if !arguments.json {
        print(&format_args!("{}\n", file.display()));
    }
    child::run(&check, arguments.timeout, &mut |event| {
        if !arguments.json {
            report(&outcome, &event);
        }
        outcome.add(event);
    })?;
    let ok = outcome.errors().next().is_none();
    if arguments.json {
        let mut report = json!(outcome);
        report["file"] = json!(file);
        report["ok"] = ok.into();
        print(&format_args!("{report:#}\n"));
    }
    for error in outcome.errors() {
        print_error(&format_args!("error: {error}"));
    }
    if outcome.failed(Step::Configure) || outcome.failed(Step::Init) {
        print_error(&format_args!(
            "note: the check used the settings {}; pass others with --settings",
            Json::Object(settings_to_show(&check.settings))
        ));
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the last step if this event ends it, and the extension if this event is one.
fn report(so_far: &Outcome, event: &Event) {
    let over = matches!(event, Event::Begin(_) | Event::Extension(_) | Event::End);
    if let Some(step) = so_far.last().filter(|_| over) {
        let sign = if step.ok { '✓' } else { '✗' };
        let note = step.note.as_ref().map(|note| format!(": {note}"));
        print(&format_args!(
            "  {sign} {}{}\n",
            step.step,
            note.unwrap_or_default()
        ));
    }
    if let Event::Extension(Described {
        name,
        version,
        scope,
        hooks,
        ..
    }) = event
    {
        let hooks = if hooks.is_empty() {
            "no hooks".to_owned()
        } else {
            hooks.join(", ")
        };
        let api = so_far.api_version.as_deref().unwrap_or_default();
        print(&format_args!(
            "{name} {version} (API {api}; {scope} level; {hooks})\n"
        ));
    }
}

fn object(text: &str) -> Result<Map<String, Json>, String> {
    match serde_json::from_str(text) {
        Ok(Json::Object(settings)) => Ok(settings),
        Ok(_) => Err("expected a JSON object, such as '{\"calls\": 10}'".to_owned()),
        Err(error) => Err(format!(
            "expected a JSON object, such as '{{\"calls\": 10}}': {error}"
        )),
    }
}
