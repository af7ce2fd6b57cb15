//! The interface to make HTTP responses from outcomes.

use http::StatusCode;

use super::{BodyStream, FunctionInfo, HttpRequest, HttpResponse, Outcome};

/// Makes the HTTP response of a trigger from an outcome. Post hooks see and change that response, so it must exist before
/// the trigger sends it.
pub trait HttpReply: Sync {
    /// Returns the status of the response.
    fn status(&self, function: &FunctionInfo, outcome: &Outcome) -> StatusCode;

    /// Returns the body of the response if it is a stream.
    fn stream<'a>(&self, function: &FunctionInfo, outcome: &'a Outcome) -> Option<&'a BodyStream>;

    /// Whether this body of a response with this status to this request is sent: HTTP says that some have none.
    fn sends_body(&self, request: Option<&HttpRequest>, status: StatusCode, body: &BodyStream) -> bool;

    /// Returns the response. It does not contain the function's exception, which is only for the log.
    fn response(&self, function: &FunctionInfo, outcome: &Outcome) -> HttpResponse;
}
