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
use crate::extensions::{Check, Depth, Described, Event, Step, check_request};
use crate::logging::{print_error, settings_to_show};

const EXAMPLES: &str = "\
Examples:
  funcdock extension check target/release/libstopwatch.so
  funcdock extension check librate_limit.so --settings '{\"calls\": 10}' --request post.http

Opens the library as a worker does, then makes an instance of each of its extensions and calls the hooks: around an
HTTP call that returns, and around one that raises if there is an on_exception. Makes all attributes, and looks at
the objects among them without calling their methods. Then flush, shutdown and the destructor.

Warns of a hook over its budget, headers that no client gets, a name that two extensions of the library have,
and objects that Python cannot use well. All of this happens in a separate process: a crash of the library is an error.

The exit status is 0 if every step succeeded, also with warnings; 1 if a step failed; 2 for wrong arguments.";

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

    /// Settings for the extensions, as in host.json, or a file with them
    #[arg(long, value_name = "JSON|FILE", default_value = "{}", value_parser = settings)]
    settings: Map<String, Json>,

    /// A file with the HTTP request of the call: request line, headers, an empty line, body [default: a GET]
    #[arg(long, value_name = "FILE", value_parser = request)]
    request: Option<Request>,

    /// Milliseconds that a hook around a call may take without a warning, as hookBudgetMs in host.json; 0 for any
    #[arg(long, value_name = "MS", default_value = "50")]
    budget_ms: u64,

    /// Seconds that the check may take
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    timeout: Duration,

    /// Print the outcome as JSON
    #[arg(long)]
    json: bool,
}

/// An HTTP request, as it goes over the wire.
#[derive(Debug, Clone)]
struct Request(Vec<u8>);

/// Checks the library. The exit code says whether every step succeeded.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let file = std::path::absolute(&arguments.file)
        .with_context(|| format!("cannot make {} an absolute path", arguments.file.display()))?;
    let check = Check {
        file: Some(file.clone()),
        name: arguments.name,
        sha256: None,
        settings: arguments.settings,
        request: arguments.request.map(|Request(message)| message),
        budget_ms: arguments.budget_ms,
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
    let summary = outcome.summary();
    if arguments.json {
        let mut report = json!(outcome);
        report["file"] = json!(file);
        report["ok"] = ok.into();
        report["summary"] = json!(summary);
        print(&format_args!("{report:#}\n"));
    }
    for warning in outcome.warnings() {
        print_error(&format_args!("warning: {warning}"));
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
    if !arguments.json {
        print(&format_args!("{summary}\n"));
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the last step if this event ends it, and the extension if this event is one.
fn report(so_far: &Outcome, event: &Event) {
    let over = matches!(event, Event::Begin(_) | Event::Extension(_) | Event::End);
    if let Some(step) = so_far.last().filter(|_| over) {
        let sign = match (step.ok, step.warnings.as_slice()) {
            (false, _) => '✗',
            (true, []) => '✓',
            (true, _) => '!',
        };
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

/// Parses settings, or reads them from a file.
fn settings(argument: &str) -> Result<Map<String, Json>, String> {
    const EXPECTED: &str = "expected a JSON object, such as '{\"calls\": 10}', or a file with one";
    let text = match argument.trim_start().starts_with(['{', '[']) {
        true => argument.to_owned(),
        false => std::fs::read_to_string(argument)
            .map_err(|error| format!("{EXPECTED}: cannot read it: {error}"))?,
    };
    match serde_json::from_str(&text) {
        Ok(Json::Object(settings)) => Ok(settings),
        Ok(_) => Err(EXPECTED.to_owned()),
        Err(error) => Err(format!("{EXPECTED}: {error}")),
    }
}

/// Reads a request from a file, and checks it.
fn request(file: &str) -> Result<Request, String> {
    let message = std::fs::read(file).map_err(|error| format!("cannot read it: {error}"))?;
    check_request(&message).map_err(|error| error.to_string())?;
    Ok(Request(message))
}
