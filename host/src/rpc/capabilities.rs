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

/// The host leaves calls and log records of functions out of its own telemetry: the app sends them by itself.
const OWN_TELEMETRY: &str = "WorkerOpenTelemetryEnabled";

/// The host passes HTTP requests on to this URI, and sends only the rest over gRPC.
const HTTP_URI: &str = "HttpUri";

/// The values of the route's parameters are among the rest.
const ROUTE_PARAMETERS: &str = "RequiresRouteParameters";

/// Returns the worker's capabilities. `http_uri` is where its HTTP server listens, if the host is to use it.
pub(super) fn capabilities(
    has_shared_memory: bool,
    has_own_telemetry: bool,
    http_uri: Option<String>,
) -> HashMap<String, String> {
    let own_telemetry = has_own_telemetry.then_some(OWN_TELEMETRY);
    let shared_memory = has_shared_memory.then_some(SHARED_MEMORY);
    let route_parameters = http_uri.is_some().then_some(ROUTE_PARAMETERS);
    let capabilities = CAPABILITIES
        .into_iter()
        .chain(shared_memory)
        .chain(own_telemetry)
        .chain(route_parameters)
        .map(|name| (name, "true".to_owned()));
    let http_uri = http_uri.map(|uri| (HTTP_URI, uri));
    capabilities
        .chain(http_uri)
        .map(|(name, value)| (name.to_owned(), value))
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
