//! A span an invocation, child of the caller's, and a tracer for function code: `context.tracer`. Metrics of
//! functions and the records of Python's `logging` besides.
//!
//! host.json switches it on under the name "opencensus"; [`Settings`] are its settings. It is written with
//! what every author of an extension has: the extension API, and libraries.
//!
//! OpenTelemetry's crates give the model: ids, flags, resources, values. The way of a span is our own and
//! short: it is encoded once, as OTLP has it, into the batch that the exporter's thread takes.

mod asked;
mod attributes;
mod call;
mod context;
mod encode;
mod export;
mod forwarded;
mod functions;
mod logs;
mod malformed;
mod metrics;
mod object;
mod propagation;
mod resource;
mod sampler;
mod samplers;
mod settings;
mod signal;
mod span;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use funcdock_extension_api::{
    AppExtension, AppInfo, Error, Flow, Function, Hooks, Invocation, Outcome, OutcomeKind, PythonModule,
    Result, Value, export_extension,
};

use asked::Asked;
use attributes::{Request, TracedFunction};
use call::{Call, Ending};
use context::SpanContext;
use export::Pipeline;
use functions::{Functions, Known};
use logs::Logs;
use malformed::Malformed;
use metrics::{Ended, Metrics, Series};
use object::{Root, SpanObject};
use propagation::{Caller, Decision, Incoming, Propagator, Propagators, TraceParent, parse_traceparent};
use resource::Azure;
use samplers::Samplers;
use settings::process_env;

pub use settings::Settings;

/// The attribute of `context`.
const TRACER: &str = "tracer";

/// The extension: one a worker.
pub struct OpenCensus {
    pipeline: Arc<Pipeline>,
    metrics: Metrics,
    logs: Arc<Logs>,
    propagators: Propagators,
    malformed: Malformed,
    samplers: Arc<Samplers>,
    functions: Functions,
    asked: Asked,
    azure: Azure,
    /// Whether packages that are installed for it may instrument others.
    instrument: bool,
    /// Whether no invocation has started yet.
    cold: AtomicBool,
}

/// A call from its pre hook to its post hook: three words, which the host carries without allocation.
pub struct Started {
    /// `None` where it is not recorded.
    begun: Option<Box<Begun>>,
    series: &'static Series,
    /// When, by the clock of the metrics.
    at: u64,
}

const _: () = assert!(size_of::<Started>() <= 3 * size_of::<usize>());

/// What is known of a call's own span before it ends: the span itself is made then, or when its tracer is asked for.
struct Begun {
    function: &'static TracedFunction,
    context: SpanContext,
    parent: Option<SpanContext>,
    /// Whether it is the worker's first call.
    cold: bool,
}

