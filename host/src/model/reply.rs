//! How a trigger that answers HTTP makes a response of an outcome.

use http::StatusCode;

use super::{FunctionInfo, HttpResponse, Outcome};

/// How a trigger that answers HTTP turns an outcome into its response. Post hooks see and change that response, so it
/// has to be known before the trigger sends it.
pub trait HttpReply: Sync {
    /// The status of the response.
    fn status(&self, function: &FunctionInfo, outcome: &Outcome) -> StatusCode;

    /// The response. What the function raised is for the log, not for the client.
    fn response(&self, function: &FunctionInfo, outcome: &Outcome) -> HttpResponse;
}
