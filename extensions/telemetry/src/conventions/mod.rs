//! What a function's span says about its call, by OpenTelemetry's semantic conventions for FaaS and HTTP.

mod faas;
mod http;

pub use faas::{TracedFunction, faas_trigger};
pub use http::Request;

use crate::encode::Attributes;

/// Writes the attributes of a call's span.
pub fn write(
    attributes: &mut Attributes<'_>,
    function: &TracedFunction,
    invocation_id: &str,
    is_cold: bool,
    request: Option<&Request<'_>>,
) {
    function.write(attributes);
    attributes.string("faas.invocation_id", invocation_id);
    attributes.bool("faas.coldstart", is_cold);
    if let Some(request) = request {
        request.write(attributes);
    }
}

#[cfg(test)]
mod tests;
