//! The app's functions as the host knows them: listed for it, and loaded when it asks.

use std::collections::HashMap;
use std::sync::Arc;

use funcdock_rpc::messages::{
    BindingInfo, FunctionLoadRequest, FunctionLoadResponse, FunctionMetadataResponse, RpcFunctionMetadata,
    StatusResult, binding_info,
};
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use super::invocation::Asked;
use super::outgoing::{failure, refusal, success};
use super::reports::{Served, ServedFunctions};
use crate::model::{Binding, DataType, Direction, FunctionDefinition};

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
    pub(super) fn load(&mut self, request: &FunctionLoadRequest) -> FunctionLoadResponse {
        FunctionLoadResponse {
            result: Some(self.load_one(request)),
            ..unanswered(request)
        }
    }

    fn load_one(&mut self, request: &FunctionLoadRequest) -> StatusResult {
        let name = request.metadata.as_ref().map_or("", |metadata| &metadata.name);
        let mut functions = self.functions.iter();
        let found = functions.find(|served| served.function.info.name.eq_ignore_ascii_case(name));
        let Some(served) = found else {
            return refusal(format!(
                "cannot load the function {name:?}: the app has none of this name"
            ));
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
    pub(super) fn metadata(&self) -> FunctionMetadataResponse {
        let functions = self.functions.iter();
        FunctionMetadataResponse {
            function_metadata_results: functions
                .map(|served| metadata(&served.function.definition))
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

fn metadata(definition: &FunctionDefinition) -> RpcFunctionMetadata {
    let file = definition.script_file.file_name().unwrap_or_default();
    let bindings = &definition.bindings;
    RpcFunctionMetadata {
        name: definition.name.clone(),
        // The same in all workers, as the host asks each of them.
        function_id: Uuid::new_v5(&Uuid::NAMESPACE_OID, definition.name.as_bytes())
            .hyphenated()
            .to_string(),
        directory: definition.directory.to_string_lossy().into_owned(),
        script_file: file.to_string_lossy().into_owned(),
        entry_point: definition.entry_point.clone(),
        language: "python".to_owned(),
        bindings: bindings
            .iter()
            .map(|binding| (binding.name.clone(), info(binding)))
            .collect(),
        raw_bindings: bindings
            .iter()
            .map(|binding| serde_json::Value::Object(binding.properties.clone()).to_string())
            .collect(),
        properties: HashMap::from([("worker_indexed".to_owned(), "True".to_owned())]),
        ..RpcFunctionMetadata::default()
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
