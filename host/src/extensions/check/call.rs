//! The call that a check makes.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, Version};
use http_body_util::{BodyExt as _, Full};
use smallvec::SmallVec;

use crate::model::{
    Body, BodyStream, Data, FunctionInfo, HttpReply, HttpRequest, HttpResponse, Inputs, Invocation, Outcome,
    Returned, Scheme, Start,
};

/// A call as an HTTP trigger makes it: `GET /api/check?name=Funcdock`.
pub(super) fn invocation() -> Arc<Invocation> {
    let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let function = FunctionInfo {
        name: "check".to_owned(),
        directory: here.to_string_lossy().into_owned(),
        trigger: "httpTrigger".to_owned(),
        trigger_name: "req".to_owned(),
        route: Some("api/check".to_owned()),
        http_outputs: Vec::new(),
    };
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
    let request = HttpRequest {
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
    };
    let start = Start {
        inputs: Inputs::of_trigger(Data::Request(Box::new(request))),
        http_reply: Some(&Hello),
        ..Start::default()
    };
    Invocation::new(Arc::new(function), start)
}

/// How the call ends: the function returned "Hello", or a streamed response with that body.
pub(super) fn outcome(is_streamed: bool) -> Outcome {
    let value = match is_streamed {
        false => Data::String(HELLO.to_owned()),
        true => {
            let frames = Full::new(Bytes::from_static(HELLO.as_bytes())).map_err(|never| match never {});
            Data::Response(Box::new(response(Body::Stream(BodyStream::new(frames)))))
        }
    };
    Outcome::returned(value)
}

pub(super) const HELLO: &str = "Hello";

fn response(body: Body) -> HttpResponse {
    HttpResponse {
        status: StatusCode::OK,
        headers: HeaderMap::new(),
        body,
    }
}

/// The response to the call: `200` with what the function returned.
struct Hello;

impl HttpReply for Hello {
    fn status(&self, _function: &FunctionInfo, _outcome: &Outcome) -> StatusCode {
        StatusCode::OK
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
        let stream = self.stream(function, outcome);
        response(stream.map_or_else(|| HELLO.into(), |stream| Body::Stream(stream.clone())))
    }
}
