//! What others need to know of a span to continue its trace.
//!
//! OpenTelemetry's own type copies every member of `tracestate` for each span, has no debug flag, and refuses keys that
//! Level 2 of W3C's trace context allows. This one has the same names.

mod trace_state;

use std::ops::RangeFull;

use opentelemetry::trace::{SpanId, TraceFlags, TraceId};

pub use trace_state::{MalformedTraceState, TraceState};

/// The flag of a trace whose id is random, which others may rely on.
const RANDOM: TraceFlags = TraceFlags::new(0x02);

/// A span as other services know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanContext {
    trace_id: TraceId,
    span_id: SpanId,
    trace_flags: TraceFlags,
    is_remote: bool,
    is_debug: bool,
    trace_state: TraceState,
}

impl SpanContext {
    /// A context of these parts, without B3's debug flag.
    pub fn new(
        trace_id: TraceId,
        span_id: SpanId,
        trace_flags: TraceFlags,
        is_remote: bool,
        trace_state: TraceState,
    ) -> Self {
        SpanContext {
            trace_id,
            span_id,
            trace_flags,
            is_remote,
            is_debug: false,
            trace_state,
        }
    }

    /// The first span of a new trace, which is not sampled yet.
    pub fn root() -> Self {
        SpanContext::new(
            TraceId::from(random(fastrand::u128)),
            SpanId::from(random(fastrand::u64)),
            RANDOM,
            false,
            TraceState::NONE,
        )
    }

    /// A span of this process with this one as its parent.
    pub fn child(&self) -> Self {
        SpanContext {
            span_id: SpanId::from(random(fastrand::u64)),
            is_remote: false,
            ..self.clone()
        }
    }

    /// The same span, as one of this process.
    pub fn local(mut self) -> Self {
        self.is_remote = false;
        self
    }

    /// The same span, sampled or not. `is_debug` is B3's emphasis on the former.
    pub fn with_decision(mut self, is_sampled: bool, is_debug: bool) -> Self {
        self.trace_flags = self.trace_flags.with_sampled(is_sampled);
        self.is_debug = is_sampled && is_debug;
        self
    }

    /// The same span, with or without B3's emphasis on a decision to sample it.
    pub fn with_debug(mut self, is_debug: bool) -> Self {
        self.is_debug = self.is_sampled() && is_debug;
        self
    }

    /// The same span with this `tracestate`.
    pub fn with_trace_state(mut self, trace_state: TraceState) -> Self {
        self.trace_state = trace_state;
        self
    }

    /// The id that all spans of the trace share.
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// The span's own id.
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// W3C's flags: "sampled" and "random".
    pub fn trace_flags(&self) -> TraceFlags {
        self.trace_flags
    }

    /// Whether the trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.trace_flags.is_sampled()
    }

    /// Whether this very trace is wanted, by B3's debug flag.
    pub fn is_debug(&self) -> bool {
        self.is_debug
    }

    /// Whether it is a span of another process.
    pub fn is_remote(&self) -> bool {
        self.is_remote
    }

    /// What tracing systems on the way added.
    pub fn trace_state(&self) -> &TraceState {
        &self.trace_state
    }
}

/// Returns an id other than zero, which is not a valid one. Ids need not be unpredictable, so the generator is a fast
/// one; each thread of each process has its own seed.
fn random<T: Default + PartialEq>(generate: impl Fn(RangeFull) -> T) -> T {
    loop {
        let id = generate(..);
        if id != T::default() {
            return id;
        }
    }
}
