//! `funcdock start`: serves an app until a signal stops the host.

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::access::{self, Auth};
use super::listing::Listing;
use super::{settings, telemetry};
use crate::app::{App, AppSettings, BOOLEAN, ReadOptions, Reading, parse_boolean};
use crate::control::ExtensionListing;
use crate::launch::python;
use crate::logging::{Format, Selection, print_unread};
use crate::model::{Origins, TrustedProxies};
use crate::supervisor::{self, Options, Progress};

const DEFAULT_PORT: u16 = 7071;

const EXAMPLES: &str = "\
Examples:
  funcdock start                             Serve the app in this folder at http://localhost:7071
  funcdock start my-app --port 0             Serve another one, at a free port
  funcdock start --workers 4                 With four worker processes
  funcdock start --functions Hello Goodbye   Only these two functions
  funcdock start --python python3.12         With an interpreter from PATH

The interpreter is --python, else the app's .venv, else $VIRTUAL_ENV, else python3. An app that has a
requirements.txt and none of the first three gets a .venv made, with its requirements installed.

Ctrl-C lets running calls finish; a second one does not. SIGHUP reads the app again and replaces the workers, one after
the other, without losing a request.";

/// Serve a function app
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The app's folder: the one with host.json
    #[arg(value_name = "APP", default_value = ".")]
    app: PathBuf,

    /// Port to listen on; 0 picks a free one [default: LocalHttpPort of local.settings.json, or 7071]
    #[arg(long, short, env = "FUNCDOCK_PORT", value_parser = port)]
    port: Option<u16>,

    /// IP address to listen on; 0.0.0.0 is every address of this machine
    #[arg(long, env = "FUNCDOCK_ADDRESS", default_value = "127.0.0.1", value_parser = address)]
    address: IpAddr,

    /// Let in only requests that bring a key [default: if the address is not one of this machine alone]
    #[arg(
        long,
        alias = "enableAuth",
        env = "FUNCDOCK_ENABLE_AUTH",
        value_name = "BOOLEAN",
        num_args = 0..=1,
        require_equals = true,
        default_value = "",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = auth
    )]
    enable_auth: Auth,

    /// Origins whose web pages may read responses, separated by commas; * is all [default: Host.CORS of local.settings.json]
    #[arg(long, env = "FUNCDOCK_CORS", value_name = "ORIGINS")]
    cors: Option<Origins>,

    /// Let requests of these pages have cookies and other credentials
    #[arg(long, env = "FUNCDOCK_CORS_CREDENTIALS", value_parser = boolean)]
    cors_credentials: bool,

    /// Worker processes, 1 to 10 [env: FUNCTIONS_WORKER_PROCESS_COUNT] [default: 1]
    // Not clap's `env`: local.settings.json may have the setting too.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10))]
    workers: Option<u32>,

    /// Proxies whose X-Forwarded-For, -Proto and -Host count: IP addresses and networks, separated by commas; * is everybody
    #[arg(
        long,
        env = "FUNCDOCK_FORWARDED_ALLOW_IPS",
        value_name = "IPS",
        default_value = "127.0.0.1,::1"
    )]
    forwarded_allow_ips: TrustedProxies,

    /// Python interpreter to run the app with: a path, or a name in PATH
    #[arg(long, env = "FUNCDOCK_PYTHON", value_name = "PATH")]
    python: Option<PathBuf>,

    /// Arguments of the interpreter, such as "-m debugpy --listen 9091" [default: languageWorkers__python__arguments]
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    language_worker: Option<String>,

    /// Load only these functions (separated by spaces, or by commas in the variable)
    #[arg(long, env = "FUNCDOCK_FUNCTIONS", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    functions: Option<Vec<String>>,

    /// Stop when a function cannot be loaded, instead of answering its calls with an error
    #[arg(long, env = "FUNCDOCK_STRICT", value_parser = boolean)]
    strict: bool,

    /// Read the app again when one of its files changes [default: on a terminal]
    #[arg(long, env = "FUNCDOCK_RELOAD", value_parser = boolean, overrides_with = "no_reload")]
    reload: bool,

    /// Do not read the app again when one of its files changes
    #[arg(long)]
    no_reload: bool,

    /// Never make a .venv or install requirements
    #[arg(long, env = "FUNCDOCK_NO_INSTALL", value_parser = boolean)]
    no_install: bool,

    /// Seconds until a worker must be ready
    #[arg(long, short = 't', alias = "timeout", env = "FUNCDOCK_START_TIMEOUT", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    start_timeout: Duration,

    /// Seconds that running calls get to finish when the host stops, or replaces a worker
    #[arg(long, env = "FUNCDOCK_DRAIN_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    drain_timeout: Duration,

    /// Seconds without a sign of life after which a worker is killed and started again
    #[arg(long, env = "FUNCDOCK_HEARTBEAT_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    heartbeat_timeout: Duration,

    /// Format of the log on stderr
    #[arg(
        long,
        env = "FUNCDOCK_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    log_format: Format,

    #[command(flatten)]
    of_func: OfFunc,

    /// Log in detail, and show the output of pip
    #[arg(long, short, env = "FUNCDOCK_VERBOSE", value_parser = boolean)]
    verbose: bool,
}

