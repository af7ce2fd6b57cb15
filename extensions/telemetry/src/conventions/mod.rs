//! What a function's span says about its call, by OpenTelemetry's semantic conventions for FaaS and HTTP.

mod faas;
mod http;

pub use faas::{TracedFunction, faas_trigger};
pub use http::Request;

use crate::encode::Attributes;

/// The attribute that has the id of a call, of its span and its log records.
pub(crate) const INVOCATION_ID: &str = "faas.invocation_id";

/// The attribute that has the function's name, of log records for Application Insights. The companion of the extension
/// `opencensus` writes it; the conventions have no name for it that is not the resource's.
pub(crate) const FUNCTION: &str = "funcdock.function";

/// Writes the attributes of a call's span.
pub fn write(
    attributes: &mut Attributes<'_>,
    function: &TracedFunction,
    invocation_id: &str,
    is_cold: bool,
    request: Option<&Request<'_>>,
) {
    function.write(attributes);
    attributes.string(INVOCATION_ID, invocation_id);
    attributes.bool("faas.coldstart", is_cold);
    if let Some(request) = request {
        request.write(attributes);
    }
}

#[cfg(test)]
mod tests;
