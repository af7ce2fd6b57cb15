//! The span of a call itself, from its pre hook to its last hook.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use funcdock_extension_api::{AppInfo, Invocation};
use funcdock_telemetry::context::SpanContext;
use funcdock_telemetry::conventions::TracedFunction;
use funcdock_telemetry::export::Pipeline;
use funcdock_telemetry::propagation::{
    Caller, Decision, Propagator, Propagators, TraceParent, parse_traceparent,
};
use funcdock_telemetry::sampling::Samplers;

use crate::call::{self, Call, CallEnd};
use crate::counters::MalformedHeaders;
use crate::request::IncomingHeaders;
use crate::traced_calls::TracedCalls;

/// Starts and ends the spans of calls. Used by any number of threads.
pub(crate) struct ServerSpans {
    pipeline: Arc<Pipeline>,
    samplers: Arc<Samplers>,
    propagators: Propagators,
    malformed: MalformedHeaders,
    traced_calls: TracedCalls,
}

/// What a call keeps until its end, if it is recorded or its response is streamed.
pub(crate) struct PendingCall {
    /// `None` if it is not recorded.
    pub(crate) span: Option<PendingSpan>,
    /// The HTTP status of a streamed response.
    pub(crate) http_status: Option<u16>,
}

/// A call's span before its end. The span itself is made then, or when function code uses its tracer.
pub(crate) struct PendingSpan {
    function: &'static TracedFunction,
    context: SpanContext,
    parent: Option<SpanContext>,
    /// Whether it is the worker's first call.
    pub(crate) is_cold: bool,
}

impl ServerSpans {
    pub(crate) fn new(
        app: &AppInfo<'_>,
        pipeline: Arc<Pipeline>,
        samplers: Arc<Samplers>,
        propagators: Propagators,
    ) -> Self {
        ServerSpans {
            pipeline,
            samplers,
            propagators,
            malformed: MalformedHeaders::register(app, propagators),
            traced_calls: TracedCalls::default(),
        }
    }

    /// Continues the caller's trace, and makes it the trace context of the call. Returns `None` if the call is not recorded.
    pub(crate) fn start(
        &self,
        call: &mut Invocation<'_>,
        function: &'static TracedFunction,
        is_cold: bool,
    ) -> Option<Box<PendingCall>> {
        let malformed = |propagator| self.malformed.count(propagator);
        let caller = self.propagators.extract(&IncomingHeaders::of(call), malformed);
        let context = caller.begin(self.samplers.of(function.name));
        call.set_trace_context(TraceParent::of(&context).as_str(), context.trace_state().header());
        self.is_recorded(&context).then(|| {
            Box::new(PendingCall {
                span: Some(PendingSpan {
                    function,
                    context,
                    parent: caller.parent,
                    is_cold,
                }),
                http_status: None,
            })
        })
    }

    /// Returns the call whose spans a tracer opens. Its own span is the trace context that [`start`](Self::start) has set;
    /// `None` without one.
    pub(crate) fn traced_call(
        &self,
        call: &Invocation<'_>,
        function: impl FnOnce() -> &'static TracedFunction,
    ) -> Option<Arc<Call>> {
        let trace = call.trace_context();
        let tracestate = trace.tracestate.parse().unwrap_or_default();
        let context = parse_traceparent(trace.traceparent)?
            .local()
            .with_trace_state(tracestate);
        let (id, is_recorded) = (context.span_id(), self.is_recorded(&context));
        let make = || {
            // The trace context is our own by now; the other formats still have what it cannot say.
            let others = self
                .propagators
                .iter()
                .filter(|format| *format != Propagator::TraceContext);
            let sent = Propagators::from_iter(others).extract(&IncomingHeaders::of(call), |_| {});
            let caller = Caller {
                baggage: sent.baggage,
                propagators: self.propagators,
                ..Caller::default()
            };
            let context = context.with_debug(sent.decision == Decision::Debug);
            Call::start(Arc::clone(&self.pipeline), function(), context, caller)
        };
        Some(match is_recorded {
            true => self.traced_calls.get_or_make(id, make),
            false => Arc::new(make()),
        })
    }

    /// Exports a call's span, which ended at `at` after so many nanoseconds.
    pub(crate) fn end(&self, span: PendingSpan, end: &CallEnd<'_>, at: SystemTime, took: u64) {
        // If the wall clock is set during a call, its duration is right and its start is not.
        let start = at - Duration::from_nanos(took);
        let PendingSpan {
            function,
            context,
            parent,
            ..
        } = span;
        match self.traced_calls.take(context.span_id()) {
            Some(traced) => {
                traced.invocation().set_origin(start, parent.as_ref());
                traced.finish(end, at);
            }
            None => {
                let span = call::server_span(&self.pipeline, function, context, parent.as_ref(), start);
                call::end_server_span(&span, &self.pipeline, function, end, at);
            }
        }
    }

    fn is_recorded(&self, context: &SpanContext) -> bool {
        context.is_sampled() && self.pipeline.is_on()
    }
}
