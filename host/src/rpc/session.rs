//! The conversation with the host: one message after the other, on a thread of its own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc as blocking;
use std::time::Duration;

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::{
    CloseSharedMemoryResourcesRequest, CloseSharedMemoryResourcesResponse, FunctionEnvironmentReloadRequest,
    FunctionEnvironmentReloadResponse, FunctionLoadRequest, FunctionLoadRequestCollection,
    FunctionLoadResponseCollection, FunctionMetadataResponse, FunctionsMetadataRequest, InvocationRequest,
    InvocationResponse, StartStream, StreamingMessage, WorkerInitRequest, WorkerInitResponse,
    WorkerStatusResponse, WorkerTerminate,
};
use funcdock_rpc::{Connection, ConnectionError};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use super::capabilities::{capabilities, metadata};
use super::departure::{Departure, GRACE};
use super::http_uri::{self, HttpSocket};
use super::invocation::Asked;
use super::load::{AppFiles, Loaded, not_loaded};
use super::log;
use super::orders::HostOrders;
use super::outgoing::{Outgoing, refusal, success};
use super::reports::Report;
use super::running::Running;
use super::shared_memory::Maps;
use super::{Configure, NewEnvironment, Options, Step};
use crate::app::Declarations;
use crate::logging::Level;

/// The time for calls to finish when the host is gone: nobody waits for them any more.
const ORPHAN_DRAIN: Duration = Duration::from_secs(2);

/// The longest time that the host may give for calls to finish.
const MOST_GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// Why a second app is refused.
const HAS_APP: &str = "the app is loaded already; a worker serves one app";

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
            http: None,
            departure: Departure::default(),
        };
        conversation.run(connection, reports, closed).await;
    });
}

/// What is known of the app.
enum AppState {
    /// The host has not said where it is.
    Unknown,
    /// It is in this folder, and not loaded.
    In(PathBuf),
    /// It is being loaded. This orders it to drain, also later.
    Loading(blocking::Sender<Duration>, Option<Loaded>),
    Loaded(blocking::Sender<Duration>, Loaded),
    /// It cannot be loaded, for this reason.
    Failed(String),
}

/// What is answered when the app is loaded.
enum Waiting {
    Metadata(String),
    Load(String, Box<FunctionLoadRequest>),
    LoadAll(String, FunctionLoadRequestCollection),
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

    /// Warns of settings that cannot be used, in words that tools look for.
    fn warn_of_settings(&self, lookup: impl Fn(&str) -> Option<String>) {
        if let Some(warning) = log::threads_warning(lookup) {
            self.send(&self.options.request_id, log::of_worker(Level::Warn, "", warning));
        }
    }

    fn init(&mut self, id: &str, request: WorkerInitRequest) {
        self.tell(format!(
            "Received WorkerInitRequest, python version {}, worker version {}, request ID {id}. {}",
            self.options.language,
            env!("CARGO_PKG_VERSION"),
            log::settings_state(|name| std::env::var(name).ok())
        ));
        self.warn_of_settings(|name| std::env::var(name).ok());
        // A loaded app keeps its calls, and its maps.
        if let AppState::Unknown | AppState::In(_) = self.app {
            if !request.function_app_directory.is_empty() {
                self.app = AppState::In(request.function_app_directory.into());
            }
            self.has_cache = request
                .capabilities
                .get("FunctionDataCache")
                .is_some_and(|value| value.eq_ignore_ascii_case("true"));
            self.maps = Maps::from_settings(|name| std::env::var(name).ok(), self.has_cache);
        }
        self.open_http(|name| std::env::var(name).ok());
        let response = WorkerInitResponse {
            worker_version: String::new(),
            capabilities: self.capabilities(),
            result: Some(success()),
            worker_metadata: Some(metadata(&self.options.language)),
        };
        self.send(id, Content::WorkerInitResponse(response));
    }

    fn capabilities(&self) -> HashMap<String, String> {
        capabilities(self.maps.are_on(), self.http.as_ref().map(HttpSocket::uri))
    }

