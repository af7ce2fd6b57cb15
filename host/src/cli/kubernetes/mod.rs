//! `funcdock kubernetes`: writes manifests for running an app on Kubernetes, scaled by KEDA.

mod connections;
mod documents;
mod functions;
mod manifests;
mod names;
mod output;
mod plan;
mod scaling;
mod variables;
mod workload;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use self::connections::Sources;
use self::functions::Functions;
use self::output::Output;
use self::plan::Plan;
use self::scaling::Scaling;
use self::variables::ContainerVariables;
use super::{settings, start};
use crate::control::Ready;
use crate::logging::print_error;
use crate::supervisor::{self, Options, Progress};
use crate::sys;

const EXAMPLES: &str = "\
Examples:
  funcdock kubernetes shop --image registry.example.org/shop:1 | kubectl apply -f -
  funcdock kubernetes shop --image registry.example.org/shop:1 --output deploy
  funcdock kubernetes shop --image registry.example.org/shop:1 --http-scaler --host shop.example.org

Starts the app for a moment, as funcdock run does, to learn its functions. Values of settings that may be secret are
not written: the manifests refer to a Secret, and a note says how to make it. Warnings and notes go to stderr.

The book's page on scaling out says what the manifests have, and why.";

/// Write manifests that run an app on Kubernetes, scaled by KEDA
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The app's folder: the one with host.json
    #[arg(value_name = "APP", default_value = ".")]
    app: PathBuf,

    /// The image that has the app and funcdock, such as registry.example.org/shop:1
    #[arg(long, value_name = "IMAGE", value_parser = image)]
    image: Option<String>,

    /// The name of all that the manifests make [default: that of the app's folder]
    #[arg(long, value_name = "NAME", value_parser = names::parse)]
    name: Option<String>,

    /// The namespace [default: the one that kubectl is set to]
    #[arg(long, value_name = "NAMESPACE", value_parser = names::parse_namespace)]
    namespace: Option<String>,

    /// The fewest pods [default: 0 if only queues start calls, else 1]
    #[arg(long, value_name = "N")]
    min_replicas: Option<u32>,

    /// The most pods
    #[arg(long, value_name = "N", default_value = "10", value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_replicas: u32,

    /// The port that the host listens at in its container
    // The container's user is not root.
    #[arg(long, value_name = "PORT", default_value = "8080", value_parser = clap::value_parser!(u16).range(1024..))]
    port: u16,

    /// The app's folder in the image
    #[arg(long, value_name = "PATH", default_value = "/home/site/wwwroot", value_parser = absolute)]
    app_path: String,

    /// Seconds that running calls get to finish when a pod ends
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    drain_timeout: u32,

    /// Scale by requests, with KEDA's HTTP add-on, which the cluster must have
    #[arg(long, requires = "host")]
    http_scaler: bool,

    /// The name in the URLs of the app, for --http-scaler; several options for several names
    #[arg(long, value_name = "NAME", requires = "http_scaler", value_parser = names::parse_host)]
    host: Vec<String>,

    /// Write a file for each manifest into this folder, instead of all to stdout
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,

    /// Overwrite the files of an earlier run
    #[arg(long, requires = "output")]
    force: bool,

    /// Python interpreter to load the app with: a path, or a name in PATH
    #[arg(long, env = "FUNCDOCK_PYTHON", value_name = "PATH")]
    python: Option<PathBuf>,
}

/// Writes the manifests.
pub(super) fn run(arguments: Arguments, python_module: &str) -> Result<ExitCode> {
    let Some(image) = &arguments.image else {
        bail!(
            "no image is given, and the manifests need one: build one with the app and funcdock, and name it, such as \
             --image registry.example.org/shop:1"
        );
    };
    if let Some(min) = arguments.min_replicas.filter(|min| *min > arguments.max_replicas) {
        bail!(
            "--min-replicas is {min}, which is more than the {} of --max-replicas; expected at most as many",
            arguments.max_replicas
        );
    }
    let output = Output::new(arguments.output.as_deref(), arguments.force)?;
    let (options, ready) = match load(&arguments, python_module)? {
        Ok(loaded) => loaded,
        Err(code) => return Ok(ExitCode::from(code)),
    };
    let folder = options.app.root.file_name().unwrap_or_default();
    let name = arguments
        .name
        .clone()
        .unwrap_or_else(|| names::of_folder(&folder.to_string_lossy()));
    let mut warnings = Vec::new();
    let functions = Functions::new(&ready, &options.app.host.http.route_prefix, &mut warnings)?;
    let sources = Sources::find(&ready.connections, &options.settings, &mut warnings)?;
    let variables = ContainerVariables::new(&options.app, &sources, &name, &mut warnings);
    let scaling = Scaling::new(
        &name,
        &arguments,
        &functions,
        &sources,
        &options.app.host,
        &mut warnings,
    )?;
    let keys = settings::secrets_folder(&options.settings, &options.app.root);
    let plan = Plan {
        name: &name,
        namespace: arguments.namespace.as_deref(),
        image,
        arguments: &arguments,
        functions: &functions,
        sources: &sources,
        variables: &variables,
        scaling: &scaling,
        // As the user has named the app: others read the manifests, too.
        secrets_folder: &match keys.strip_prefix(&options.app.root) {
            Ok(below) => arguments.app.join(below),
            Err(_) => keys,
        },
    };
    output.write(&plan.documents())?;
    for warning in &warnings {
        print_error(&format_args!("warning: {warning}"));
    }
    for note in plan.notes() {
        print_error(&format_args!("note: {note}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads the app in a worker. Returns the options of its host, and what it serves; the exit code if a signal ended it.
fn load(arguments: &Arguments, python_module: &str) -> Result<Result<(Options, Ready), u8>> {
    // Nobody else reaches a socket in a folder of our own.
    let folder = super::private_folder()?;
    let socket = folder.path().join("host.sock");
    let options =
        start::options_for_listing(&arguments.app, arguments.python.clone(), &socket, python_module)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop of the host")?;
    let (sender, is_ready) = tokio::sync::oneshot::channel();
    let (mut sender, mut served) = (Some(sender), None);
    let stopped = runtime.block_on(supervisor::run(
        options.clone(),
        || Err("the host ends when the app is loaded".to_owned()),
        |progress| {
            if let Progress::FirstReady { ready, .. } = progress {
                served = Some(ready.clone());
                // Its receiver waits until the host has ended.
                let _ = sender.take().map(|sender| sender.send(()));
            }
        },
        async {
            // The sender is dropped after the host has ended.
            let _ = is_ready.await;
        },
    ));
    sys::restore_signals();
    let code = stopped?.exit_code();
    Ok(match served {
        Some(served) if code == 0 => Ok((options, served)),
        _ => Err(code.max(1)),
    })
}

fn image(value: &str) -> Result<String, String> {
    if value.is_empty() || value.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("expected the name of an image, such as registry.example.org/shop:1".to_owned());
    }
    Ok(value.to_owned())
}

fn absolute(value: &str) -> Result<String, String> {
    if !Path::new(value).is_absolute() || value.contains(char::is_control) {
        return Err("expected an absolute path, such as /home/site/wwwroot".to_owned());
    }
    // A file system has one root, and a mount needs a folder.
    match value.trim_end_matches('/') {
        "" => Err("expected a folder below /, such as /home/site/wwwroot".to_owned()),
        path => Ok(path.to_owned()),
    }
}
