//! B3, Zipkin's headers: one named `b3`, or several that begin with `X-B3-`.
//!
//! Both are read, whichever is configured, the single one first, by OpenTelemetry's rule. Our span is a child of the
//! caller's, not the same span as in Zipkin, so the parent's id is not sent.

use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

use super::{Carrier, Decision, Extracted, hex};
use crate::context::{SpanContext, TraceState};

pub(super) fn extract(carrier: &impl Carrier) -> Extracted {
    let mut malformed = false;
    if let Some(value) = carrier.get("b3") {
        match parse(value) {
            Some(found) => return found,
            None => malformed = true,
        }
    }
    match headers(carrier) {
        Some(found) => Extracted {
            malformed: malformed || found.malformed,
            ..found
        },
        None => Extracted::MALFORMED,
    }
}

/// Parses `{trace id}-{span id}-{decision}-{parent's span id}`, the last two optional, or a decision alone.
fn parse(value: &[u8]) -> Option<Extracted> {
    let mut fields = value.trim_ascii().split(|byte| *byte == b'-');
    let (first, second) = (fields.next()?, fields.next());
    let Some(second) = second else {
        return decision(first).map(|decision| Extracted {
            decision,
            ..Extracted::default()
        });
    };
    let (state, parent, more) = (fields.next(), fields.next(), fields.next());
    if parent.is_some_and(|parent| hex::span_id(parent).is_none()) || more.is_some() {
        return None;
    }
    let decision = match state {
        None => Decision::Deferred,
        Some(state) => decision(state)?,
    };
    Some(found(trace_id(first)?, hex::span_id(second)?, decision))
}

fn decision(state: &[u8]) -> Option<Decision> {
    match state {
        b"0" => Some(Decision::Deny),
        b"1" => Some(Decision::Accept),
        b"d" => Some(Decision::Debug),
        _ => None,
    }
}

/// Reads the `X-B3-` headers; `None` if they are malformed.
fn headers(carrier: &impl Carrier) -> Option<Extracted> {
    let get = |name| carrier.get(name).map(<[u8]>::trim_ascii);
    let decision = match (get("x-b3-flags"), get("x-b3-sampled")) {
        // Any other value of the flags says nothing.
        (Some(b"1"), _) => Decision::Debug,
        (_, None) => Decision::Deferred,
        // Words from before the specification.
        (_, Some(b"1" | b"true")) => Decision::Accept,
        (_, Some(b"0" | b"false")) => Decision::Deny,
        (_, Some(_)) => return None,
    };
    match (get("x-b3-traceid"), get("x-b3-spanid")) {
        (None, None) => Some(Extracted {
            decision,
            ..Extracted::default()
        }),
        (Some(trace), Some(span)) => {
            let is_malformed = |parent| hex::span_id(parent).is_none();
            if get("x-b3-parentspanid").is_some_and(is_malformed) {
                return None;
            }
            Some(found(trace_id(trace)?, hex::span_id(span)?, decision))
        }
        _ => None,
    }
}

/// Parses an id of 32 digits, or of 16 as older systems send it.
fn trace_id(digits: &[u8]) -> Option<TraceId> {
    if digits.len() != 16 {
        return hex::trace_id(digits);
    }
    let mut padded = [b'0'; 32];
    padded[16..].copy_from_slice(digits);
    hex::trace_id(&padded)
}

fn found(trace_id: TraceId, span_id: SpanId, decision: Decision) -> Extracted {
    let parent = SpanContext::new(trace_id, span_id, TraceFlags::default(), true, TraceState::NONE);
    let is_sampled = decision.is_sampled() == Some(true);
    Extracted {
        parent: Some(parent.with_decision(is_sampled, decision == Decision::Debug)),
        decision,
        malformed: false,
    }
}

/// The value of `b3`.
pub(super) fn single(span: &SpanContext) -> String {
    let state = match (span.is_sampled(), span.is_debug()) {
        (false, _) => '0',
        (true, false) => '1',
        (true, true) => 'd',
    };
    format!("{:032x}-{:016x}-{state}", span.trace_id(), span.span_id())
}

/// The `X-B3-` headers.
pub(super) fn multi(span: &SpanContext) -> [(&'static str, String); 3] {
    let state = match (span.is_sampled(), span.is_debug()) {
        (false, _) => ("x-b3-sampled", "0"),
        (true, false) => ("x-b3-sampled", "1"),
        // It implies the other header, which must not be sent along.
        (true, true) => ("x-b3-flags", "1"),
    };
    [
        ("x-b3-traceid", format!("{:032x}", span.trace_id())),
        ("x-b3-spanid", format!("{:016x}", span.span_id())),
        (state.0, state.1.to_owned()),
    ]
}

#[cfg(test)]
mod tests;
