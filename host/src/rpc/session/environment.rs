//! The environment of a worker: what it is told at its start, and the one that replaces it.

use std::collections::HashMap;
use std::path::Path;

use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::{
    FunctionEnvironmentReloadRequest, FunctionEnvironmentReloadResponse, WorkerInitRequest,
    WorkerInitResponse,
};
use tokio::sync::oneshot;

use super::Conversation;
use super::app::AppState;
use crate::app::own_telemetry;
use crate::logging::Level;
use crate::rpc::capabilities::{capabilities, metadata};
use crate::rpc::http_uri::{self, HttpSocket};
use crate::rpc::log;
use crate::rpc::outgoing::{refusal, success};
use crate::rpc::shared_memory::Maps;
use crate::rpc::{NewEnvironment, Step};

/// Why a second app is refused.
const HAS_APP: &str = "the app is loaded already; a worker serves one app";

impl Conversation {
    /// Warns of settings that cannot be used, in words that tools look for.
    fn warn_of_settings(&self, lookup: impl Fn(&str) -> Option<String>) {
        if let Some(warning) = log::threads_warning(lookup) {
            self.send(&self.options.request_id, log::of_worker(Level::Warn, "", warning));
        }
    }

    pub(super) fn init(&mut self, id: &str, request: WorkerInitRequest) {
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
            self.has_own_telemetry = own_telemetry::is_own(|name| std::env::var(name).ok());
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
        capabilities(
            self.maps.are_on(),
            self.has_own_telemetry,
            self.http.as_ref().map(HttpSocket::uri),
        )
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

    /// Becomes the worker of another app.
    pub(super) async fn reload(&mut self, id: &str, request: FunctionEnvironmentReloadRequest) {
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
        let has_own_telemetry = own_telemetry::is_own(|name| variables.get(name).cloned());
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
        self.has_own_telemetry = has_own_telemetry;
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
}
