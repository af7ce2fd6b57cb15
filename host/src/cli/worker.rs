//! `funcdock worker`: a language worker of Microsoft's Functions host, which starts it.

use std::convert::Infallible;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use serde_json::json;

use super::{print, settings, shell_word, telemetry};
use crate::app::{App, Driver, ReadOptions, Reading};
use crate::control::{PROTOCOL, WorkerConfig};
use crate::launch::python::{self, InterpreterSearch, Program};
use crate::logging::Format;

const ABOUT: &str = "\
Microsoft's Functions host starts this command, with these options, for an app whose language is Python. Tell it so:

  funcdock worker --install /opt/funcdock-worker
  languageWorkers__python__workerDirectory=/opt/funcdock-worker func start";

/// The file that the Functions host reads in the folder of a worker.
const CONFIG: &str = "worker.config.json";

/// Why an option is missing.
const MISSING: &str = "the Functions host starts this command and gives this option";

/// Serve as a language worker of Microsoft's Functions host
#[derive(Debug, clap::Args)]
#[command(after_help = ABOUT)]
pub(super) struct Arguments {
    /// Write a worker.config.json into this folder, which tells the Functions host to start this worker, and end
    #[arg(long, value_name = "FOLDER", exclusive = true)]
    install: Option<PathBuf>,

    /// The URI at which the host listens: http://127.0.0.1:PORT
    #[arg(long, value_name = "URI")]
    functions_uri: Option<String>,

    /// The host's name for this worker
    #[arg(long, value_name = "ID")]
    functions_worker_id: Option<String>,

    /// The id of the request that starts it
    #[arg(long, value_name = "ID")]
    functions_request_id: Option<String>,

    /// The largest message, in bytes
    #[arg(long, value_name = "BYTES")]
    functions_grpc_max_message_length: Option<usize>,

    /// The host's address, from hosts that give no --functions-uri
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// The host's port, likewise
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// As --functions-worker-id
    #[arg(long = "workerId", value_name = "ID")]
    worker_id: Option<String>,

    /// As --functions-request-id
    #[arg(long = "requestId", value_name = "ID")]
    request_id: Option<String>,

    /// As --functions-grpc-max-message-length
    #[arg(long = "grpcMaxMessageLength", value_name = "BYTES")]
    grpc_max_message_length: Option<usize>,

    /// The interpreter: a path, or a name in PATH [default: the app's .venv, else $VIRTUAL_ENV, else python3]
    #[arg(long, env = "FUNCDOCK_PYTHON", value_name = "FILE")]
    python: Option<PathBuf>,
}

/// The largest message if the host does not say: as large as it can be.
const MAX_MESSAGE_LENGTH: usize = i32::MAX as usize;

impl Arguments {
    /// Returns the host's URI.
    fn uri(&self) -> Result<String> {
        match (&self.functions_uri, &self.host, self.port) {
            (Some(uri), ..) => Ok(uri.clone()),
            (None, Some(host), Some(port)) => Ok(format!("http://{host}:{port}")),
            _ => Err(anyhow!("--functions-uri is missing: {MISSING}")),
        }
    }

    fn worker_id(&self) -> Result<&str> {
        let id = self.functions_worker_id.as_deref().or(self.worker_id.as_deref());
        id.with_context(|| format!("--functions-worker-id is missing: {MISSING}"))
    }

    fn request_id(&self) -> Result<&str> {
        let id = self
            .functions_request_id
            .as_deref()
            .or(self.request_id.as_deref());
        id.with_context(|| format!("--functions-request-id is missing: {MISSING}"))
    }

    fn max_message_length(&self) -> usize {
        let given = self
            .functions_grpc_max_message_length
            .or(self.grpc_max_message_length);
        given.filter(|length| *length > 0).unwrap_or(MAX_MESSAGE_LENGTH)
    }
}

