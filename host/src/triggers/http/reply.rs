//! Makes HTTP responses from outcomes.
//!
//! | outcome | response |
//! |---|---|
//! | returned an `HttpResponse` | that one |
//! | returned text, JSON, bytes, a number or a collection | 200 with this body |
//! | returned nothing, and set an output binding of type `http` | as if it had returned that value |
//! | returned nothing | 204 |
//! | raised, or refused by an extension | 500: the log has the exception, the client does not get it |
//! | timed out | 504 |
//! | cancelled, as the worker stops | 503 |
//! | answered by an extension | its response |

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::responses::{self, JSON, TEXT};
use crate::model::{
    Body, BodyStream, CallResult, Data, FunctionInfo, HttpReply, HttpRequest, HttpResponse, Outcome, Returned,
};

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The reply of this trigger.
pub(crate) struct Reply;

impl HttpReply for Reply {
    fn status(&self, function: &FunctionInfo, outcome: &Outcome) -> StatusCode {
        match outcome {
            Outcome::Returned(returned) => match value(function, returned) {
                Data::None => StatusCode::NO_CONTENT,
                Data::Response(response) => response.status,
                _ => StatusCode::OK,
            },
            Outcome::Answered { response, .. } => response.status,
            Outcome::Raised(_) | Outcome::Refused { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Outcome::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Outcome::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn stream<'a>(&self, function: &FunctionInfo, outcome: &'a Outcome) -> Option<&'a BodyStream> {
        let Outcome::Returned(returned) = outcome else {
            // An extension answers with a whole body.
            return None;
        };
        match value(function, returned) {
            Data::Response(response) => response.body.stream(),
            Data::Stream(stream) => Some(stream),
            Data::Request(request) => request.body.stream(),
            _ => None,
        }
    }

    fn sends_body(&self, request: Option<&HttpRequest>, status: StatusCode, body: &BodyStream) -> bool {
        if body.is_of_websocket() {
            return status == StatusCode::SWITCHING_PROTOCOLS;
        }
        let is_head = request.is_some_and(|request| request.method == Method::HEAD);
        !is_head && !responses::is_bodyless(status)
    }

    fn response(&self, function: &FunctionInfo, outcome: &Outcome) -> HttpResponse {
        match outcome {
            Outcome::Returned(returned) => of_value(value(function, returned).clone()),
            Outcome::Answered { response, .. } => (**response).clone(),
            outcome => empty(self.status(function, outcome)),
        }
    }
}

/// Returns the response to send.
pub(crate) fn into_response(function: &FunctionInfo, result: CallResult) -> HttpResponse {
    match result.into_parts() {
        (_, Some(response)) => response,
        (Outcome::Answered { response, .. }, None) => *response,
        (Outcome::Returned(returned), None) => of_value(into_value(function, returned)),
        (outcome, None) => empty(Reply.status(function, &outcome)),
    }
}

/// What makes the response: the return value, else the first output binding of type `http` that was set.
fn value<'a>(function: &FunctionInfo, returned: &'a Returned) -> &'a Data {
    if function.returns_response && !returned.value.is_none() {
        return &returned.value;
    }
    let mut outputs = returned.outputs.iter();
    let found = outputs.find(|output| is_http(function, &output.name));
    found.map_or(&Data::None, |output| &output.data)
}

/// Like [`value`], without a copy.
fn into_value(function: &FunctionInfo, returned: Returned) -> Data {
    if function.returns_response && !returned.value.is_none() {
        return returned.value;
    }
    let mut outputs = returned.outputs.into_iter();
    let found = outputs.find(|output| is_http(function, &output.name));
    found.map_or(Data::None, |output| output.data)
}

fn is_http(function: &FunctionInfo, output: &str) -> bool {
    function.http_outputs.iter().any(|name| name == output)
}

fn of_value(value: Data) -> HttpResponse {
    match value {
        Data::None => empty(StatusCode::NO_CONTENT),
        Data::Response(response) => *response,
        Data::String(text) => with_body(TEXT, text.into()),
        Data::Json(text) => with_body(JSON, text.into()),
        Data::Bytes(bytes) => with_body(BYTES, bytes.into()),
        Data::Stream(stream) => with_body(BYTES, Body::Stream(stream)),
        Data::Blob(blob) => with_body(BYTES, Body::Stream(blob.content)),
        Data::Request(request) => with_body(BYTES, request.body),
        Data::Int(number) => with_body(JSON, number.to_string().into()),
        Data::Double(number) => json(number),
        Data::Strings(texts) => json(texts),
        Data::Ints(numbers) => json(numbers),
        Data::Doubles(numbers) => json(numbers),
        Data::Reference(reference) => with_body(BYTES, reference.content.into()),
        Data::References(all) => {
            let parts: Vec<_> = all.iter().map(|reference| &*reference.content).collect();
            with_body(BYTES, Bytes::from(parts.concat()).into())
        }
        Data::ByteStrings(parts) => with_body(BYTES, Bytes::from(parts.concat()).into()),
    }
}

fn json(value: impl Into<serde_json::Value>) -> HttpResponse {
    with_body(JSON, value.into().to_string().into())
}

