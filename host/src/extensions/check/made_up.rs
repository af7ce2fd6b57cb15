//! What a check makes up: the function, its request, and how its calls end.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use http_body_util::{BodyExt as _, Full};
use smallvec::SmallVec;

use crate::model::{
    Body, BodyStream, Data, Exception, FunctionInfo, HttpReply, HttpRequest, HttpResponse, Outcome, Returned,
    Scheme,
};

/// What the function returns.
pub(super) const HELLO: &str = "Hello";

/// Returns the function that this request calls.
pub(super) fn function(request: &HttpRequest) -> FunctionInfo {
    let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
    FunctionInfo {
        returns_response: true,
        name: "check".to_owned(),
        directory: here.to_string_lossy().into_owned(),
        trigger: "httpTrigger".to_owned(),
        trigger_name: "req".to_owned(),
        route: Some(request.uri.path().trim_matches('/').to_owned()),
        http_outputs: Vec::new(),
    }
}

/// Returns `GET /api/check?name=Funcdock`, with a trace context.
pub(super) fn request() -> HttpRequest {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "localhost:7071"),
        ("user-agent", "funcdock"),
        ("accept", "*/*"),
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    HttpRequest {
        method: Method::GET,
        uri: Uri::from_static("/api/check?name=Funcdock"),
        version: Version::HTTP_11,
        headers,
        body: Body::default(),
        route_params: SmallVec::new(),
        scheme: Scheme::Http,
        host: HeaderValue::from_static("localhost"),
        client: "127.0.0.1:50000".into(),
        peer: "127.0.0.1:50000".into(),
        websocket: None,
    }
}

/// Returns how the call ends: the function returned "Hello", or a streamed response with that body.
pub(super) fn returned(is_streamed: bool) -> Outcome {
    let value = match is_streamed {
        false => Data::String(HELLO.to_owned()),
        true => {
            let frames = Full::new(Bytes::from_static(HELLO.as_bytes())).map_err(|never| match never {});
            let body = Body::Stream(BodyStream::new(frames));
            Data::Response(Box::new(response(StatusCode::OK, body)))
        }
    };
    Outcome::returned(value)
}

/// Returns the outcome of a function that raised.
pub(super) fn raised() -> Outcome {
    Outcome::Raised(Box::new(Exception {
        type_name: "ValueError".to_owned(),
        message: "made up by funcdock extension check".to_owned(),
        traceback: String::new(),
    }))
}

fn response(status: StatusCode, body: Body) -> HttpResponse {
    HttpResponse {
        status,
        headers: HeaderMap::new(),
        body,
    }
}

/// The response to the call: 200 with what the function returned, or 500.
pub(super) struct Hello;

impl HttpReply for Hello {
    fn status(&self, _function: &FunctionInfo, outcome: &Outcome) -> StatusCode {
        match outcome {
            Outcome::Returned(_) => StatusCode::OK,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn stream<'a>(&self, _function: &FunctionInfo, outcome: &'a Outcome) -> Option<&'a BodyStream> {
        match outcome {
            Outcome::Returned(Returned {
                value: Data::Response(response),
                ..
            }) => response.body.stream(),
            _ => None,
        }
    }

    fn sends_body(&self, _request: Option<&HttpRequest>, _status: StatusCode, _body: &BodyStream) -> bool {
        true
    }

    fn response(&self, function: &FunctionInfo, outcome: &Outcome) -> HttpResponse {
        let body = match (self.stream(function, outcome), outcome) {
            (Some(stream), _) => Body::Stream(stream.clone()),
            (None, Outcome::Returned(_)) => HELLO.into(),
            (None, _) => Body::default(),
        };
        response(self.status(function, outcome), body)
    }
}
