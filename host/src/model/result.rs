//! The result of a call on its way through the post hooks: the outcome, and the HTTP response that hooks have changed.

use http::StatusCode;

use super::{Data, HttpResponse, Invocation, Outcome, Returned};

/// The result of a call.
#[derive(Debug)]
pub struct CallResult {
    outcome: Outcome,
    /// Made when a hook changes the response, or reads that of an outcome that does not hold one. Never the one in
    /// `outcome` itself: a hook may hold on to what the function returned while it changes the response.
    response: Option<Box<HttpResponse>>,
}

impl CallResult {
    /// The result of a call that ended like this.
    pub fn new(outcome: Outcome) -> Self {
        CallResult {
            outcome,
            response: None,
        }
    }

    /// How the call ended.
    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Replaces the outcome, and drops the response that hooks have changed.
    pub fn replace(&mut self, outcome: Outcome) {
        self.outcome = outcome;
        self.response = None;
    }

    /// The status of the HTTP response; `None` where the trigger does not answer HTTP.
    pub fn http_status(&self, invocation: &Invocation) -> Option<StatusCode> {
        let reply = invocation.http_reply()?;
        Some(match &self.response {
            Some(response) => response.status,
            None => reply.status(invocation.function(), &self.outcome),
        })
    }

    /// The HTTP response, for reading; `None` where the trigger does not answer HTTP.
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

    /// The HTTP response, for changing; `None` where the trigger does not answer HTTP.
    pub fn response_mut(&mut self, invocation: &Invocation) -> Option<&mut HttpResponse> {
        let reply = invocation.http_reply()?;
        let outcome = &self.outcome;
        let make = || Box::new(reply.response(invocation.function(), outcome));
        Some(self.response.get_or_insert_with(make))
    }

    /// The outcome, and the HTTP response where hooks have changed or read it: then it replaces the outcome's own.
    pub fn into_parts(self) -> (Outcome, Option<HttpResponse>) {
        (self.outcome, self.response.map(|response| *response))
    }
}