fn with_body(content_type: HeaderValue, body: Body) -> HttpResponse {
    let mut response = empty(StatusCode::OK);
    response.headers.insert(CONTENT_TYPE, content_type);
    response.body = body;
    response
}

fn empty(status: StatusCode) -> HttpResponse {
    HttpResponse {
        status,
        headers: HeaderMap::new(),
        body: Body::default(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{Exception, Output};

    fn function(http_outputs: &[&str]) -> FunctionInfo {
        FunctionInfo {
            returns_response: true,
            name: "f".to_owned(),
            directory: "/f".to_owned(),
            trigger: "httpTrigger".to_owned(),
            trigger_name: "req".to_owned(),
            route: Some("api/f".to_owned()),
            http_outputs: http_outputs.iter().map(ToString::to_string).collect(),
        }
    }

    fn output(name: &str, text: &str) -> Output {
        Output {
            name: name.into(),
            data: Data::String(text.to_owned()),
        }
    }

    fn with_outputs(value: Data) -> Outcome {
        Outcome::Returned(Returned {
            value,
            outputs: vec![output("queue", "a message"), output("response", "an answer")],
        })
    }

    #[test]
    fn each_outcome_has_its_response() {
        let error = || {
            Box::new(Exception {
                type_name: "ValueError".to_owned(),
                message: "secret".to_owned(),
                traceback: String::new(),
            })
        };
        let teapot = || HttpResponse {
            status: StatusCode::IM_A_TEAPOT,
            headers: HeaderMap::new(),
            body: "tea".into(),
        };
        let cases: Vec<(Outcome, u16, &str, &str, &str)> = vec![
            (Outcome::returned(Data::None), 204, "", "", "nothing"),
            (
                Outcome::returned(Data::String("a".to_owned())),
                200,
                "a",
                "text/plain; charset=utf-8",
                "text",
            ),
            (
                Outcome::returned(Data::Json("{}".to_owned())),
                200,
                "{}",
                "application/json",
                "JSON",
            ),
            (
                Outcome::returned(Data::Bytes("b".into())),
                200,
                "b",
                "application/octet-stream",
                "bytes",
            ),
            (
                Outcome::returned(Data::Ints(vec![1, 2])),
                200,
                "[1,2]",
                "application/json",
                "a collection",
            ),
            (
                Outcome::returned(Data::Response(Box::new(teapot()))),
                418,
                "tea",
                "",
                "a response",
            ),
            (
                with_outputs(Data::None),
                200,
                "an answer",
                "text/plain; charset=utf-8",
                "the http output",
            ),
            (
                with_outputs(Data::String("value".to_owned())),
                200,
                "value",
                "text/plain; charset=utf-8",
                "the return value wins",
            ),
            (Outcome::Raised(error()), 500, "", "", "raised"),
            (
                Outcome::Refused {
                    extension: "x".into(),
                    error: error(),
                },
                500,
                "",
                "",
                "refused",
            ),
            (Outcome::TimedOut(Duration::ZERO), 504, "", "", "timed out"),
            (Outcome::Cancelled, 503, "", "", "cancelled"),
            (
                Outcome::Answered {
                    extension: "x".into(),
                    response: Box::new(teapot()),
                },
                418,
                "tea",
                "",
                "answered",
            ),
        ];
        let function = function(&["unset", "response"]);
        for (outcome, status, body, content_type, reason) in cases {
            assert_eq!(Reply.status(&function, &outcome).as_u16(), status, "{reason}");
            let seen = Reply.response(&function, &outcome);
            let sent = into_response(&function, CallResult::new(outcome));
            assert_eq!(seen, sent, "{reason}: hooks see the response that is sent");
            assert_eq!(sent.status.as_u16(), status, "{reason}");
            assert_eq!(sent.body, Body::from(body.to_owned()), "{reason}");
            let found = sent.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
            assert_eq!(found.unwrap_or_default(), content_type.as_bytes(), "{reason}");
        }
    }

    #[test]
    fn an_output_of_another_binding_does_not_make_a_response() {
        let outcome = with_outputs(Data::None);
        let sent = into_response(&function(&[]), CallResult::new(outcome));
        assert_eq!(sent.status, StatusCode::NO_CONTENT);
    }

    #[test]
    fn a_stream_is_seen_wherever_it_is_returned() {
        let frames = http_body_util::Empty::new();
        let stream = BodyStream::new(http_body_util::BodyExt::map_err(frames, |never| match never {}));
        let response = || HttpResponse {
            body: Body::Stream(stream.clone()),
            ..empty(StatusCode::OK)
        };
        let output = Output {
            name: "response".into(),
            data: Data::Response(Box::new(response())),
        };
        let outcomes = [
            Outcome::returned(Data::Stream(stream.clone())),
            Outcome::returned(Data::Response(Box::new(response()))),
            Outcome::Returned(Returned {
                value: Data::None,
                outputs: vec![output],
            }),
        ];
        let function = function(&["response"]);
        for outcome in outcomes {
            assert_eq!(Reply.stream(&function, &outcome), Some(&stream), "{outcome:?}");
        }
        let whole = Outcome::returned(Data::String("whole".to_owned()));
        assert_eq!(Reply.stream(&function, &whole), None);
        assert_eq!(Reply.stream(&function, &Outcome::Cancelled), None);
    }
}
