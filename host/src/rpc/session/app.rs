//! The app of a worker, from where it is to its functions: listed and loaded when the host asks.

use std::path::PathBuf;
use std::sync::mpsc as blocking;
use std::time::Duration;

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::{
    FunctionLoadRequest, FunctionLoadRequestCollection, FunctionLoadResponseCollection,
    FunctionMetadataResponse, FunctionsMetadataRequest,
};

use super::Conversation;
use crate::app::Declarations;
use crate::control::WorkerConfig;
use crate::logging::Level;
use crate::rpc::Step;
use crate::rpc::http_uri::HttpSocket;
use crate::rpc::load::{AppFiles, Loaded, not_loaded};
use crate::rpc::log;
use crate::rpc::orders::HostOrders;
use crate::rpc::outgoing::{refusal, success};
use crate::rpc::reports::Report;

/// What is known of the app.
pub(super) enum AppState {
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
pub(super) enum Waiting {
    Metadata(String),
    Load(String, Box<FunctionLoadRequest>),
    LoadAll(String, FunctionLoadRequestCollection),
}

impl Conversation {
    /// Answers with the functions that code declares; those of folders the host lists itself.
    pub(super) fn list(&mut self, id: String, request: &FunctionsMetadataRequest) {
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
            self.begin_to_load(configured);
        }
        self.load(Waiting::Metadata(id));
    }

    /// Answers this when the app is loaded. Begins to load it.
    pub(super) fn load(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
        if let AppState::In(folder) = &self.app {
            let configured = (self.configure)(folder);
            self.begin_to_load(configured);
        }
        self.answer_waiting();
    }

    /// Has the main thread load the app; without a configuration, it cannot be loaded.
    fn begin_to_load(&mut self, configured: Result<WorkerConfig, String>) {
        let config = match configured {
            Ok(config) => config,
            Err(reason) => {
                self.app = AppState::Failed(reason);
                return;
            }
        };
        self.files = AppFiles::of(&config.app);
        let socket = self.http.as_mut().and_then(HttpSocket::take);
        let (orders, drain) = HostOrders::new(self.reports.clone(), socket);
        self.app = AppState::Loading(drain, None);
        // It fails only when the process ends.
        let _ = self.steps.send(Step::Load(Box::new(config), orders));
    }

    pub(super) fn note(&mut self, report: Report) {
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
        let (outgoing, worker_id) = (self.outgoing.clone(), &self.options.worker_id);
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
                "Received WorkerLoadRequest, request ID {id}, function_id: {}, function_name: {name}, worker_id: {worker_id}",
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
}

/// The list of an app whose functions are in folders: the host reads them itself.
fn of_folders() -> FunctionMetadataResponse {
    FunctionMetadataResponse {
        use_default_metadata_indexing: true,
        result: Some(success()),
        ..FunctionMetadataResponse::default()
    }
}
