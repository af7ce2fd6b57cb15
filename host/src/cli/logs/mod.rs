//! `funcdock logs`: shows and follows the log of a host that runs.

mod source;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use super::client::{Client, HostUrl};
use super::{settings, start};
use crate::app::{AppSettings, LocalSettings};
use crate::keys::KeyFolder;
use crate::logging::Level;
use crate::tls;
use source::Source;

const EXAMPLES: &str = "\
Examples:
  funcdock logs                                What the host of the app in this folder has logged last
  funcdock logs -f                             And what it logs from now on, until Ctrl-C
  funcdock logs -f --lines 20 --level warning  The last 20 warnings and errors, and those to come
  funcdock logs shop --function Hello          What the function Hello of another app has logged and printed
  funcdock logs --url https://shop.example     Of a host on another machine

The host is looked for where `funcdock start` listens with the same variables and local.settings.json: at
--admin-address if there is one, or else at port 7071. If requests need keys, this one needs the master key: from
FUNCDOCK_MASTER_KEY, or from the app's .funcdock/secrets if the host is on this machine.

The exit status is 0 when a host that was followed has stopped, and 1 when the connection has broken.";

/// Show and follow the log of a host that runs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The folder of the app that the host serves [default: this folder, if it has an app]
    #[arg(value_name = "APP")]
    app: Option<PathBuf>,

    /// Go on with new records until the host stops
    #[arg(long, short)]
    follow: bool,

    /// Begin with this many records of the past [default: all that the host has kept]
    #[arg(long, short = 'n', alias = "tail", value_name = "N")]
    lines: Option<usize>,

    /// Show only records of this level and above: trace, debug, information, warning, error or critical
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    level: Option<Level>,

    /// Show only what this function has logged and printed, and what the host says about it
    #[arg(long, value_name = "NAME")]
    function: Option<String>,

    /// Where the host is: http://HOST:PORT, https://HOST:PORT, or unix:FILE [default: where the app's is]
    #[arg(long, value_name = "URL", value_parser = HostUrl::parse)]
    url: Option<HostUrl>,

    /// The port of a host on this machine [default: that of funcdock start]
    #[arg(long, short, value_name = "PORT", conflicts_with = "url")]
    port: Option<u16>,

    /// The host's master key, if requests need keys; better in the variable, as others can see arguments
    #[arg(long, env = "FUNCDOCK_MASTER_KEY", value_name = "KEY", hide_env_values = true)]
    master_key: Option<String>,

    /// Trust this certificate of the host, in a PEM file [default: .funcdock/https/localhost.pem of the app, if it is there]
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
}

fn level(text: &str) -> Result<Level, String> {
    Level::by_name(text).ok_or_else(|| format!("expected {}", Level::EXPECTED))
}

/// Shows the log; the exit code says whether the host was there to the end.
pub(super) fn run(arguments: Arguments) -> Result<ExitCode> {
    let source = source(arguments)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start an event loop")?;
    runtime.block_on(source.show())?;
    Ok(ExitCode::SUCCESS)
}

/// Returns where the log is, and what is wanted of it.
fn source(arguments: Arguments) -> Result<Source> {
    let Arguments {
        app,
        follow,
        lines,
        level,
        function,
        url,
        port,
        master_key,
        cacert,
    } = arguments;
    let settings = AppSettingsOfFolder::read(app.as_deref())?;
    let app = app.unwrap_or_else(|| PathBuf::from("."));
    let (url, advice) = match url {
        Some(url) => (url, "see that it runs, and that the address of --url is right"),
        None => (
            start::reached("funcdock logs", port, settings.local_port),
            "start it with funcdock start; if it listens elsewhere, name the place with --port or --url",
        ),
    };
    let own_keys = url.is_local().then(|| settings.keys(&app));
    let own_certificate = app.join(".funcdock/https/localhost.pem");
    let trusted: Vec<_> = match cacert {
        Some(file) => vec![file],
        None if own_certificate.exists() => vec![own_certificate],
        None => Vec::new(),
    };
    Ok(Source {
        client: Client::new(url, || tls::client_config(&trusted))?,
        advice,
        key: master_key.filter(|key| !key.is_empty()),
        own_keys,
        follow,
        lines,
        level,
        function,
    })
}

/// The settings of the app in a folder.
struct AppSettingsOfFolder {
    settings: AppSettings,
    local_port: Option<u16>,
}

impl AppSettingsOfFolder {
    /// Reads them. Without a folder, that is the working directory, which may be any.
    fn read(app: Option<&Path>) -> Result<Self> {
        let read = match app {
            Some(folder) => LocalSettings::read(folder)?,
            None if Path::new("host.json").exists() => LocalSettings::read(Path::new("."))?,
            None => None,
        };
        let local = read.map(|(settings, _)| settings).unwrap_or_default();
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let variables: std::collections::BTreeMap<_, _> = variables.collect();
        Ok(AppSettingsOfFolder {
            settings: AppSettings::new(&local.values, &variables),
            local_port: local.local_http_port,
        })
    }

    fn keys(&self, app: &Path) -> KeyFolder {
        KeyFolder::new(settings::secrets_folder(&self.settings, app))
    }
}
