//! The app's functions as the host knows them: listed for it, and loaded when it asks.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

use funcdock_rpc::messages::rpc_retry_options::RetryStrategy as RpcRetryStrategy;
use funcdock_rpc::messages::{
    BindingInfo, FunctionLoadRequest, FunctionLoadResponse, FunctionMetadataResponse, RpcFunctionMetadata,
    RpcRetryOptions, StatusResult, binding_info,
};
use serde_json::{Map, Value};
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use super::invocation::Asked;
use super::outgoing::{failure, refusal, success};
use super::reports::{Served, ServedFunctions};
use crate::app::{App, Declarations};
use crate::model::{Binding, DataType, Direction, FunctionDefinition, RetryPolicy, RetryStrategy};

/// What the app's files say of its functions before any code runs.
#[derive(Default)]
pub(super) struct AppFiles {
    /// The name of the file whose code declares the functions; empty if none does.
    script: String,
    /// The functions whose declarations cannot be read, and why.
    unreadable: BTreeMap<String, String>,
}

impl AppFiles {
    pub(super) fn of(app: &App) -> Self {
        let script = match &app.declarations {
            Declarations::Script(script) => script.file.file_name().unwrap_or_default(),
            Declarations::Folders(_) => OsStr::new(""),
        };
        AppFiles {
            script: script.to_string_lossy().into_owned(),
            unreadable: app.unreadable.clone(),
        }
    }

    /// Whether files beside the code declare the functions.
    pub(super) fn are_folders(&self) -> bool {
        self.script.is_empty()
    }

    /// Returns why the function of this name is not there.
    fn reason(&self, name: &str) -> String {
        let mut unreadable = self.unreadable.iter();
        let found = unreadable.find(|(unreadable, _)| unreadable.eq_ignore_ascii_case(name));
        found.map_or_else(
            || format!("cannot load the function {name:?}: the app has none of this name"),
            |(_, reason)| format!("cannot load the function {name:?}: {reason}"),
        )
    }
}

/// The functions of a loaded app.
pub(super) struct Loaded {
    functions: Vec<Arc<Served>>,
    /// The functions by the ids that the host has given them.
    by_id: HashMap<String, Arc<Served>>,
    pub(super) threads: usize,
    pub(super) calls: UnboundedSender<Asked>,
}

impl Loaded {
    pub(super) fn new(served: ServedFunctions) -> Self {
        Loaded {
            functions: served.functions.into_iter().map(Arc::new).collect(),
            by_id: HashMap::new(),
            threads: served.threads,
            calls: served.calls,
        }
    }

    /// Returns the function with this id.
    pub(super) fn by_id(&self, id: &str) -> Option<&Served> {
        self.by_id.get(id).map(|served| &**served)
    }

    /// Gives the function that is asked for its id.
    pub(super) fn load(&mut self, request: &FunctionLoadRequest, files: &AppFiles) -> FunctionLoadResponse {
        FunctionLoadResponse {
            result: Some(self.load_one(request, files)),
            ..unanswered(request)
        }
    }

    fn load_one(&mut self, request: &FunctionLoadRequest, files: &AppFiles) -> StatusResult {
        let name = request.metadata.as_ref().map_or("", |metadata| &metadata.name);
        let mut functions = self.functions.iter();
        let found = functions.find(|served| served.function.info.name.eq_ignore_ascii_case(name));
        let Some(served) = found else {
            return refusal(files.reason(name));
        };
        match &served.failure {
            Some(exception) => failure(exception),
            None => {
                self.by_id.insert(request.function_id.clone(), Arc::clone(served));
                success()
            }
        }
    }

    /// Returns the list of the functions that code has declared.
    pub(super) fn metadata(&self, files: &AppFiles) -> FunctionMetadataResponse {
        let functions = self.functions.iter();
        FunctionMetadataResponse {
            function_metadata_results: functions
                .map(|served| metadata(&served.function.definition, &files.script))
                .collect(),
            result: Some(success()),
            use_default_metadata_indexing: false,
        }
    }
}