/// Options of `func` that need nothing here, or cannot be had.
#[derive(Debug, Clone, clap::Args)]
struct OfFunc {
    /// There is nothing to build.
    #[arg(long, hide = true)]
    no_build: bool,
    #[arg(long = "useHttps", hide = true)]
    use_https: bool,
    #[arg(long, hide = true)]
    cert: Option<String>,
    #[arg(long, hide = true)]
    password: Option<String>,
    #[arg(long = "dotnet-isolated-debug", hide = true)]
    dotnet_isolated_debug: bool,
    #[arg(long = "enable-json-output", hide = true)]
    enable_json_output: bool,
    #[arg(long = "json-output-file", hide = true)]
    json_output_file: Option<String>,
    #[arg(long = "user-secrets", hide = true)]
    user_secrets: bool,
}

impl OfFunc {
    /// Returns an error for an option that cannot be had.
    fn check(&self) -> Result<()> {
        const TLS: &str = "TLS is not served yet; put a proxy such as nginx or Caddy in front, and see --forwarded-allow-ips";
        for (is_given, option, instead) in [
            (self.use_https, "--useHttps", TLS),
            (self.cert.is_some(), "--cert", TLS),
            (self.password.is_some(), "--password", TLS),
            (
                self.dotnet_isolated_debug,
                "--dotnet-isolated-debug",
                "functions run in Python; see --language-worker",
            ),
            (
                self.enable_json_output,
                "--enable-json-output",
                "write --log-format json",
            ),
            (
                self.json_output_file.is_some(),
                "--json-output-file",
                "write --log-format json 2> FILE",
            ),
            (
                self.user_secrets,
                "--user-secrets",
                "write them to Values of local.settings.json",
            ),
        ] {
            if is_given {
                bail!("{option} cannot be had: {instead}");
            }
        }
        Ok(())
    }
}

/// Parses the variable of a flag, by the table of booleans that app settings have.
fn boolean(text: &str) -> Result<bool, String> {
    // A variable that is set to nothing is as good as none.
    match text.trim() {
        "" => Ok(false),
        text => parse_boolean(text).ok_or_else(|| format!("expected {BOOLEAN}")),
    }
}

fn auth(text: &str) -> Result<Auth, String> {
    match text.trim() {
        "" => Ok(Auth::ByAddress),
        text => boolean(text).map(|is_on| if is_on { Auth::On } else { Auth::Off }),
    }
}

/// Serves the app; returns when it has stopped.
pub(super) fn run(arguments: Arguments, python_module: &str) -> Result<ExitCode> {
    let format = arguments.log_format;
    let selection = Selection {
        verbose: arguments.verbose,
        ..Selection::default()
    };
    crate::logging::init(format, &selection);
    serve(arguments, python_module).or_else(|error| match format {
        Format::Text => Err(error),
        Format::Json => {
            tracing::error!("{error:#}");
            Ok(ExitCode::FAILURE)
        }
    })
}

