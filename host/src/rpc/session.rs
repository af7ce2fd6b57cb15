//! The conversation with the host: one message after the other, on a thread of its own.

mod app;
mod environment;

use std::sync::mpsc as blocking;
use std::time::Duration;

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::{
    CloseSharedMemoryResourcesRequest, CloseSharedMemoryResourcesResponse, InvocationRequest,
    InvocationResponse, StartStream, StreamingMessage, WorkerStatusResponse, WorkerTerminate,
};
use funcdock_rpc::{Connection, ConnectionError};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::departure::{Departure, GRACE};
use super::http_uri::HttpSocket;
use super::invocation::Asked;
use super::load::AppFiles;
use super::log;
use super::outgoing::{Outgoing, refusal};
use super::reports::Report;
use super::running::Running;
use super::shared_memory::Maps;
use super::{Configure, Options, Step};
use crate::logging::Level;
use app::{AppState, Waiting};

/// The time for calls to finish when the host is gone: nobody waits for them any more.
const ORPHAN_DRAIN: Duration = Duration::from_secs(2);

/// The longest time that the host may give for calls to finish.
const MOST_GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs the conversation to its end. Reports to `connected` whether it has begun.
pub(super) fn run(
    options: Options,
    configure: Configure,
    steps: blocking::Sender<Step>,
    closed: oneshot::Receiver<()>,
    connected: &blocking::Sender<Result<(), ConnectionError>>,
) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = connected.send(Err(ConnectionError::Connect {
                uri: options.endpoint.uri,
                reason: error.to_string(),
            }));
            return;
        }
    };
    runtime.block_on(async move {
        let max_length = options.endpoint.max_message_length;
        let (outgoing, to_send) = Outgoing::new(&options.request_id, max_length);
        let start = StartStream {
            worker_id: options.worker_id.clone(),
        };
        outgoing.send(&options.request_id, Content::StartStream(start));
        let opened = Connection::open(&options.endpoint, to_send).await;
        let connection = match opened {
            Ok(connection) => connection,
            Err(error) => {
                let _ = connected.send(Err(error));
                return;
            }
        };
        let _ = connected.send(Ok(()));
        let (to_host, request_id) = (outgoing.clone(), options.request_id.clone());
        let send = move |content| to_host.send(&request_id, content);
        crate::logging::init_with_sink(log::sink(send));
        let (reports_to, reports) = mpsc::unbounded_channel();
        let conversation = Conversation {
            options,
            configure,
            steps,
            outgoing,
            reports: reports_to,
            app: AppState::Unknown,
            waiting: Vec::new(),
            files: AppFiles::default(),
            maps: Maps::default(),
            running: Running::default(),
            has_cache: false,
            has_own_telemetry: false,
            http: None,
            departure: Departure::default(),
        };
        conversation.run(connection, reports, closed).await;
    });
}

struct Conversation {
    options: Options,
    configure: Configure,
    steps: blocking::Sender<Step>,
    outgoing: Outgoing,
    reports: mpsc::UnboundedSender<Report>,
    app: AppState,
    waiting: Vec<Waiting>,
    files: AppFiles,
    maps: Maps,
    running: Running,
    /// Whether the host keeps data in maps for other calls.
    has_cache: bool,
    /// Whether the app sends its telemetry by itself.
    has_own_telemetry: bool,
    /// Where the host passes HTTP requests on to.
    http: Option<HttpSocket>,
    departure: Departure,
}

impl Conversation {
    async fn run(
        mut self,
        mut connection: Connection,
        mut reports: mpsc::UnboundedReceiver<Report>,
        mut closed: oneshot::Receiver<()>,
    ) {
        loop {
            tokio::select! {
                biased;
                Some(report) = reports.recv() => self.note(report),
                message = connection.next() => match message {
                    Ok(Some(message)) => self.handle(message).await,
                    Ok(None) => return self.host_is_gone("the Functions host has ended the stream of messages"),
                    Err(error) => return self.host_is_gone(&error.to_string()),
                },
                _ = &mut closed => break,
            }
        }
        // What is left is sent: the host ends its side when ours has ended.
        drop(self);
        drop(reports);
        while let Ok(Some(_)) = connection.next().await {}
    }