/// Writes the file by which the Functions host finds this worker.
fn install(folder: &Path) -> Result<()> {
    let executable = std::env::current_exe().context("cannot find the funcdock binary")?;
    let executable = executable.to_str().with_context(|| {
        format!(
            "{} cannot be written into JSON; move it to a path in UTF-8",
            executable.display()
        )
    })?;
    let config = json!({
        "description": {
            "language": "python",
            "extensions": [".py"],
            "defaultExecutablePath": executable,
            "arguments": ["worker"],
            "workerIndexing": "true",
        },
        // The imports of large apps take longer than the host's 10 and 30 seconds.
        "processOptions": {
            "initializationTimeout": "00:02:00",
            "environmentReloadTimeout": "00:02:00",
        },
    });
    let folder = std::path::absolute(folder).context("the working directory is gone")?;
    let file = folder.join(CONFIG);
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&file, format!("{config:#}\n")))
        .with_context(|| format!("cannot write {}", file.display()))?;
    print(&format_args!(
        "{} is written. Have the Functions host use it:\n  languageWorkers__python__workerDirectory={}\n",
        file.display(),
        shell_word(&folder)
    ));
    Ok(())
}

/// Becomes the app's interpreter, which serves the host. Returns only if that fails.
pub(super) fn run(arguments: &Arguments, python_module: &str) -> Result<ExitCode> {
    if let Some(folder) = &arguments.install {
        install(folder)?;
        return Ok(ExitCode::SUCCESS);
    }
    match serve(arguments, python_module) {
        Ok(never) => match never {},
        Err(error) => Err(error),
    }
}

fn serve(arguments: &Arguments, python_module: &str) -> Result<Infallible> {
    let uri = arguments.uri()?;
    let (worker_id, request_id) = (arguments.worker_id()?, arguments.request_id()?);
    let executable = std::env::current_exe().context("cannot find the funcdock binary")?;
    let binary_folder = executable.parent().unwrap_or(Path::new("/"));
    let chosen = std::env::var_os(python::MODULE_VARIABLE).filter(|value| !value.is_empty());
    let module = python::find_module(chosen.as_deref(), python_module, binary_folder)?;
    let search = InterpreterSearch::from_environment(&app_folder(), arguments.python.clone());
    let program = Program {
        interpreter: search.find()?,
        module,
        arguments: Vec::new(),
    };
    let mut command = program.command(0);
    command
        .args([
            &uri,
            worker_id,
            request_id,
            &arguments.max_message_length().to_string(),
        ])
        .arg(binary_folder);
    let error = command.exec();
    Err(error).with_context(|| format!("cannot run {}", program.interpreter.display()))
}

/// Returns the folder of the app whose environment is looked for: the host starts its workers there, or names it.
fn app_folder() -> PathBuf {
    let named = std::env::var_os("AzureWebJobsScriptRoot").filter(|value| !value.is_empty());
    named.map_or_else(|| std::env::current_dir().unwrap_or_default(), PathBuf::from)
}

/// Reads the app in `folder`, for a worker that the host drives. `binary_folder` is that of the funcdock binary. The error is
/// a message for the user.
pub fn worker_config(folder: &Path, binary_folder: &Path) -> Result<WorkerConfig, String> {
    let options = ReadOptions {
        driver: Driver::FunctionsHost,
        ..ReadOptions::from_env()
    };
    let Reading {
        mut app,
        settings,
        warnings,
        ..
    } = App::read(folder, &options).map_err(|error| error.to_string())?;
    for warning in warnings {
        // Most are about what the host does, and not the worker.
        tracing::debug!("{warning}");
    }
    // The host ends calls that take too long.
    app.host.function_timeout = None;
    telemetry::dock(&mut app, &settings);
    Ok(WorkerConfig {
        protocol: PROTOCOL,
        index: 0,
        workers: 1,
        restarts: 0,
        load_cell: 0,
        extensions_enabled: settings::extensions_enabled(&settings),
        site_packages: Vec::new(),
        extension_path: settings::extension_path(&settings, &app.root, binary_folder),
        log_format: Format::Text,
        verbose: false,
        logs_calls: false,
        debug_logs: settings::debug_logs(&settings),
        skip_post_on_exception: settings::skip_post_on_exception(&settings),
        uses_opentelemetry: settings::uses_opentelemetry(&settings),
        strict: false,
        must_load: Default::default(),
        threads: settings::threads(&settings),
        max_requests: None,
        app,
    })
}
