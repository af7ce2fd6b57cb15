//! Helpers for the tests of tracing.

use funcdock_tests::otlp::Receiver;
use funcdock_tests::wait_for;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

/// Waits until the receiver has `count` spans, and returns them.
pub(crate) fn wait_for_spans(receiver: &Receiver, count: usize) -> Vec<Span> {
    let spans = wait_for(|| Some(receiver.spans()).filter(|spans| spans.len() >= count));
    spans.unwrap_or_else(|| panic!("{} of {count} spans arrived", receiver.count()))
}

/// Returns an id in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the first span with this name.
pub(crate) fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans
        .iter()
        .find(|span| span.name == name)
        .unwrap_or_else(|| panic!("no span {name:?} in {spans:#?}"))
}

/// Returns an attribute as text.
pub(crate) fn attribute(span: &Span, key: &str) -> String {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref());
    match value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    }
}
