//! What a pre hook decides.

use abi_stable::std_types::{RBox, Tuple2};

use crate::{Error, Result, abi};

/// What happens after a pre hook.
#[derive(Debug)]
#[non_exhaustive]
pub enum Flow<State> {
    /// Go on. The post hook gets this state.
    Continue(State),
    /// Do not call the function: answer this. The post hooks of extensions before this one still run.
    Respond(Response),
    /// Do not call the function: the invocation fails with this error (HTTP 500, logged).
    Fail(Error),
}

/// An answer that a pre hook gives instead of the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status code, 200 or above: what is below is no answer yet.
    pub status: u16,
    /// Header names and values; names may repeat.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer with this status and no body.
    pub fn new(status: u16) -> Self {
        Response {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn into_abi(self) -> abi::Response {
        abi::Response {
            status: self.status,
            headers: self
                .headers
                .into_iter()
                .map(|(name, value)| Tuple2(name.into(), value.into()))
                .collect(),
            body: self.body.into(),
        }
    }
}

/// Puts the state of `Continue` where the host keeps it, and the rest into its border form.
pub(crate) fn into_abi<S>(result: Result<Flow<S>>, keep: impl FnOnce(S)) -> abi::PreResult {
    match result {
        Ok(Flow::Continue(state)) => {
            keep(state);
            abi::PreResult::Continue
        }
        Ok(Flow::Respond(response)) => abi::PreResult::Respond(RBox::new(response.into_abi())),
        Ok(Flow::Fail(error)) => abi::PreResult::Fail(RBox::new(error.into_abi())),
        Err(error) => abi::PreResult::Error(RBox::new(error.into_abi())),
    }
}
