//! `funcdock run`: starts a host for one call of one function, and prints what it returns.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use serde_json::json;
use tokio::sync::oneshot;

use super::client::Client;
use super::{print_for_programs, start};
use crate::supervisor::{self, Progress};
use crate::sys;

const EXAMPLES: &str = "\
Examples:
  funcdock run Hello                                  Call a function of the app in this folder
  funcdock run Hello --input '{\"name\": \"Ada\"}'        With this as the request's body
  funcdock run Nightly --app shop                     Call a function for a timer, as if its time had come
  funcdock run Orders --input-file order.json         With what is in a file; - is stdin

What the function returns is printed to stdout, its log to stderr. The exit status is 1 if it raises or answers with an
error.";

/// Call one function, without a host that runs already
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The function's name
    #[arg(value_name = "NAME")]
    name: String,

    /// What the function gets from its trigger: the body of a request, the text of a message
    #[arg(long, short, value_name = "TEXT", conflicts_with = "input_file")]
    input: Option<String>,

    /// The same, from a file; - is stdin
    #[arg(long, value_name = "FILE")]
    input_file: Option<PathBuf>,

    /// The app's folder: the one with host.json
    #[arg(long, value_name = "APP", default_value = ".")]
    app: PathBuf,
}

/// Calls the function; the exit code says whether that went well.
pub(super) fn run(arguments: Arguments, python_module: &str) -> Result<ExitCode> {
    let Arguments {
        name,
        input,
        input_file,
        app,
    } = arguments;
    let input = match input_file {
        Some(file) => Some(read(&file)?),
        None => input,
    };
    // Nobody else reaches a socket in a folder of our own.
    let folder = super::private_folder()?;
    let socket = folder.path().join("host.sock");
    let options = start::options_for_one_call(&app, &name, &socket, python_module)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the event loop of the host")?;
    let (stopped, called) = runtime.block_on(async {
        let (ready, is_ready) = oneshot::channel();
        let mut ready = Some(ready);
        let (ended, has_ended) = oneshot::channel::<()>();
        let host = supervisor::run(
            options,
            || Err("the host ends with the call".to_owned()),
            // It owns the sender: the receiver learns of the end of a host that was never ready.
            move |progress| {
                if let Progress::FirstReady { .. } = progress
                    && let Some(ready) = ready.take()
                {
                    // Its receiver waits until the host has ended.
                    let _ = ready.send(());
                }
            },
            async {
                // The sender is dropped when the call has ended.
                let _ = has_ended.await;
            },
        );
        let call = async {
            let called = match is_ready.await {
                Ok(()) => Some(call(&socket, &name, input.as_deref()).await),
                // The host has ended, and says why.
                Err(_) => None,
            };
            drop(ended);
            called
        };
        tokio::join!(host, call)
    });
    // From here on a signal ends the program: whoever reads stdout may take long.
    sys::restore_signals();
    let code = stopped?.exit_code();
    let answer = match called {
        Some(answer) if code == 0 => answer?,
        _ => return Ok(ExitCode::from(code.max(1))),
    };
    print_for_programs(&answer.body);
    if answer.status.is_client_error() || answer.status.is_server_error() {
        tracing::error!("function {name} has answered with {}", answer.status);
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn read(file: &Path) -> Result<String> {
    let mut text = String::new();
    let read = match file.to_str() {
        Some("-") => std::io::stdin().read_to_string(&mut text).map(drop),
        _ => std::fs::read_to_string(file).map(|content| text = content),
    };
    read.with_context(|| format!("cannot read the input from {}", file.display()))?;
    Ok(text)
}

/// What a function has answered.
struct Answer {
    status: StatusCode,
    body: Bytes,
}

/// Has the host call the function.
async fn call(socket: &Path, name: &str, input: Option<&str>) -> Result<Answer> {
    let body = json!({ "input": input, "wait": true }).to_string();
    let request = Request::post(format!("/admin/functions/{name}"))
        .body(Full::new(Bytes::from(body)))
        .context("not a function's name")?;
    let response = Client::at_socket(socket).send(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await;
    let body = body.map_err(|_| anyhow!("the host did not answer; its log says why"))?;
    Ok(Answer {
        status,
        body: body.to_bytes(),
    })
}