    /// Listens for requests that the host passes on, if the app wants them so. Once announced, it stays.
    fn open_http(&mut self, lookup: impl Fn(&str) -> Option<String>) {
        let folder = match &self.app {
            AppState::In(folder) => Some(folder.as_path()),
            _ => None,
        };
        if self.http.is_some() || !http_uri::is_wanted(lookup, folder, &self.options.packages) {
            return;
        }
        match HttpSocket::open() {
            Ok(socket) => {
                // Tools know this text.
                self.tell(format!("HTTP server starting on {}", socket.uri()));
                self.http = Some(socket);
            }
            Err(error) => tracing::warn!("HTTP does not stream, as no port can be listened at: {error}"),
        }
    }

    /// Answers with the functions that code declares; those of folders the host lists itself.
    fn list(&mut self, id: String, request: &FunctionsMetadataRequest) {
        self.tell(format!(
            "Received WorkerMetadataRequest, request ID {id}, worker id: {}",
            self.options.worker_id
        ));
        if let AppState::Unknown = self.app
            && !request.function_app_directory.is_empty()
        {
            self.app = AppState::In(request.function_app_directory.clone().into());
        }
        if let AppState::In(folder) = &self.app {
            let configured = (self.configure)(folder);
            if let Ok(config) = &configured
                && let Declarations::Folders(_) = config.app.declarations
            {
                return self.send(&id, Content::FunctionMetadataResponse(of_folders()));
            }
        }
        self.load(Waiting::Metadata(id));
    }

    /// Answers this when the app is loaded. Begins to load it.
    fn load(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
        if let AppState::In(folder) = &self.app {
            match (self.configure)(&folder.clone()) {
                Ok(config) => {
                    self.files = AppFiles::of(&config.app);
                    let (orders, drain) = HostOrders::new(
                        self.reports.clone(),
                        self.http.as_mut().and_then(HttpSocket::take),
                    );
                    self.app = AppState::Loading(drain, None);
                    // It fails only when the process ends.
                    let _ = self.steps.send(Step::Load(Box::new(config), orders));
                }
                Err(reason) => self.app = AppState::Failed(reason),
            }
        }
        self.answer_waiting();
    }

    fn note(&mut self, report: Report) {
        match report {
            Report::Functions(served) => {
                if let AppState::Loading(_, loaded) = &mut self.app {
                    *loaded = Some(Loaded::new(served));
                }
            }
            Report::Ready => {
                let app = std::mem::replace(&mut self.app, AppState::Unknown);
                self.app = match app {
                    AppState::Loading(drain, Some(loaded)) => AppState::Loaded(drain, loaded),
                    app => app,
                };
            }
            Report::Failed(reason) => {
                tracing::error!("{reason}");
                self.app = AppState::Failed(reason);
            }
            Report::Unhealthy(reason) => return self.end(&reason),
        }
        self.answer_waiting();
    }

