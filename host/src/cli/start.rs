//! `funcdock start`: serves an app until a signal stops the host.

mod arguments;
mod env_file;
mod listening;
mod of_func;
mod operations;
mod values;

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use super::access;
use super::client::HostUrl;
use super::listing::Listing;
use super::print_failure;
use super::{settings, telemetry};
use crate::app::{App, AppSettings, ReadOptions, Reading};
use crate::control::ExtensionListing;
use crate::launch::python;
use crate::logging::{Format, LogFile, Recent, Selection, print_unread};
use crate::model::{HostAddress, Scheme};
use crate::supervisor::{self, Listen, Options, Progress};

pub(in crate::cli) use arguments::Arguments;
use listening::scheme;
pub(in crate::cli) use values::seconds;

/// Serves the app; returns when it has stopped.
pub(super) fn run(arguments: Arguments, python_module: &str) -> Result<ExitCode> {
    env_file::apply(&arguments.operations.env_file)?;
    let format = arguments.log_format;
    let log_file = arguments.operations.log_file()?;
    let selection = Selection {
        verbose: arguments.verbose,
        ..Selection::default()
    };
    // The supervisor says so if that cannot be.
    let _ = Recent::begin();
    crate::logging::init(format, &selection);
    let reopen = log_file.as_ref().map(LogFile::reopen);
    let served = serve(arguments, python_module, move || {
        reopen.iter().for_each(|reopen| reopen())
    });
    if let (Err(error), Some(_)) = (&served, &log_file) {
        match format {
            Format::Text => print_failure(error),
            Format::Json => tracing::error!("{error:#}"),
        }
    }
    // From here on stderr is itself: whoever started the host gets the error there, too.
    drop(log_file);
    served.or_else(|error| match format {
        Format::Text => Err(error),
        Format::Json => {
            tracing::error!("{error:#}");
            Ok(ExitCode::FAILURE)
        }
    })
}

