//! A span for each invocation, child of the caller's, and a tracer for function code: `context.tracer`. Also metrics of
//! functions, and the records of Python's `logging`.
//!
//! host.json turns it on under the name "opencensus"; [`Settings`] are its settings. It is made of what every author of an
//! extension has: the extension API, and libraries. What does not need the API is in the crate `funcdock-telemetry`.
//!
//! Read it in this order:
//!
//! 1. this file: the hooks, in the order in which the host calls them
//! 2. `functions`: what is prepared once a function
//! 3. `request`: what is read of a call's request
//! 4. `server_spans`, `call`, `traced_calls`: the span of a call, those of function code in it, and the calls whose tracer
//!    function code uses
//! 5. `ended`: how the call ended, for its span and for metrics
//! 6. `metrics`, `counters`: what the host shows on `/metrics`; `log_exports`: where log records go
//! 7. `python`: the objects that the companion calls
//! 8. `companion/spans.py`: what function code gets, on top of `current.py`, `context.py` and `convert.py`; then
//!    `companion.py`, which puts the companion together, and the files that connect OpenTelemetry, OpenCensus and `logging`

mod call;
mod counters;
mod ended;
mod functions;
mod log_exports;
mod metrics;
mod python;
mod request;
mod server_spans;
#[cfg(test)]
mod testing;
mod traced_calls;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use funcdock_extension_api::{
    AppInfo, Error, Extension, Flow, Function, Invocation, Outcome, PythonModule, Result, StreamEnd, Value,
    extension,
};
use funcdock_telemetry::destinations::{self, Worker};
use funcdock_telemetry::export::Pipeline;
use funcdock_telemetry::metrics::Metrics;
use funcdock_telemetry::propagation::Propagators;
use funcdock_telemetry::resource::{self, Azure};
use funcdock_telemetry::sampling::Samplers;
use funcdock_telemetry::settings::process_env;

use counters::SPANS;
use ended::Ended;
use functions::{FunctionEntry, Functions};
use log_exports::LogExports;
use metrics::{FunctionMetrics, HostMetrics};
use python::{Root, SpanObject};
use server_spans::{PendingCall, ServerSpans};

pub use funcdock_telemetry::Settings;

/// The extension: one a worker.
pub struct OpenCensus {
    pipeline: Arc<Pipeline>,
    spans: ServerSpans,
    metrics: Metrics,
    host_metrics: HostMetrics,
    logs: LogExports,
    propagators: Propagators,
    samplers: Arc<Samplers>,
    functions: Functions,
    azure: Azure,
    /// Whether packages that are installed for it may instrument libraries.
    instrument: bool,
    /// Whether no invocation has started yet.
    is_cold: AtomicBool,
}

/// A call between its hooks: three words, which the host carries without allocation.
pub struct CallState {
    /// `None` if it is not recorded, unless its response is streamed.
    pending: Option<Box<PendingCall>>,
    metrics: &'static FunctionMetrics,
    /// The start, on the clock of the metrics.
    start: u64,
}

const _: () = assert!(size_of::<CallState>() <= 3 * size_of::<usize>());