fn serve(arguments: Arguments, python_module: &str) -> Result<ExitCode> {
    let module = python_module.to_owned();
    let again = arguments.clone();
    let reread = move || match options(again.clone(), &module) {
        Ok((options, _)) => Ok(options),
        Err(error) => Err(format!("{error:#}")),
    };
    let (options, unused_connection) = options(arguments, python_module)?;
    let route_prefix = options.app.host.http.route_prefix.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop of the host")?;
    let stopped = runtime.block_on(supervisor::run(options, reread, |progress| {
        report(progress, &route_prefix, unused_connection.as_deref())
    }))?;
    Ok(ExitCode::from(stopped.exit_code()))
}

/// Returns the options of the host, and a warning if no extension uses the app's connection string.
fn options(arguments: Arguments, python_module: &str) -> Result<(Options, Option<String>)> {
    arguments.of_func.check()?;
    let (mut app, settings) = read_app(&arguments.app, arguments.functions.unwrap_or_default())?;
    crate::logging::set_host_levels(&app.host.log_levels, arguments.verbose);
    app.host.http.trusted_proxies = arguments.forwarded_allow_ips;
    app.host.http.cors = access::cors(&app, arguments.cors, arguments.cors_credentials);
    app.host.http.has_home = settings::has_home(&settings);
    app.host.http.keys = access::keys(&app, &settings, arguments.enable_auth, arguments.address)?;
    telemetry::dock(&mut app, &settings);
    let executable = std::env::current_exe().context("cannot find the funcdock binary")?;
    let binary_folder = executable.parent().unwrap_or(Path::new("/"));
    let chosen_module = std::env::var_os(python::MODULE_VARIABLE).filter(|value| !value.is_empty());

    let port = arguments
        .port
        .or(app.settings.local_http_port)
        .unwrap_or(DEFAULT_PORT);
    let options = Options {
        address: SocketAddr::new(arguments.address, port),
        workers: arguments
            .workers
            .map_or_else(|| settings::workers(&settings), Ok)?,
        python: arguments.python.or_else(|| settings::python(&settings)),
        python_arguments: settings::python_arguments(&settings, arguments.language_worker)?,
        module: python::find_module(chosen_module.as_deref(), python_module, binary_folder)?,
        install: !arguments.no_install,
        reload: arguments.reload || (!arguments.no_reload && std::io::stdout().is_terminal()),
        start_timeout: arguments.start_timeout,
        drain_timeout: arguments.drain_timeout,
        heartbeat_timeout: arguments.heartbeat_timeout,
        extensions_enabled: settings::extensions_enabled(&settings),
        extension_path: settings::extension_path(&settings, &app.root, binary_folder),
        threads: settings::threads(&settings),
        log_format: arguments.log_format,
        verbose: arguments.verbose,
        debug_logs: settings::debug_logs(&settings),
        strict: arguments.strict,
        skip_post_on_exception: settings::skip_post_on_exception(&settings),
        app,
    };
    settings::warn_of_problems(&settings);
    Ok((options, telemetry::unused_connection(&settings)))
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

fn report(progress: Progress<'_>, route_prefix: &str, unused_connection: Option<&str>) {
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
            print_unread(&Listing {
                functions: &ready.functions,
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

fn port(value: &str) -> Result<u16, String> {
    value
        .parse()
        .map_err(|_| "expected a number from 0 to 65535, from --port or FUNCDOCK_PORT".into())
}

fn address(value: &str) -> Result<IpAddr, String> {
    match value {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        _ => value.parse().map_err(|_| {
            "expected an IP address such as 127.0.0.1 or ::1, from --address or FUNCDOCK_ADDRESS".into()
        }),
    }
}

pub(super) fn seconds(value: &str) -> Result<Duration, String> {
    // The limit of a year keeps sums with the clock in range.
    match value.parse::<f64>() {
        Ok(number) if (0.0..=365.0 * 86_400.0).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => Err("expected a number of seconds, such as 30 or 0.5".into()),
    }
}
