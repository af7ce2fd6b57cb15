//! What a pre hook decides.

use std::fmt;

use abi_stable::std_types::{RBox, Tuple2};

use crate::{Error, Result, Wait, abi};

/// What happens after a pre hook.
#[non_exhaustive]
pub enum Flow<State> {
    /// Go on. The post hook gets this state.
    Continue(State),
    /// Do not call the function: answer this. The post hooks of extensions before this one still run.
    Respond(Response),
    /// Do not call the function: the invocation fails with this error (HTTP 500, logged).
    Fail(Error),
    /// Not decided yet; see [`Flow::wait`].
    Wait(Wait<State>),
}

impl<State: Send + 'static> Flow<State> {
    /// Leaves the decision to a future, which the host polls: waiting blocks no thread. It is polled within a tokio
    /// runtime of the host's, not of the extension's: what it awaits brings its own, such as a channel's receiver
    /// that a thread of the extension sends to. It is dropped unfinished when the invocation times out.
    ///
    /// To set attributes once it knows more, let it keep an [`Invocation::handle`](crate::Invocation::handle).
    pub fn wait(future: impl Future<Output = Result<Flow<State>>> + Send + 'static) -> Self {
        Flow::Wait(Wait::new(future))
    }
}

impl<State: fmt::Debug> fmt::Debug for Flow<State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flow::Continue(state) => f.debug_tuple("Continue").field(state).finish(),
            Flow::Respond(response) => f.debug_tuple("Respond").field(response).finish(),
            Flow::Fail(error) => f.debug_tuple("Fail").field(error).finish(),
            Flow::Wait(_) => f.write_str("Wait"),
        }
    }
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

/// Puts the state of `Continue` where the host keeps it, a future into the hands of the host, and the rest into its
/// border form. `invocation` is the one whose hook this is, unless that is a future itself.
pub(crate) fn into_abi<S: Send + 'static>(
    result: Result<Flow<S>>,
    invocation: Option<abi::Invocation>,
    keep: impl FnOnce(S),
) -> abi::PreResult {
    match result {
        Ok(Flow::Wait(later)) => {
            let registered = match invocation {
                Some(invocation) => later.register(invocation),
                None => Err(Error::msg(
                    "a future that waits returned Flow::wait: await the second future in the first",
                )),
            };
            match registered {
                Ok(()) => abi::PreResult::Continue,
                Err(error) => abi::PreResult::Error(RBox::new(error.into_abi())),
            }
        }
        Ok(Flow::Continue(state)) => {
            keep(state);
            abi::PreResult::Continue
        }
        Ok(Flow::Respond(response)) => abi::PreResult::Respond(RBox::new(response.into_abi())),
        Ok(Flow::Fail(error)) => abi::PreResult::Fail(RBox::new(error.into_abi())),
        Err(error) => abi::PreResult::Error(RBox::new(error.into_abi())),
    }
}