#[extension]
impl Extension for OpenCensus {
    type Settings = Settings;
    type State = CallState;
    const COMPANION: &'static [PythonModule] = &[
        PythonModule::new("convert", include_str!("companion/convert.py")),
        PythonModule::new("context", include_str!("companion/context.py")),
        PythonModule::new("current", include_str!("companion/current.py")),
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
        let config = settings.resolve(process_env)?;
        settings.metrics(process_env)?;
        settings.logs(&config, process_env)?;
        Ok(())
    }

    fn init(settings: Settings, app: &AppInfo<'_>) -> Result<Self> {
        let azure = Azure::detect(process_env);
        let resource = resource::of(&settings, process_env, &azure, app.root());
        let config = settings.resolve(process_env)?;
        let worker = Worker {
            app_root: app.root(),
            index: app.worker_index(),
        };
        let meter = |exporter: &str| {
            counters::meter(app, SPANS, exporter).map_err(|error| error.message().to_owned())
        };
        let host_metrics = HostMetrics::register(app)?;
        let metrics = Metrics::start(settings.metrics(process_env)?, &resource)?;
        let logs = settings.logs(&config, process_env)?;
        // Once for all workers.
        if worker.index == 0 {
            for warning in config.unused_connection().into_iter().chain(logs.warning()) {
                tracing::warn!("{warning}");
            }
        }
        let logs = LogExports::start(app, logs, &resource)?;
        let (propagators, instrument) = (config.propagators, config.instrument);
        let samplers = Arc::new(Samplers::new(&config.sampling));
        let pipeline = Arc::new(destinations::traces(config, &resource, worker, meter)?);
        Ok(OpenCensus {
            spans: ServerSpans::new(app, Arc::clone(&pipeline), Arc::clone(&samplers), propagators),
            pipeline,
            metrics,
            host_metrics,
            logs,
            propagators,
            samplers,
            functions: Functions::default(),
            azure,
            instrument,
            is_cold: AtomicBool::new(true),
        })
    }

    /// What the companion gets.
    fn native(&self) -> Result<Value> {
        Ok(Value::object(Root {
            pipeline: Arc::clone(&self.pipeline),
            samplers: Arc::clone(&self.samplers),
            propagators: self.propagators,
            logs: self.logs.clone(),
            instrument: self.instrument,
        }))
    }

    fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
        self.function(function);
        self.metrics.function_loaded();
        Ok(())
    }

    /// Continues the caller's trace, and decides whether the call is recorded.
    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<CallState>> {
        let start = self.metrics.now();
        let function = self.function(&call.function());
        let is_cold = self.is_cold.load(Ordering::Relaxed) && self.is_cold.swap(false, Ordering::Relaxed);
        if is_cold {
            function.metrics.cold_start(&self.metrics);
            // By now all functions have been loaded.
            self.samplers.warn_of_unknown(&self.functions.complete());
        }
        Ok(Flow::Continue(CallState {
            pending: self.spans.start(call, function.traced, is_cold),
            metrics: function.metrics,
            start,
        }))
    }

    /// The span of this call: `with context.tracer.span("parent"):`.
    #[attribute]
    fn tracer(&self, call: &Invocation<'_>) -> Result<Option<Value>> {
        let function = || self.function(&call.function()).traced;
        let traced = self.spans.traced_call(call, function);
        Ok(traced.map(|traced| Value::object(SpanObject::Invocation(traced))))
    }

    /// Counts the call, and exports its span. A call whose response is streamed has not ended yet.
    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        state: &mut CallState,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        if outcome.is_streamed() {
            let pending = state.pending.get_or_insert_with(|| {
                Box::new(PendingCall {
                    span: None,
                    http_status: None,
                })
            });
            pending.http_status = outcome.status();
            return Ok(());
        }
        let pending = state.pending.take();
        self.call_ended(call, state, pending, &Ended::by_outcome(outcome));
        Ok(())
    }

    /// Counts the call, and exports its span, at the end of its streamed response.
    fn stream_ended(
        &self,
        call: &mut Invocation<'_>,
        state: &mut CallState,
        end: &StreamEnd<'_>,
    ) -> Result<()> {
        let pending = state.pending.take();
        let http_status = pending.as_ref().and_then(|pending| pending.http_status);
        self.call_ended(call, state, pending, &Ended::by_stream(end, http_status));
        Ok(())
    }

    fn flush(&self, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        let left = || end.saturating_duration_since(Instant::now());
        // Spans last, as they may take all the time.
        combine_errors([
            ("metrics", self.metrics.flush(left()).map_err(Error::from)),
            ("log records", self.logs.flush(left)),
            ("spans", self.pipeline.flush(left()).map_err(Error::from)),
        ])
    }

    fn shutdown(&self, deadline: Duration) -> Result<()> {
        let end = Instant::now() + deadline;
        let left = || end.saturating_duration_since(Instant::now());
        // All export their last items at the same time.
        self.pipeline.close(end);
        self.logs.close(end);
        self.metrics.close(end);
        combine_errors([
            ("spans", self.pipeline.shutdown(left()).map_err(Error::from)),
            ("log records", self.logs.shutdown(left)),
            ("metrics", self.metrics.shutdown(left()).map_err(Error::from)),
        ])
    }
}

impl OpenCensus {
    fn call_ended(
        &self,
        call: &Invocation<'_>,
        state: &CallState,
        pending: Option<Box<PendingCall>>,
        ended: &Ended<'_>,
    ) {
        let span = pending.and_then(|pending| pending.span);
        // Read before the other clock, so that a span may start a little early, but not after its children.
        let at = span.is_some().then(SystemTime::now);
        let took = self.metrics.now().saturating_sub(state.start);
        state.metrics.call_ended(&self.metrics, took, ended.counted());
        if let (Some(span), Some(at)) = (span, at) {
            let end = ended.of_span(call, span.is_cold);
            self.spans.end(span, &end, at, took);
        }
    }

    fn function(&self, function: &Function<'_>) -> FunctionEntry {
        let make = || {
            let limits = self.pipeline.limits();
            FunctionEntry::new(function, &self.azure, limits, &self.metrics, &self.host_metrics)
        };
        self.functions.get_or_make(function.name(), make)
    }
}

/// Makes one error of those of all that was exported.
fn combine_errors<const N: usize>(results: [(&str, Result<()>); N]) -> Result<()> {
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
