//! Requests for calls that are announced in another way: no route leads to them, and each has a part of the call's data.
//!
//! Microsoft's Functions host announces calls over gRPC, and passes their requests on over HTTP.

use std::pin::{Pin, pin};
use std::sync::Arc;

use http::{HeaderMap, Response, StatusCode};
use smallvec::SmallVec;
use tokio::sync::oneshot;

use super::responses::{self, ResponseBody};
use crate::model::{CallResult, Invocation, Start};
use crate::pipeline::LoadedFunction;
use crate::triggers::Calls;

/// Knows the calls that are announced.
pub(crate) trait AnnouncedCalls: Send + Sync + 'static {
    /// Waits for the call that the request with these headers is for, and takes it. Cancelled when the client leaves.
    fn take<'a>(&'a self, headers: &'a HeaderMap) -> Taking<'a>;
}

/// A future of [`AnnouncedCalls::take`].
pub(crate) type Taking<'a> =
    Pin<Box<dyn Future<Output = Result<Box<AnnouncedCall>, NotAnnounced>> + Send + 'a>>;

/// A call that is made when its request has come.
pub(crate) struct AnnouncedCall {
    pub(crate) function: Arc<LoadedFunction>,
    pub(crate) route_params: SmallVec<[(String, String); 2]>,
    /// All but the request.
    pub(crate) start: Start,
    /// Gets the result. Dropped if the call is not made, as its request cannot be read.
    pub(crate) caller: Box<dyn Caller>,
}

/// Whoever has announced a call.
pub(crate) trait Caller: Send {
    /// Takes the result of the call, when its function has returned. A body that is a stream follows later.
    fn ended<'a>(
        self: Box<Self>,
        invocation: &'a Invocation,
        result: &'a CallResult,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;
}

/// Why there is no call for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAnnounced {
    /// It does not say for which call it is.
    #[error(
        "only the Functions host may send requests here, each with the id of its call in x-ms-invocation-id"
    )]
    NoId,
    /// Nobody has announced the call in time.
    #[error("the Functions host has not started the call that this request names in x-ms-invocation-id")]
    Unknown,
    /// Another request waits for the same call.
    #[error("another request names the same call in x-ms-invocation-id")]
    Twice,
    /// The worker ends.
    #[error("the worker stops")]
    Stopping,
}

impl NotAnnounced {
    /// Returns the response to the request.
    pub(super) fn response(self) -> Response<ResponseBody> {
        let status = match self {
            NotAnnounced::NoId => StatusCode::BAD_REQUEST,
            NotAnnounced::Unknown => StatusCode::NOT_FOUND,
            NotAnnounced::Twice => StatusCode::CONFLICT,
            NotAnnounced::Stopping => return responses::stopping(),
        };
        responses::plain(status, format!("{self}\n"))
    }
}

/// Makes an announced call, as a task: whoever has announced it gets the result also when the client of the request leaves.
/// `None` if the worker gives the task up.
pub(super) async fn call<G: Send + Sync + 'static>(
    calls: &Calls,
    function: Arc<LoadedFunction>,
    start: Start,
    caller: Box<dyn Caller>,
    held: G,
) -> Option<(Arc<Invocation>, CallResult)> {
    let (mut sender, receiver) = oneshot::channel();
    let handle = calls.clone();
    calls.spawn(async move {
        let departure = start.departure.clone();
        let mut call = pin!(handle.call(function, start, held));
        let ended = tokio::select! {
            biased;
            ended = &mut call => ended,
            () = sender.closed() => {
                if let Some(departure) = departure {
                    departure.leave();
                }
                call.await
            }
        };
        caller.ended(&ended.0, &ended.1).await;
        // Fails when the client has left: nobody makes anything of a stream then.
        drop(sender.send(ended));
    });
    receiver.await.ok()
}
