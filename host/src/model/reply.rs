//! The interface to make HTTP responses from outcomes.

use http::StatusCode;

use super::{FunctionInfo, HttpResponse, Outcome};

/// Makes the HTTP response of a trigger from an outcome. Post hooks see and change that response, so it must exist before
/// the trigger sends it.
pub trait HttpReply: Sync {
    /// Returns the status of the response.
    fn status(&self, function: &FunctionInfo, outcome: &Outcome) -> StatusCode;

    /// Returns the response. It does not contain the function's exception, which is only for the log.
    fn response(&self, function: &FunctionInfo, outcome: &Outcome) -> HttpResponse;
}
