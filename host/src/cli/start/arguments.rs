//! The options of `funcdock start`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};

use super::listening::Listening;
use super::of_func::OfFunc;
use super::operations::Operations;
use super::values::seconds;
use crate::cli::settings::{EXPECTED_WORKERS, parse_workers};
use crate::cli::switch::{Switch, boolean, parse_switch};
use crate::cli::variables;
use crate::logging::{AccessLogFormat, Format};
use crate::model::{Origins, TrustedProxies};

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
pub(in crate::cli) struct Arguments {
    /// The app's folder: the one with host.json
    #[arg(value_name = "APP", default_value = ".")]
    pub(super) app: PathBuf,

    #[command(flatten)]
    pub(super) listening: Listening,

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
        value_parser = parse_switch
    )]
    pub(super) enable_auth: Switch,

    /// An address for operators alone, such as 127.0.0.1:7072: /admin and /metrics are there, and not at the other address
    #[arg(long, env = "FUNCDOCK_ADMIN_ADDRESS", value_name = "IP:PORT", value_parser = admin_address)]
    pub(super) admin_address: Option<SocketAddr>,

    /// Origins whose web pages may read responses, separated by commas; * is all [default: Host.CORS of local.settings.json]
    #[arg(long, env = "FUNCDOCK_CORS", value_name = "ORIGINS")]
    pub(super) cors: Option<Origins>,

    /// Let requests of these pages have cookies and other credentials [default: Host.CORSCredentials]
    #[arg(
        long,
        env = "FUNCDOCK_CORS_CREDENTIALS",
        value_name = "BOOLEAN",
        num_args = 0..=1,
        require_equals = true,
        default_value = "",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = parse_switch
    )]
    pub(super) cors_credentials: Switch,

    /// Worker processes, 1 to 10; auto is one for each core of the machine, at most 10 [env: FUNCTIONS_WORKER_PROCESS_COUNT] [default: 1]
    // Not clap's `env`: local.settings.json may have the setting too.
    #[arg(long, value_name = "N", value_parser = workers)]
    pub(super) workers: Option<u32>,

    /// Proxies whose X-Forwarded-For, -Proto and -Host count: IP addresses and networks, separated by commas; * is everybody
    #[arg(
        long,
        env = "FUNCDOCK_FORWARDED_ALLOW_IPS",
        value_name = "IPS",
        default_value = "127.0.0.1,::1"
    )]
    pub(super) forwarded_allow_ips: TrustedProxies,

    /// Python interpreter to run the app with: a path, or a name in PATH
    #[arg(long, env = "FUNCDOCK_PYTHON", value_name = "PATH")]
    pub(super) python: Option<PathBuf>,

    /// Arguments of the interpreter, such as "-m debugpy --listen 9091" [default: languageWorkers__python__arguments]
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    pub(super) language_worker: Option<String>,

    /// Load only these functions (separated by spaces, or by commas in the variable)
    #[arg(long, env = "FUNCDOCK_FUNCTIONS", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub(super) functions: Option<Vec<String>>,

    /// Stop when a function cannot be loaded, instead of answering its calls with an error
    #[arg(long, env = "FUNCDOCK_STRICT", value_parser = boolean)]
    pub(super) strict: bool,

    /// Read the app again when one of its files changes [default: on a terminal]
    #[arg(
        long,
        env = "FUNCDOCK_RELOAD",
        value_name = "BOOLEAN",
        num_args = 0..=1,
        require_equals = true,
        default_value = "",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = parse_switch,
        overrides_with = "no_reload"
    )]
    pub(super) reload: Switch,

    /// Do not read the app again when one of its files changes
    #[arg(long)]
    pub(super) no_reload: bool,

    /// Never make a .venv or install requirements
    #[arg(long, env = "FUNCDOCK_NO_INSTALL", value_parser = boolean)]
    pub(super) no_install: bool,

    /// Never start Azurite, the storage emulator, for an app with UseDevelopmentStorage=true
    #[arg(long, env = "FUNCDOCK_NO_AZURITE", value_parser = boolean)]
    pub(super) no_azurite: bool,

    /// Seconds until a worker must be ready
    #[arg(long, short = 't', alias = "timeout", env = "FUNCDOCK_START_TIMEOUT", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub(super) start_timeout: Duration,

    /// Seconds that running calls get to finish when the host stops, or replaces a worker
    #[arg(long, env = "FUNCDOCK_DRAIN_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(super) drain_timeout: Duration,

    /// Seconds without a sign of life after which a worker is killed and started again
    #[arg(long, env = "FUNCDOCK_HEARTBEAT_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(super) heartbeat_timeout: Duration,

    #[command(flatten)]
    pub(super) operations: Operations,

    /// Format of the log on stderr
    #[arg(
        long,
        env = "FUNCDOCK_LOG_FORMAT",
        value_name = "FORMAT",
        value_enum,
        default_value_t
    )]
    pub(super) log_format: Format,

    /// Log the beginning and the end of each call [default: on a terminal]
    #[arg(
        long,
        env = "FUNCDOCK_LOG_CALLS",
        value_name = "BOOLEAN",
        num_args = 0..=1,
        require_equals = true,
        default_value = "",
        default_missing_value = "true",
        hide_default_value = true,
        value_parser = parse_switch,
        overrides_with = "quiet"
    )]
    pub(super) log_calls: Switch,

    /// Do not log the beginning and the end of each call
    #[arg(long, short)]
    pub(super) quiet: bool,

    /// Write a line to stdout for each request [default: none]
    #[arg(
        long,
        env = "FUNCDOCK_ACCESS_LOG",
        value_name = "FORMAT",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "common"
    )]
    pub(super) access_log: Option<AccessLogFormat>,

    #[command(flatten)]
    pub(super) of_func: OfFunc,

    /// Log in detail, and show the output of pip
    #[arg(long, short, env = "FUNCDOCK_VERBOSE", value_parser = boolean)]
    pub(super) verbose: bool,
}

