//! The worker's HTTP service: its threads, its functions at their routes, and its end.

use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use http::Method;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::WorkerConfig;
use crate::invocation::{Completions, LoadedFunction, Pipeline};
use crate::runner::FunctionRunner;
use crate::triggers::http::route::RouteTemplate;
use crate::triggers::http::{Admin, Endpoint, Front, Limits, serve};

/// What calls get to end in when they are cancelled. Small: a synchronous function cannot be, and uses all of it up.
const CANCEL_GRACE: Duration = Duration::from_millis(250);

/// Serves HTTP on a thread of its own.
pub(super) struct HttpService {
    thread: JoinHandle<bool>,
    drain: oneshot::Sender<Duration>,
}

impl HttpService {
    /// Starts to serve.
    pub(super) fn start(
        config: &WorkerConfig,
        functions: Vec<Arc<LoadedFunction>>,
        runner: Arc<dyn FunctionRunner>,
        completions: Arc<Completions>,
        listener: TcpListener,
        admin: Arc<dyn Admin>,
    ) -> Result<Self, String> {
        let host = &config.app.host;
        let in_flight = TaskTracker::new();
        let limits = Limits {
            body: host.http.max_request_body_size,
            pause: host.http.client_timeout,
            concurrent: host.http.max_concurrent_requests,
            outstanding: host.http.max_outstanding_requests,
        };
        let front = Arc::new(Front::new(
            &host.http.route_prefix,
            endpoints(config, functions)?,
            Pipeline::new(Arc::clone(&runner), host.function_timeout, in_flight.clone()),
            limits,
            host.http.custom_headers.clone(),
            admin,
        ));
        // One thread: it outruns the GIL, and tasks that stay on one thread wake each other for nothing.
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no event loop to serve on: {error}"))?;
        let listener = {
            let _runtime = runtime.enter();
            tokio::net::TcpListener::from_std(listener)
                .map_err(|error| format!("the listening socket: {error}"))?
        };
        let (drain, drained) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || {
                let in_time = runtime.block_on(run(listener, front, runner, completions, in_flight, drained));
                // A flush that blocks must not cost the others their shutdown.
                runtime.shutdown_background();
                in_time
            });
        let thread = thread.map_err(|error| format!("no thread to serve on: {error}"))?;
        Ok(HttpService { thread, drain })
    }

    /// Accepts no more, and waits for connections and calls to end; those that have not by the deadline are
    /// given up: cancelled where the language can, and their post hooks run with the outcome `Cancelled`. Returns
    /// whether all ended in time.
    pub(super) fn drain(self, deadline: Duration) -> bool {
        // Sending fails only when the thread has panicked, and has said so.
        let _ = self.drain.send(deadline);
        self.thread.join().unwrap_or(false)
    }
}

/// Serves until told to drain, and drains; returns whether all ended in time. What is left then is dropped with
/// the runtime, which runs its post hooks; a thread of a function that goes on is not waited for.
async fn run(
    listener: tokio::net::TcpListener,
    front: Arc<Front>,
    runner: Arc<dyn FunctionRunner>,
    completions: Arc<Completions>,
    in_flight: TaskTracker,
    drained: oneshot::Receiver<Duration>,
) -> bool {
    let drain = CancellationToken::new();
    tokio::spawn(async move { completions.deliver().await });
    tokio::spawn({
        let front = Arc::clone(&front);
        async move { front.pipeline().flush_each_turn().await }
    });
    in_flight.spawn(serve(listener, front, in_flight.clone(), drain.clone()));
    let deadline = drained.await.unwrap_or_default();
    drain.cancel();
    in_flight.close();
    let ended = tokio::time::timeout(deadline, in_flight.wait()).await.is_ok();
    if !ended {
        tracing::warn!("the time to finish is over; what still runs is given up (see --drain-timeout)");
        runner.cancel();
        // What has not ended by then is dropped with the runtime.
        let _ = tokio::time::timeout(CANCEL_GRACE, in_flight.wait()).await;
    }
    ended
}

fn endpoints(config: &WorkerConfig, functions: Vec<Arc<LoadedFunction>>) -> Result<Vec<Endpoint>, String> {
    let mut endpoints = Vec::with_capacity(functions.len());
    for (declared, function) in config.app.functions.iter().zip(functions) {
        let Some(trigger) = declared.trigger().and_then(|trigger| trigger.http.as_ref()) else {
            let kind = &function.info.trigger;
            tracing::warn!(
                "function {:?} is never called: {kind} is not supported yet",
                declared.name
            );
            continue;
        };
        let route = RouteTemplate::parse(&trigger.route)
            .map_err(|error| format!("the route of function {:?}: {error}", declared.name))?;
        let methods: Result<_, _> = trigger
            .methods
            .iter()
            .map(|name| Method::from_bytes(name.as_bytes()))
            .collect();
        let methods =
            methods.map_err(|error| format!("the methods of function {:?}: {error}", declared.name))?;
        endpoints.push(Endpoint {
            route,
            methods,
            function,
        });
    }
    Ok(endpoints)
}