    fn answer_waiting(&mut self) {
        let unknown = "the host has not said where the app is";
        let outgoing = self.outgoing.clone();
        let (mut loaded, reason) = match &mut self.app {
            AppState::In(_) | AppState::Loading(..) => return,
            AppState::Unknown => (None, unknown),
            AppState::Failed(reason) => (None, reason.as_str()),
            AppState::Loaded(_, loaded) => (Some(loaded), ""),
        };
        let tell = |message| {
            outgoing.send(&self.options.request_id, log::of_worker(Level::Info, "", message));
        };
        let load = |loaded: Option<&mut Loaded>, id: &str, request: &FunctionLoadRequest| {
            let name = request.metadata.as_ref().map_or("", |metadata| &metadata.name);
            tell(format!(
                "Received FunctionLoadRequest, request ID: {id}, function ID: {}, function name: {name}",
                request.function_id
            ));
            match loaded {
                Some(loaded) => loaded.load(request, &self.files),
                None => not_loaded(request, reason),
            }
        };
        for waiting in self.waiting.drain(..) {
            let (id, content) = match waiting {
                Waiting::Load(id, request) => {
                    let response = load(loaded.as_deref_mut(), &id, &request);
                    (id, Content::FunctionLoadResponse(response))
                }
                Waiting::LoadAll(id, requests) => {
                    let requests = requests.function_load_requests.iter();
                    let responses = requests.map(|request| load(loaded.as_deref_mut(), &id, request));
                    let response = FunctionLoadResponseCollection {
                        function_load_responses: responses.collect(),
                    };
                    (id, Content::FunctionLoadResponseCollection(response))
                }
                Waiting::Metadata(id) => {
                    let response = match &loaded {
                        Some(_) if self.files.are_folders() => of_folders(),
                        Some(loaded) => {
                            let listed = loaded.metadata(&self.files);
                            let count = listed.function_metadata_results.len();
                            tell(format!("Indexed function app and found {count} functions"));
                            listed
                        }
                        None => FunctionMetadataResponse {
                            result: Some(refusal(reason)),
                            ..FunctionMetadataResponse::default()
                        },
                    };
                    (id, Content::FunctionMetadataResponse(response))
                }
            };
            outgoing.send(&id, content);
        }
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

    /// Becomes the worker of another app.
    async fn reload(&mut self, id: &str, request: FunctionEnvironmentReloadRequest) {
        self.tell(format!(
            "Received FunctionEnvironmentReloadRequest, request ID: {id}, {}",
            log::settings_state(|name| request.environment_variables.get(name).cloned())
        ));
        self.warn_of_settings(|name| request.environment_variables.get(name).cloned());
        let result = match &self.app {
            AppState::Unknown | AppState::In(_) => self.replace_environment(request).await,
            _ => Err(HAS_APP.to_owned()),
        };
        let response = FunctionEnvironmentReloadResponse {
            worker_metadata: Some(metadata(&self.options.language)),
            capabilities: self.capabilities(),
            result: Some(match result {
                Ok(()) => success(),
                Err(reason) => refusal(reason),
            }),
            ..FunctionEnvironmentReloadResponse::default()
        };
        self.send(id, Content::FunctionEnvironmentReloadResponse(response));
    }

    async fn replace_environment(&mut self, request: FunctionEnvironmentReloadRequest) -> Result<(), String> {
        let (done, replaced) = oneshot::channel();
        let directory = request.function_app_directory;
        let directory = (!directory.is_empty()).then(|| Path::new(&directory).to_owned());
        let mut variables = request.environment_variables;
        variables.retain(|name, value| {
            let can_be_set = !name.is_empty() && !name.contains(['=', '\0']) && !value.contains('\0');
            if !can_be_set {
                tracing::warn!(
                    "the environment variable {name:?} of the Functions host is left out: expected a name without '=' and NUL, \
                     and a value without NUL"
                );
            }
            can_be_set
        });
        let maps = Maps::from_settings(|name| variables.get(name).cloned(), self.has_cache);
        let setting = variables.get(http_uri::SETTING).cloned();
        let environment = NewEnvironment {
            variables: variables.into_iter().collect(),
            directory: directory
                .clone()
                .filter(|directory| self.can_change_to(directory)),
            done,
        };
        let ended = |_| "the worker ends".to_owned();
        let step = Step::Environment(environment);
        self.steps.send(step).map_err(|_| ended(()))?;
        replaced.await.map_err(|_| ended(()))??;
        self.maps = maps;
        if let Some(directory) = directory {
            self.app = AppState::In(directory);
        }
        self.open_http(|_| setting.clone());
        Ok(())
    }

    /// Whether the working directory can be this one, which is logged.
    fn can_change_to(&self, directory: &Path) -> bool {
        let exists = directory.is_dir();
        let directory = directory.display();
        let (level, message) = match exists {
            true => (
                Level::Info,
                format!("Changing current working directory to {directory}"),
            ),
            false => (
                Level::Warn,
                format!("Directory {directory} is not found when reloading"),
            ),
        };
        self.send(&self.options.request_id, log::of_worker(level, "", message));
        exists
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

/// The list of an app whose functions are in folders: the host reads them itself.
fn of_folders() -> FunctionMetadataResponse {
    FunctionMetadataResponse {
        use_default_metadata_indexing: true,
        result: Some(success()),
        ..FunctionMetadataResponse::default()
    }
}