/// The arguments alone, with the variables that have them.
#[derive(Debug, clap::Parser)]
struct Program {
    #[command(flatten)]
    arguments: Arguments,
}

impl Arguments {
    /// Returns the arguments of a host that listens only at this file, for one call of one function. Variables count as for
    /// any host, but not those about who reaches it, and how often it starts.
    pub(super) fn for_one_call(app: &Path, function: &str, socket: &Path) -> Self {
        Arguments {
            functions: Some(vec![function.to_owned()]),
            // What cannot be loaded cannot be called.
            strict: true,
            ..Arguments::at_file("funcdock run", app, socket)
        }
    }

    /// Returns the arguments of a host that listens only at this file, to learn which functions the app has: as
    /// [`for_one_call`](Self::for_one_call), with all functions.
    pub(super) fn for_listing(app: &Path, python: Option<PathBuf>, socket: &Path) -> Self {
        let arguments = Arguments::at_file("funcdock kubernetes", app, socket);
        Arguments {
            python: python.or(arguments.python),
            strict: false,
            ..arguments
        }
    }

    /// Returns what the variables of this process say.
    pub(super) fn of_variables(program: &str) -> Self {
        let parsed = Program::try_parse_from([program]);
        let Program { arguments } =
            parsed.unwrap_or_else(|error| variables::named(error, &Program::command(), &[]).exit());
        arguments
    }

    fn at_file(program: &str, app: &Path, socket: &Path) -> Self {
        let arguments = Arguments::of_variables(program);
        Arguments {
            app: app.to_owned(),
            listening: Listening::at_file(socket),
            enable_auth: Switch::Off,
            admin_address: None,
            cors: None,
            workers: Some(1),
            no_reload: true,
            quiet: true,
            access_log: None,
            operations: arguments.operations.without_pid_file(),
            ..arguments
        }
    }
}

fn admin_address(value: &str) -> Result<SocketAddr, String> {
    let local = value
        .strip_prefix("localhost:")
        .map(|port| format!("127.0.0.1:{port}"));
    let parsed = local.as_deref().unwrap_or(value).parse();
    parsed
        .ok()
        .filter(|address: &SocketAddr| address.port() != 0)
        .ok_or_else(|| "expected an IP address and a port, such as 127.0.0.1:7072".into())
}

fn workers(value: &str) -> Result<u32, String> {
    parse_workers(value).ok_or_else(|| EXPECTED_WORKERS.into())
}
