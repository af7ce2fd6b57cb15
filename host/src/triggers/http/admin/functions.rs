//! Lists the functions of the app, and runs one when an operator asks.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, Version};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::model::{BindingSettings, Body, CallResult, Data, HttpRequest, Inputs, Scheme, Start};
use crate::pipeline::LoadedFunction;
use crate::triggers::Calls;
use crate::triggers::http::is_http_trigger;
use crate::triggers::http::reply::{self, Reply};
use crate::triggers::http::responses::{self, ResponseBody};

const BODY: &str = "expected a body such as {\"input\": \"text\"}\n";

/// The body of a request to run a function.
#[derive(Deserialize)]
struct Wanted<'a> {
    /// As it is written: a number keeps its digits, an object its order.
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
    /// Whether the operator waits for what the function returns.
    #[serde(default)]
    wait: bool,
}

/// What a function is run with.
pub(super) enum Input {
    None,
    Text(String),
    /// The text of any other JSON.
    Json(String),
}

impl Input {
    fn of(json: &RawValue) -> Self {
        match serde_json::from_str(json.get()) {
            Ok(text) => Input::Text(text),
            Err(_) if json.get() == "null" => Input::None,
            Err(_) => Input::Json(json.get().to_owned()),
        }
    }
}

/// Returns the function of this name, which is compared without case.
pub(super) fn find<'a>(functions: &'a [Arc<LoadedFunction>], name: &str) -> Option<&'a Arc<LoadedFunction>> {
    functions
        .iter()
        .find(|function| function.info.name.eq_ignore_ascii_case(name))
}

/// Describes a function, with the members that Azure's host has. `base` is the URL of the host, without a slash at its end.
pub(super) fn describe(function: &LoadedFunction, base: &str) -> Value {
    let definition = &function.definition;
    let bindings: Vec<_> = definition
        .bindings
        .iter()
        .map(|binding| &binding.properties)
        .collect();
    let url = function
        .info
        .route
        .as_ref()
        .map(|route| format!("{base}/{route}"));
    json!({
        "name": definition.name,
        "href": format!("{base}/admin/functions/{}", definition.name),
        "invoke_url_template": url,
        "language": "python",
        "isDisabled": false,
        "config": {
            "name": definition.name,
            "scriptFile": definition.script_file,
            "entryPoint": definition.entry_point,
            "functionDirectory": definition.directory,
            "bindings": bindings,
        },
    })
}

/// Starts a call of a function with the input in `body`; 202. If `body` says so, waits for it, and answers as a function with
/// an HTTP trigger would with what this one returns.
pub(super) async fn run(
    function: &Arc<LoadedFunction>,
    calls: &Calls,
    body: &[u8],
) -> Response<ResponseBody> {
    let (input, waits) = match body {
        [] => (Input::None, false),
        body => match serde_json::from_slice(body) {
            Ok(Wanted { input, wait }) => (input.map_or(Input::None, Input::of), wait),
            Err(_) => return responses::plain(StatusCode::BAD_REQUEST, BODY),
        },
    };
    let name = function.info.name.clone();
    let call = call(function, calls, input);
    if waits {
        let response = reply::into_response(&function.info, call.await);
        return responses::of_function(response, false);
    }
    calls.spawn(async move {
        // What the function raises is logged. What it returns has no receiver.
        call.await;
        tracing::debug!("function {name:?}, which an operator has run, has ended");
    });
    let mut response = responses::no_content();
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// Calls a function as its trigger would, with this as its data.
pub(super) fn call(
    function: &Arc<LoadedFunction>,
    calls: &Calls,
    input: Input,
) -> impl Future<Output = CallResult> + Send + use<> {
    let is_http = is_http_trigger(&function.info.trigger);
    let start = if is_http {
        let body = match input {
            Input::None => String::new(),
            Input::Text(text) | Input::Json(text) => text,
        };
        Start {
            inputs: Inputs::of_trigger(Data::Request(Box::new(request(body)))),
            http_reply: Some(&Reply),
            ..Start::default()
        }
    } else {
        let (data, text) = match input {
            Input::None => (Data::None, String::new()),
            Input::Text(text) => (Data::String(text.clone()), text),
            Input::Json(text) => (Data::Json(text.clone()), text),
        };
        let trigger = function.definition.trigger();
        Start {
            inputs: Inputs::of_trigger(data),
            metadata: trigger.map_or(Vec::new(), |trigger| metadata(&trigger.settings, &text)),
            ..Start::default()
        }
    };
    let (calls, function) = (calls.clone(), Arc::clone(function));
    async move { calls.call(function, start, ()).await.1 }
}

/// Returns what the trigger would know besides its data, for the paths of bindings: `text` is a message, or the path of a blob.
fn metadata(trigger: &BindingSettings, text: &str) -> Vec<(String, Data)> {
    let named = |name: &str, text: &str| (name.to_owned(), Data::String(text.to_owned()));
    match trigger {
        BindingSettings::QueueTrigger(_) => vec![
            named("QueueTrigger", text),
            named("Id", &Uuid::new_v4().to_string()),
            ("DequeueCount".to_owned(), Data::Int(1)),
        ],
        BindingSettings::BlobTrigger(trigger) => {
            let in_container = text.strip_prefix(trigger.path.container());
            let blob = in_container.and_then(|rest| rest.strip_prefix('/'));
            let captured = blob
                .and_then(|blob| trigger.path.match_blob(blob))
                .unwrap_or_default();
            let captured = captured
                .into_iter()
                .map(|(name, text)| (name, Data::String(text)));
            captured.chain([named("BlobTrigger", text)]).collect()
        }
        _ => Vec::new(),
    }
}

/// The request with which a function is run that HTTP triggers.
fn request(body: String) -> HttpRequest {
    HttpRequest {
        method: Method::POST,
        uri: Uri::from_static("/"),
        scheme: Scheme::Http,
        host: HeaderValue::from_static("localhost"),
        version: Version::HTTP_11,
        headers: HeaderMap::new(),
        body: Body::Bytes(Bytes::from(body)),
        route_params: Default::default(),
        client: "".into(),
        peer: "".into(),
        websocket: None,
    }
}