    /// Handles a message of the host.
    async fn handle(&mut self, message: StreamingMessage) {
        let id = match message.request_id.as_str() {
            "" => self.options.request_id.clone(),
            _ => message.request_id,
        };
        match message.content {
            Some(Content::InvocationRequest(request)) => self.invoke(id, request),
            Some(Content::WorkerInitRequest(request)) => self.init(&id, request),
            Some(Content::FunctionsMetadataRequest(request)) => self.list(id, &request),
            Some(Content::FunctionLoadRequest(request)) => self.load(Waiting::Load(id, request.into())),
            Some(Content::FunctionLoadRequestCollection(request)) => self.load(Waiting::LoadAll(id, request)),
            Some(Content::FunctionEnvironmentReloadRequest(request)) => self.reload(&id, request).await,
            Some(Content::WorkerStatusRequest(_)) => {
                self.send(&id, Content::WorkerStatusResponse(WorkerStatusResponse {}));
            }
            Some(Content::WorkerTerminate(request)) => self.terminate(&request),
            Some(Content::CloseSharedMemoryResourcesRequest(request)) => self.close_maps(&id, request),
            Some(Content::InvocationCancel(request)) => self.running.cancel(&request.invocation_id),
            Some(Content::FileChangeEventRequest(_) | Content::WorkerHeartbeat(_)) => {}
            content => tracing::debug!("a message of the Functions host is ignored: {content:?}"),
        }
    }

    fn send(&self, id: &str, content: Content) {
        self.outgoing.send(id, content);
    }

    /// Tells the host what the worker does, in words that it knows.
    fn tell(&self, message: String) {
        self.send(&self.options.request_id, log::of_worker(Level::Info, "", message));
    }

    fn invoke(&mut self, id: String, request: InvocationRequest) {
        let served = match &self.app {
            AppState::Loaded(_, loaded) => loaded.by_id(&request.function_id).map(|served| (loaded, served)),
            _ => None,
        };
        let Some((loaded, served)) = served else {
            let reason = format!("no function with function_id={}", request.function_id);
            return self.refuse(&id, request.invocation_id, &reason);
        };
        let (kind, threads) = match served.needs_thread {
            true => (
                "sync",
                format!(", sync threadpool max workers: {}", loaded.threads),
            ),
            false => ("async", String::new()),
        };
        let message = format!(
            "Received FunctionInvocationRequest, request ID: {id}, function ID: {}, function name: {}, invocation ID: {}, \
             function type: {kind}, timestamp (UTC): {}{threads}",
            request.function_id,
            served.function.info.name,
            request.invocation_id,
            log::now()
        );
        let told = log::of_worker(Level::Info, &request.invocation_id, message);
        self.send(&self.options.request_id, told);
        let function = std::sync::Arc::clone(&served.function);
        let invocation_id = request.invocation_id.clone();
        let passes_on = self.http.is_some();
        match Asked::read(
            function,
            request,
            id.clone(),
            &self.outgoing,
            &self.maps,
            passes_on,
        ) {
            Ok(asked) => {
                let asked = match served.needs_thread {
                    true => asked,
                    false => asked.cancellable(&self.running),
                };
                if let Err(refused) = loaded.calls.send(asked) {
                    refused.0.refuse("the worker ends");
                }
            }
            Err(reason) => self.refuse(&id, invocation_id, &reason),
        }
    }

    fn refuse(&self, id: &str, invocation_id: String, reason: &str) {
        let response = InvocationResponse {
            invocation_id,
            result: Some(refusal(reason)),
            ..InvocationResponse::default()
        };
        self.send(id, Content::InvocationResponse(response));
    }

    fn close_maps(&self, id: &str, request: CloseSharedMemoryResourcesRequest) {
        let response = CloseSharedMemoryResourcesResponse {
            close_map_results: self.maps.close(request.map_names),
        };
        self.send(id, Content::CloseSharedMemoryResourcesResponse(response));
    }

    /// Has the worker drain and end, as the host says.
    fn terminate(&mut self, request: &WorkerTerminate) {
        let grace = request.grace_period.as_ref();
        let grace = grace.and_then(|grace| Duration::try_from(*grace).ok());
        self.leave(grace.unwrap_or(GRACE).min(MOST_GRACE), 0);
    }

    /// Has the worker end without its host, which may have ended it before.
    fn host_is_gone(&mut self, reason: &str) {
        match self.departure.has_begun() {
            true => self.leave(ORPHAN_DRAIN, 0),
            false => self.end(reason),
        }
    }

    /// Has the worker end because the host is gone, or the worker cannot go on.
    fn end(&mut self, reason: &str) {
        // The host no longer reads the log.
        crate::logging::print_error(&format_args!("funcdock worker: the worker ends: {reason}"));
        self.leave(ORPHAN_DRAIN, 1);
    }

    /// Has the worker drain within this time, and leave with this code, or another one if calls are given up.
    fn leave(&mut self, time: Duration, code: i32) {
        if !self.departure.begin(time) {
            return;
        }
        if let AppState::Loading(drain, _) | AppState::Loaded(drain, _) = &self.app {
            // It keeps the order while the app is loading.
            let _ = drain.send(time);
        }
        let _ = self.steps.send(Step::End(code));
    }
}