/// Returns the response to a request to load a function of an app that cannot be loaded.
pub(super) fn not_loaded(request: &FunctionLoadRequest, reason: &str) -> FunctionLoadResponse {
    FunctionLoadResponse {
        result: Some(refusal(reason)),
        ..unanswered(request)
    }
}

fn unanswered(request: &FunctionLoadRequest) -> FunctionLoadResponse {
    FunctionLoadResponse {
        function_id: request.function_id.clone(),
        ..FunctionLoadResponse::default()
    }
}

fn metadata(definition: &FunctionDefinition, script: &str) -> RpcFunctionMetadata {
    let bindings = &definition.bindings;
    RpcFunctionMetadata {
        name: definition.name.clone(),
        // The same in all workers, as the host asks each of them.
        function_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, definition.name.as_bytes())
            .hyphenated()
            .to_string(),
        directory: definition.directory.to_string_lossy().into_owned(),
        script_file: script.to_owned(),
        entry_point: definition.entry_point.clone(),
        language: "python".to_owned(),
        bindings: bindings
            .iter()
            .map(|binding| (binding.name.clone(), info(binding)))
            .collect(),
        raw_bindings: raw_bindings(bindings),
        retry_options: definition.retry.as_ref().map(retry_options),
        properties: HashMap::from([("worker_indexed".to_owned(), "True".to_owned())]),
        ..RpcFunctionMetadata::default()
    }
}

/// Returns the declarations as JSON. If a parameter takes a client of Azure's library, each says whether the host is to
/// send only where the data are.
fn raw_bindings(bindings: &[Binding]) -> Vec<String> {
    let is_reference = |binding: &Binding| binding.data_type == Some(DataType::Reference);
    let has_reference = bindings.iter().any(is_reference);
    let raw = bindings.iter().map(|binding| {
        let mut raw = binding.properties.clone();
        if has_reference {
            let properties = raw.entry("properties").or_insert_with(|| Map::new().into());
            if let Value::Object(properties) = properties {
                properties.insert("SupportsDeferredBinding".to_owned(), is_reference(binding).into());
            }
        }
        Value::Object(raw).to_string()
    });
    raw.collect()
}

fn retry_options(policy: &RetryPolicy) -> RpcRetryOptions {
    let span = |span: Duration| span.try_into().ok();
    let (fixed, exponential) = (RpcRetryStrategy::FixedDelay, RpcRetryStrategy::ExponentialBackoff);
    RpcRetryOptions {
        max_retry_count: policy.max.map_or(-1, |max| max.try_into().unwrap_or(i32::MAX)),
        ..match policy.strategy {
            RetryStrategy::Fixed { delay } => RpcRetryOptions {
                delay_interval: span(delay),
                retry_strategy: fixed.into(),
                ..RpcRetryOptions::default()
            },
            RetryStrategy::Exponential { min, max } => RpcRetryOptions {
                minimum_interval: span(min),
                maximum_interval: span(max),
                retry_strategy: exponential.into(),
                ..RpcRetryOptions::default()
            },
        }
    }
}

fn info(binding: &Binding) -> BindingInfo {
    let direction = match binding.direction {
        Direction::In => binding_info::Direction::In,
        Direction::Out => binding_info::Direction::Out,
        Direction::InOut => binding_info::Direction::Inout,
    };
    let data_type = match binding.data_type {
        Some(DataType::String) => binding_info::DataType::String,
        Some(DataType::Binary) => binding_info::DataType::Binary,
        Some(DataType::Stream) => binding_info::DataType::Stream,
        Some(DataType::Reference) | None => binding_info::DataType::Undefined,
    };
    BindingInfo {
        r#type: binding.kind.clone(),
        direction: direction.into(),
        data_type: data_type.into(),
        properties: HashMap::new(),
    }
}

#[cfg(test)]
mod tests;