/// Serves the app. Calls `before_reading` each time before it is read again.
fn serve(
    arguments: Arguments,
    python_module: &str,
    before_reading: impl Fn() + Send + Sync + 'static,
) -> Result<ExitCode> {
    let module = python_module.to_owned();
    let again = arguments.clone();
    let inherited = Listen::inherited().context("the socket that this process was started with")?;
    let again_inherited = inherited.clone();
    let reread = move || {
        before_reading();
        match options(again.clone(), again_inherited.as_ref(), &module) {
            Ok((options, _)) => Ok(options),
            Err(error) => Err(format!("{error:#}")),
        }
    };
    let (options, unused_connection) = options(arguments, inherited.as_ref(), python_module)?;
    let http = &options.app.host.http;
    let (scheme, route_prefix) = (scheme(http.tls.as_ref()), http.route_prefix.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop of the host")?;
    let stopped = runtime.block_on(supervisor::run(
        options,
        reread,
        |progress| report(progress, scheme, &route_prefix, unused_connection.as_deref()),
        std::future::pending(),
    ))?;
    Ok(ExitCode::from(stopped.exit_code()))
}

/// Returns the options of a host that listens only at this file, for one call of one function. Starts the log.
pub(super) fn options_for_one_call(
    app: &Path,
    function: &str,
    socket: &Path,
    python_module: &str,
) -> Result<Options> {
    options_without_events(Arguments::for_one_call(app, function, socket), python_module)
}

/// Returns where a host that was started with the variables of this process, and no options, has the paths for operators; or
/// where it has them with this port. `program` is named in errors.
pub(super) fn reached(program: &str, port: Option<u16>, local_port: Option<u16>) -> HostUrl {
    let arguments = Arguments::of_variables(program);
    let address = match (port, arguments.admin_address) {
        (None, Some(address)) => HostAddress::Ip(address),
        _ => arguments.listening.reached(port, local_port),
    };
    HostUrl::of(arguments.listening.scheme(), &address)
}

/// Returns the options of a host that listens only at this file, to learn which functions the app has. Starts the log.
pub(super) fn options_for_listing(
    app: &Path,
    python: Option<PathBuf>,
    socket: &Path,
    python_module: &str,
) -> Result<Options> {
    options_without_events(Arguments::for_listing(app, python, socket), python_module)
}

fn options_without_events(arguments: Arguments, python_module: &str) -> Result<Options> {
    env_file::apply(&arguments.operations.env_file)?;
    crate::logging::init(arguments.log_format, &Selection::default());
    let (options, _) = options(arguments, None, python_module)?;
    Ok(Options {
        events: false,
        ..options
    })
}

/// Returns the options of the host, and a warning if no extension uses the app's connection string.
fn options(
    arguments: Arguments,
    inherited: Option<&Listen>,
    python_module: &str,
) -> Result<(Options, Option<String>)> {
    arguments.of_func.check()?;
    let (mut app, settings) = read_app(&arguments.app, arguments.functions.unwrap_or_default())?;
    crate::logging::set_host_levels(&app.host.log_levels, arguments.verbose);
    app.host.http.trusted_proxies = arguments.forwarded_allow_ips;
    app.host.http.cors = access::cors(&app, arguments.cors, arguments.cors_credentials);
    app.host.http.has_home = settings::has_home(&settings);
    app.host.http.access_log = arguments.access_log;
    let auth = arguments.enable_auth;
    let listen = arguments
        .listening
        .listen(inherited, app.settings.local_http_port);
    app.host.http.keys = access::keys(&app, &settings, auth, &listen.address())?;
    app.host.http.tls = arguments.listening.identity(&app.root)?;
    let scheme = scheme(app.host.http.tls.as_ref());
    app.host.http.admin = access::admin(&app, &settings, auth, scheme, arguments.admin_address)?;
    telemetry::dock(&mut app, &settings);
    let executable = std::env::current_exe().context("cannot find the funcdock binary")?;
    let binary_folder = executable.parent().unwrap_or(Path::new("/"));
    let chosen_module = std::env::var_os(python::MODULE_VARIABLE).filter(|value| !value.is_empty());

    let python_arguments = settings::python_arguments(&settings, arguments.language_worker)?;
    // A successor could not listen while its predecessor does.
    let has_debugger = python_arguments
        .iter()
        .any(|argument| argument.starts_with("--listen"));
    let options = Options {
        listen,
        workers: arguments
            .workers
            .map_or_else(|| settings::workers(&settings), Ok)?,
        python: arguments.python.or_else(|| settings::python(&settings)),
        python_arguments,
        module: python::find_module(chosen_module.as_deref(), python_module, binary_folder)?,
        install: !arguments.no_install,
        reload: !arguments.no_reload
            && arguments
                .reload
                .is_on_or(!has_debugger && std::io::stdout().is_terminal()),
        start_timeout: arguments.start_timeout,
        drain_timeout: arguments.drain_timeout,
        heartbeat_timeout: arguments.heartbeat_timeout,
        pid_file: arguments.operations.pid_file.clone(),
        limits: arguments.operations.limits(has_debugger),
        extensions_enabled: settings::extensions_enabled(&settings),
        extension_path: settings::extension_path(&settings, &app.root, binary_folder),
        threads: settings::threads(&settings),
        log_format: arguments.log_format,
        verbose: arguments.verbose,
        logs_calls: !arguments.quiet && arguments.log_calls.is_on_or(std::io::stderr().is_terminal()),
        debug_logs: settings::debug_logs(&settings),
        strict: arguments.strict,
        skip_post_on_exception: settings::skip_post_on_exception(&settings),
        uses_opentelemetry: settings::uses_opentelemetry(&settings),
        app,
        events: true,
        azurite: !arguments.no_azurite,
        settings,
    };
    settings::warn_of_problems(&options.settings);
    let unused_connection = telemetry::unused_connection(&options.settings);
    Ok((options, unused_connection))
}

/// Reads the app in `folder` with the functions that `--functions` names, and logs the warnings.
pub(super) fn read_app(folder: &Path, functions: Vec<String>) -> Result<(App, AppSettings)> {
    let Reading {
        app,
        settings,
        disabled,
        warnings,
    } = App::read(
        folder,
        &ReadOptions {
            functions,
            ..ReadOptions::from_env()
        },
    )?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if !disabled.is_empty() {
        tracing::info!("disabled functions: {}", disabled.join(", "));
    }
    Ok((app, settings))
}

fn report(progress: Progress<'_>, scheme: Scheme, route_prefix: &str, unused_connection: Option<&str>) {
    match progress {
        Progress::FirstReady { address, ready } => {
            tracing::debug!("the app runs on Python {}", ready.python);
            ready.extensions.iter().for_each(log_extension);
            let mut extensions = ready.extensions.iter();
            if let Some(warning) = unused_connection
                && !extensions.any(|extension| telemetry::uses_connection(&extension.name))
            {
                tracing::warn!("{warning}");
            }
            if ready.functions.is_empty() {
                tracing::warn!(
                    "the app has no functions: declare one in function_app.py, or in a folder with a function.json"
                );
            }
            match address {
                HostAddress::Unix(_) => tracing::info!("listening at {address}"),
                // No function's URL has it, and the host may have chosen the port.
                HostAddress::Ip(_) if ready.functions.iter().all(|function| function.route.is_none()) => {
                    tracing::info!("listening at {}://{}", scheme.as_str(), address.authority());
                }
                HostAddress::Ip(_) => {}
            }
            print_unread(&Listing {
                functions: &ready.functions,
                scheme,
                address,
                route_prefix,
            });
        }
        Progress::AllReady => print_unread(&"Worker process started and initialized.\n"),
        Progress::Statistics { worker, statistics } => tracing::debug!("worker {worker}: {statistics}"),
    }
}

fn log_extension(extension: &ExtensionListing) {
    let ExtensionListing {
        name,
        version,
        state,
        message,
    } = extension;
    let version = if version.is_empty() {
        String::new()
    } else {
        format!(" {version}")
    };
    match message {
        None => tracing::info!("extension {name}{version}: {state}"),
        // The worker has logged the reason.
        Some(_) => tracing::warn!("extension {name}{version}: {state}, the app runs without it"),
    }
}
