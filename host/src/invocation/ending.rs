//! The end of an invocation as post hooks see and change it: the outcome, and the HTTP response that it becomes.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};

use super::{Datum, HttpResponse, Invocation, Outcome};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// How an invocation ended, on its way through the post hooks.
#[derive(Debug)]
pub struct Ending {
    outcome: Outcome,
    /// Made when a hook changes the response, or asks for that of an outcome that does not hold one. Never the one
    /// in `outcome` itself: a hook may hold on to what the function returned while it changes the answer.
    response: Option<Box<HttpResponse>>,
    allocated_blocks: Option<(u64, u64)>,
}

impl Ending {
    /// The end of `invocation`.
    pub fn new(invocation: &Invocation, outcome: Outcome) -> Self {
        Ending {
            outcome,
            response: None,
            allocated_blocks: invocation.allocated_blocks.get().copied(),
        }
    }

    /// How it ended.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Ends it otherwise: what there was of a response is gone.
    pub(crate) fn replace(&mut self, outcome: Outcome) {
        self.outcome = outcome;
        self.response = None;
    }

    /// The status of the HTTP answer.
    pub fn http_status(&self) -> StatusCode {
        self.response
            .as_ref()
            .map_or_else(|| self.outcome.http_status(), |response| response.status)
    }

    /// Blocks of memory before and after the function, where they were counted.
    pub(crate) fn allocated_blocks(&self) -> Option<(u64, u64)> {
        self.allocated_blocks
    }

    /// The HTTP response, for reading.
    pub(crate) fn response(&mut self) -> &HttpResponse {
        match (&self.response, &self.outcome) {
            (None, Outcome::Returned(Datum::Http(response)) | Outcome::Answered { response, .. }) => response,
            _ => self
                .response
                .get_or_insert_with(|| Box::new(response(&self.outcome))),
        }
    }

    /// The HTTP response, for changing.
    pub(crate) fn response_mut(&mut self) -> &mut HttpResponse {
        self.response
            .get_or_insert_with(|| Box::new(response(&self.outcome)))
    }

    /// The HTTP response to send.
    pub fn into_response(self) -> HttpResponse {
        if let Some(response) = self.response {
            return *response;
        }
        match self.outcome {
            Outcome::Returned(Datum::Http(response)) | Outcome::Answered { response, .. } => *response,
            Outcome::Returned(Datum::String(text)) => with_body(TEXT, text.into()),
            Outcome::Returned(Datum::Bytes(bytes)) => with_body(BYTES, bytes),
            outcome => empty(outcome.http_status()),
        }
    }
}

/// What the function raised is for the log, not for the client.
fn response(outcome: &Outcome) -> HttpResponse {
    match outcome {
        Outcome::Returned(Datum::Http(response)) | Outcome::Answered { response, .. } => (**response).clone(),
        Outcome::Returned(Datum::String(text)) => with_body(TEXT, Bytes::copy_from_slice(text.as_bytes())),
        Outcome::Returned(Datum::Bytes(bytes)) => with_body(BYTES, bytes.clone()),
        outcome => empty(outcome.http_status()),
    }
}

fn with_body(content_type: HeaderValue, body: Bytes) -> HttpResponse {
    let mut response = empty(StatusCode::OK);
    response.headers.insert(CONTENT_TYPE, content_type);
    response.body = body;
    response
}

fn empty(status: StatusCode) -> HttpResponse {
    HttpResponse {
        status,
        headers: HeaderMap::new(),
        body: Bytes::new(),
    }
}