impl AppExtension for OpenCensus {
    type Settings = Settings;
    type State = Started;
    const HOOKS: Hooks = Hooks::POST_FUNCTION_LOAD
        .and(Hooks::POST_INVOCATION)
        .and(Hooks::FLUSH)
        .and(Hooks::SHUTDOWN);
    const ATTRIBUTES: &'static [&'static str] = &[TRACER];
    const COMPANION: &'static [PythonModule] = &[
        PythonModule::new("spans", include_str!("companion/spans.py")),
        PythonModule::new(
            "opentelemetry_api",
            include_str!("companion/opentelemetry_api.py"),
        ),
        PythonModule::new("opencensus_api", include_str!("companion/opencensus_api.py")),
        PythonModule::new("logs", include_str!("companion/logs.py")),
        PythonModule::new("companion", include_str!("companion/companion.py")),
    ];

    fn configure(settings: &Settings) -> Result<()> {
        settings.resolve(process_env)?;
        settings.metrics(process_env)?;
        settings.logs(process_env)?;
        Ok(())
    }

    fn init(settings: Settings, app: &AppInfo<'_>) -> Result<Self> {
        let azure = Azure::detect(process_env);
        let resource = resource::of(&settings, process_env, &azure, app.root());
        let config = settings.resolve(process_env)?;
        Ok(OpenCensus {
            instrument: config.instrument,
            propagators: config.propagators,
            malformed: Malformed::register(app, config.propagators),
            samplers: Arc::new(Samplers::new(&config.sampling)),
            metrics: Metrics::start(app, settings.metrics(process_env)?, &resource)?,
            logs: Arc::new(Logs::start(settings.logs(process_env)?, &resource)?),
            functions: Functions::default(),
            asked: Asked::default(),
            azure,
            pipeline: Arc::new(Pipeline::start(config, &resource, app)?),
            cold: AtomicBool::new(true),
        })
    }

    fn native(&self) -> Result<Value> {
        Ok(Value::object(Root {
            pipeline: Arc::clone(&self.pipeline),
            samplers: Arc::clone(&self.samplers),
            propagators: self.propagators,
            logs: Arc::clone(&self.logs),
            instrument: self.instrument,
        }))
    }

    fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
        self.function(function);
        self.metrics.loaded();
        Ok(())
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Started>> {
        let at = self.metrics.now();
        let function = self.function(&call.function());
        let cold = self.cold.load(Ordering::Relaxed) && self.cold.swap(false, Ordering::Relaxed);
        if cold {
            self.metrics.cold_start(function.series);
            // By now all functions have been loaded.
            self.samplers.mention_unknown(&self.functions.complete());
        }
        let malformed = |propagator| self.malformed.count(propagator);
        let caller = self.propagators.extract(&Incoming::of(call), malformed);
        let context = caller.begin(self.samplers.of(function.traced.name));
        call.set_trace_context(TraceParent::of(&context).as_str(), context.trace_state().header());
        let is_recorded = context.is_sampled() && self.pipeline.is_on();
        let begun = is_recorded.then(|| {
            Box::new(Begun {
                function: function.traced,
                context,
                parent: caller.parent,
                cold,
            })
        });
        Ok(Flow::Continue(Started {
            begun,
            series: function.series,
            at,
        }))
    }

    /// The tracer of a call, whose own span is the trace context that the pre hook has set.
    fn attribute(&self, call: &Invocation<'_>, _name: &str) -> Result<Option<Value>> {
        let trace = call.trace_context();
        let Some(context) = parse_traceparent(trace.traceparent) else {
            return Ok(None);
        };
        let tracestate = trace.tracestate.parse().unwrap_or_default();
        let context = context.local().with_trace_state(tracestate);
        let (id, is_recorded) = (context.span_id(), context.is_sampled() && self.pipeline.is_on());
        let make = || {
            let function = self.function(&call.function());
            // The trace context is our own by now; what it cannot say is in the other formats still.
            let others = self
                .propagators
                .iter()
                .filter(|format| *format != Propagator::TraceContext);
            let sent = Propagators::from_iter(others).extract(&Incoming::of(call), |_| {});
            let caller = Caller {
                baggage: sent.baggage,
                propagators: self.propagators,
                ..Caller::default()
            };
            let context = context.with_debug(sent.decision == Decision::Debug);
            Call::start(Arc::clone(&self.pipeline), function.traced, context, caller)
        };
        let traced = match is_recorded {
            true => self.asked.get_or_make(id, make),
            false => Arc::new(make()),
        };
        Ok(Some(Value::object(SpanObject::Invocation(traced))))
    }

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        started: Started,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        let (kind, http_status) = (outcome.kind(), outcome.status());
        let ended = Ended {
            is_error: call::is_error(kind, http_status),
            timed_out: kind == OutcomeKind::TimedOut,
            ran: !matches!(kind, OutcomeKind::Answered | OutcomeKind::Refused),
        };
        // Before the other clock is read: a span may begin too early by what lies between, not after its children.
        let end = started.begun.is_some().then(SystemTime::now);
        let took = self.metrics.now().saturating_sub(started.at);
        self.metrics.ended(started.series, took, ended);
        let (Some(begun), Some(end)) = (started.begun, end) else {
            return Ok(());
        };
        let ending = Ending {
            cold: begun.cold,
            invocation_id: call.id(),
            retry: call.retry().0,
            request: call.http_request().map(Request::from),
            kind,
            http_status,
            raised: outcome.exception().map(Into::into),
            extension: outcome.extension(),
        };
        // Where the wall clock is set while a call runs its duration stays right, at the cost of its start.
        let begin = end - Duration::from_nanos(took);
        match self.asked.take(begun.context.span_id()) {
            Some(traced) => {
                traced.invocation().begun(begin, begun.parent.as_ref());
                traced.finish(&ending, end);
            }
            None => {
                let Begun {
                    function,
                    context,
                    parent,
                    ..
                } = *begun;
                let span = call::server_span(&self.pipeline, function, context, parent.as_ref(), begin);
                call::end(&span, &self.pipeline, function, &ending, end);
            }
        }
        Ok(())
    }

    fn flush(&self, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        let left = || end.saturating_duration_since(Instant::now());
        // The spans last, which may take all the time there is.
        told([
            ("metrics", self.metrics.flush(left()).map_err(Error::from)),
            (
                "log records",
                self.logs.pipeline().flush(left()).map_err(Error::from),
            ),
            ("spans", self.pipeline.flush(left()).map_err(Error::from)),
        ])
    }

    fn shutdown(&self, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        let left = || end.saturating_duration_since(Instant::now());
        // All export their last at the same time.
        self.pipeline.close(end);
        self.logs.pipeline().close(end);
        self.metrics.close(end);
        told([
            ("spans", self.pipeline.shutdown(left()).map_err(Error::from)),
            (
                "log records",
                self.logs.pipeline().shutdown(left()).map_err(Error::from),
            ),
            ("metrics", self.metrics.shutdown(left()).map_err(Error::from)),
        ])
    }
}

impl OpenCensus {
    fn function(&self, function: &Function<'_>) -> Known {
        let make = || Known::of(function, &self.azure, &self.metrics, self.pipeline.limits());
        self.functions.get_or_make(function.name(), make)
    }
}

/// What went wrong, of all that was exported.
fn told<const N: usize>(results: [(&str, Result<()>); N]) -> Result<()> {
    let problem = |(items, result): (&str, Result<()>)| {
        let error = result.err()?;
        Some(format!("not all {items} were exported: {}", error.message()))
    };
    let problems: Vec<String> = results.into_iter().filter_map(problem).collect();
    match problems.is_empty() {
        true => Ok(()),
        false => Err(Error::msg(problems.join("; "))),
    }
}

export_extension!(OpenCensus);
