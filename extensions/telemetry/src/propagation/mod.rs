//! How a trace crosses services: a caller's headers as a context, and a context as headers for the services that
//! function code calls.
//!
//! Each format has a file; here is what they have in common. Headers may hold anything: a call goes on in any case, at
//! worst as the root of a new trace.

mod b3;
mod baggage;
mod carrier;
mod hex;
mod w3c;

use crate::context::SpanContext;
use crate::sampling::Sampler;

pub use baggage::Baggage;
pub use carrier::{Carrier, HeaderList};
pub use w3c::{TraceParent, parse as parse_traceparent};

/// A format of headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagator {
    /// W3C's `traceparent` and `tracestate`.
    TraceContext,
    /// W3C's `baggage`.
    Baggage,
    /// Zipkin's `b3`.
    B3,
    /// Zipkin's `X-B3-TraceId` and its like.
    B3Multi,
}

impl Propagator {
    /// All of them.
    pub const ALL: [Propagator; 4] = [
        Propagator::TraceContext,
        Propagator::Baggage,
        Propagator::B3,
        Propagator::B3Multi,
    ];

    /// OpenTelemetry's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Propagator::TraceContext => "tracecontext",
            Propagator::Baggage => "baggage",
            Propagator::B3 => "b3",
            Propagator::B3Multi => "b3multi",
        }
    }
}

/// The formats in use, each once, in the order in which they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Propagators([Option<Propagator>; Propagator::ALL.len()]);

impl Default for Propagators {
    fn default() -> Self {
        Propagators::from_iter([Propagator::TraceContext, Propagator::Baggage])
    }
}

impl FromIterator<Propagator> for Propagators {
    fn from_iter<I: IntoIterator<Item = Propagator>>(propagators: I) -> Self {
        let mut list = [None; Propagator::ALL.len()];
        for propagator in propagators {
            // The list has a place for each format.
            if let Some(place) = list
                .iter()
                .position(|known| known.is_none_or(|known| known == propagator))
            {
                list[place] = Some(propagator);
            }
        }
        Propagators(list)
    }
}

/// The caller's decision whether the trace is sampled.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// There is no caller, or it leaves the decision to us.
    #[default]
    Deferred,
    /// It is not sampled.
    Deny,
    /// It is sampled.
    Accept,
    /// It is sampled with emphasis: somebody looks for this very trace.
    Debug,
}

impl Decision {
    /// The decision of a caller that has made one.
    pub fn of(is_sampled: bool) -> Self {
        if is_sampled {
            Decision::Accept
        } else {
            Decision::Deny
        }
    }

    fn is_sampled(self) -> Option<bool> {
        match self {
            Decision::Deferred => None,
            Decision::Deny => Some(false),
            Decision::Accept | Decision::Debug => Some(true),
        }
    }
}

/// What a call's headers say, and in which formats the trace goes on.
#[derive(Debug, Default)]
pub struct Caller {
    /// The span that calls.
    pub parent: Option<SpanContext>,
    /// Whether the caller samples the trace.
    pub decision: Decision,
    /// What the caller sends along for all services that are called.
    pub baggage: Baggage,
    /// The formats of outgoing headers.
    pub propagators: Propagators,
}

impl Caller {
    /// Returns the call's own span: the caller's child, or the root of a new trace.
    pub fn begin(&self, sampler: &Sampler) -> SpanContext {
        let span = match &self.parent {
            Some(parent) => parent.child(),
            None => SpanContext::root(),
        };
        let is_sampled = sampler.samples(span.trace_id(), self.decision.is_sampled());
        span.with_decision(is_sampled, self.decision == Decision::Debug)
    }
}

/// What the headers of one format say about the trace.
#[derive(Debug, Default)]
struct Extracted {
    parent: Option<SpanContext>,
    decision: Decision,
    /// Whether some of the headers break the format's rules.
    malformed: bool,
}

impl Extracted {
    const MALFORMED: Extracted = Extracted {
        parent: None,
        decision: Decision::Deferred,
        malformed: true,
    };
}

impl Propagators {
    /// Returns the formats in order.
    pub fn iter(&self) -> impl Iterator<Item = Propagator> + use<> {
        self.0.into_iter().flatten()
    }

    /// Reads a call's headers. The first format that names a span wins; a decision without a span counts if no format
    /// names one. Calls `malformed` for each format whose headers break its rules.
    pub fn extract(self, carrier: &impl Carrier, mut malformed: impl FnMut(Propagator)) -> Caller {
        let mut caller = Caller {
            propagators: self,
            ..Caller::default()
        };
        let mut b3_is_read = false;
        for propagator in self.iter() {
            let found = match propagator {
                Propagator::Baggage => {
                    let (baggage, is_whole) = Baggage::extract(carrier);
                    caller.baggage = baggage;
                    if !is_whole {
                        malformed(propagator);
                    }
                    continue;
                }
                _ if caller.parent.is_some() => continue,
                Propagator::TraceContext => w3c::extract(carrier),
                Propagator::B3 | Propagator::B3Multi if b3_is_read => continue,
                Propagator::B3 | Propagator::B3Multi => {
                    b3_is_read = true;
                    b3::extract(carrier)
                }
            };
            if found.malformed {
                malformed(propagator);
            }
            if found.parent.is_some() || caller.decision == Decision::Deferred {
                caller.parent = found.parent;
                caller.decision = found.decision;
            }
        }
        caller
    }

    /// Returns the headers of a request that continues this span's trace, names in lower case.
    pub fn inject(self, span: &SpanContext, baggage: &Baggage) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        for propagator in self.iter() {
            match propagator {
                Propagator::TraceContext => {
                    headers.push(("traceparent", TraceParent::of(span).as_str().to_owned()));
                    headers.push(("tracestate", span.trace_state().header().to_owned()));
                }
                Propagator::Baggage => headers.push(("baggage", baggage.header().to_owned())),
                Propagator::B3 => headers.push(("b3", b3::single(span))),
                Propagator::B3Multi => headers.extend(b3::multi(span)),
            }
        }
        headers.retain(|(_, value)| !value.is_empty());
        headers
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
