//! The result of a call during the post hooks: the outcome, and the HTTP response that hooks have changed.

use http::StatusCode;

use super::{BodyStream, Data, HttpResponse, Invocation, Outcome, Returned};

/// The result of a call.
#[derive(Debug)]
pub struct CallResult {
    outcome: Outcome,
    /// Made when a hook changes the response, or reads the response of an outcome that does not contain one. Never the one
    /// in `outcome`: a hook may keep a reference to the return value while it changes the response.
    response: Option<Box<HttpResponse>>,
}

impl CallResult {
    /// Returns the result of a call with this outcome.
    pub fn new(outcome: Outcome) -> Self {
        CallResult {
            outcome,
            response: None,
        }
    }

    /// Returns the outcome.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Replaces the outcome, and drops the response that hooks have changed.
    pub fn replace(&mut self, outcome: Outcome) {
        self.outcome = outcome;
        self.response = None;
    }

    /// Returns the status of the HTTP response; `None` if the trigger does not respond over HTTP.
    pub fn http_status(&self, invocation: &Invocation) -> Option<StatusCode> {
        let reply = invocation.http_reply()?;
        Some(match &self.response {
            Some(response) => response.status,
            None => reply.status(invocation.function(), &self.outcome),
        })
    }

    /// Returns the body of the HTTP response if it is a stream.
    #[inline]
    pub fn stream(&self, invocation: &Invocation) -> Option<&BodyStream> {
        let reply = invocation.http_reply()?;
        match &self.response {
            Some(response) => response.body.stream(),
            None => reply.stream(invocation.function(), &self.outcome),
        }
    }

    /// Returns the HTTP response, for reading; `None` if the trigger does not respond over HTTP.
    pub fn response(&mut self, invocation: &Invocation) -> Option<&HttpResponse> {
        let reply = invocation.http_reply()?;
        Some(match (&self.response, &self.outcome) {
            (
                None,
                Outcome::Returned(Returned {
                    value: Data::Response(response),
                    ..
                })
                | Outcome::Answered { response, .. },
            ) => response,
            _ => self
                .response
                .get_or_insert_with(|| Box::new(reply.response(invocation.function(), &self.outcome))),
        })
    }

    /// Returns the HTTP response, for changing; `None` if the trigger does not respond over HTTP.
    pub fn response_mut(&mut self, invocation: &Invocation) -> Option<&mut HttpResponse> {
        let reply = invocation.http_reply()?;
        let outcome = &self.outcome;
        let make = || Box::new(reply.response(invocation.function(), outcome));
        Some(self.response.get_or_insert_with(make))
    }

    /// Returns the outcome, and the HTTP response if hooks have changed or read it: it then replaces the outcome's own.
    pub fn into_parts(self) -> (Outcome, Option<HttpResponse>) {
        (self.outcome, self.response.map(|response| *response))
    }
}
