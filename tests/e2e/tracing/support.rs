//! What the tests of tracing share.

use funcdock_tests::otlp::Receiver;
use funcdock_tests::wait_for;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;

/// The receiver's spans, once there are so many.
pub(crate) fn wait_for_spans(receiver: &Receiver, count: usize) -> Vec<Span> {
    let spans = wait_for(|| Some(receiver.spans()).filter(|spans| spans.len() >= count));
    spans.unwrap_or_else(|| panic!("{} spans of {count} came", receiver.count()))
}

/// An id as it is written.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first span of this name.
pub(crate) fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    spans
        .iter()
        .find(|span| span.name == name)
        .unwrap_or_else(|| panic!("no span {name:?} in {spans:#?}"))
}

/// An attribute as text.
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
