//! What this worker says of itself.

use std::collections::HashMap;

use funcdock_rpc::messages::WorkerMetadata;

/// What the host may do with this worker; the names are the protocol's.
///
/// | capability | the host then |
/// |---|---|
/// | `RpcHttpBodyOnly` | sends the body of a request once |
/// | `RawHttpBodyBytes` | sends it as bytes |
/// | `RpcHttpTriggerMetadataRemoved` | does not send a request's parts as metadata again |
/// | `TypedDataCollection` | sends several values of a binding as a collection |
/// | `WorkerStatus` | asks whether the worker answers |
/// | `HandlesInvocationCancelMessage` | says that a call is to be cancelled |
/// | `HandlesWorkerTerminateMessage` | says before it ends the process |
/// | `SupportsLoadResponseCollection` | has all functions loaded by one message |
/// | `EnableUserCodeException` | reads the type of an exception |
///
/// It takes any value but an empty one for yes.
const CAPABILITIES: [&str; 9] = [
    "RawHttpBodyBytes",
    "TypedDataCollection",
    "RpcHttpBodyOnly",
    "RpcHttpTriggerMetadataRemoved",
    "WorkerStatus",
    "HandlesInvocationCancelMessage",
    "HandlesWorkerTerminateMessage",
    "SupportsLoadResponseCollection",
    "EnableUserCodeException",
];

/// The host may send data by shared memory, and gets it so.
const SHARED_MEMORY: &str = "SharedMemoryDataTransfer";

/// Returns the worker's capabilities.
pub(super) fn capabilities(has_shared_memory: bool) -> HashMap<String, String> {
    let shared_memory = has_shared_memory.then_some(SHARED_MEMORY);
    let capabilities = CAPABILITIES.into_iter().chain(shared_memory);
    capabilities
        .map(|name| (name.to_owned(), "true".to_owned()))
        .collect()
}

/// Returns the facts about this worker; `language` is the version of its runtime.
pub(super) fn metadata(language: &str) -> WorkerMetadata {
    let minor = language.rsplit_once('.').map_or(language, |(minor, _)| minor);
    WorkerMetadata {
        runtime_name: "python".to_owned(),
        runtime_version: minor.to_owned(),
        worker_version: env!("CARGO_PKG_VERSION").to_owned(),
        worker_bitness: bitness().to_owned(),
        custom_properties: HashMap::from([("implementation".to_owned(), "cpython".to_owned())]),
    }
}

fn bitness() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "X64",
        "aarch64" => "Arm64",
        other => other,
    }
}
