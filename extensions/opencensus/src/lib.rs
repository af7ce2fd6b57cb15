//! A span an invocation, child of the caller's, and a tracer for function code: `context.tracer`.
//!
//! host.json switches it on under the name "opencensus"; [`Settings`] are its settings. It is written with
//! what every author of an extension has: the extension API, and libraries.
//!
//! OpenTelemetry's crates give the model: ids, contexts, resources, values. The way of a span is our own and
//! short: it is encoded once, as OTLP has it, into the batch that the exporter's thread takes.

mod attributes;
mod call;
mod context;
mod encode;
mod export;
mod object;
mod propagation;
mod sampler;
mod samplers;
mod settings;
mod span;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use funcdock_extension_api::{
    AppExtension, AppInfo, Counter, Error, Flow, Function, Hooks, Invocation, Outcome, PythonModule, Result,
    Value, export_extension,
};
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, ResourceDetector};

use attributes::{Request, TracedFunction};
use call::{Call, Ending};
use export::Pipeline;
use object::{Root, SpanObject};
use propagation::{Incoming, Propagator, Propagators, TraceParent};
use samplers::Samplers;
use settings::process_env;

pub use settings::Settings;

/// The extension: one a worker.
pub struct OpenCensus {
    pipeline: Arc<Pipeline>,
    propagators: Propagators,
    malformed: Malformed,
    samplers: Arc<Samplers>,
    functions: Functions,
    /// Whether no invocation has started yet.
    cold: AtomicBool,
}

impl AppExtension for OpenCensus {
    type Settings = Settings;
    type State = Arc<Call>;
    const HOOKS: Hooks = Hooks::POST_FUNCTION_LOAD
        .and(Hooks::POST_INVOCATION)
        .and(Hooks::FLUSH)
        .and(Hooks::SHUTDOWN);
    const COMPANION: &'static [PythonModule] = &[
        PythonModule::new("spans", include_str!("companion/spans.py")),
        PythonModule::new(
            "opentelemetry_api",
            include_str!("companion/opentelemetry_api.py"),
        ),
        PythonModule::new("companion", include_str!("companion/companion.py")),
    ];

    fn configure(settings: &Settings) -> Result<()> {
        settings.resolve(process_env)?;
        Ok(())
    }

    fn init(settings: Settings, app: &AppInfo<'_>) -> Result<Self> {
        let config = settings.resolve(process_env)?;
        let propagators = config.propagators;
        let samplers = Arc::new(Samplers::new(&config.sampling));
        let pipeline = Pipeline::start(config, &resource(&settings, app.root()), app)?;
        Ok(OpenCensus {
            propagators,
            malformed: Malformed::new(app, propagators),
            samplers,
            pipeline: Arc::new(pipeline),
            functions: Functions::default(),
            cold: AtomicBool::new(true),
        })
    }

    fn native(&self) -> Result<Value> {
        Ok(Value::object(Root {
            pipeline: Arc::clone(&self.pipeline),
            samplers: Arc::clone(&self.samplers),
            propagators: self.propagators,
        }))
    }

    fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
        self.functions.get(function);
        Ok(())
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Arc<Call>>> {
        let function = self.functions.get(&call.function());
        let cold = self.cold.load(Ordering::Relaxed) && self.cold.swap(false, Ordering::Relaxed);
        if cold {
            // By now all functions have been loaded.
            self.samplers.mention_unknown(&self.functions.names());
        }
        let malformed = |propagator| self.malformed.count(propagator);
        let caller = self.propagators.extract(&Incoming::of(call), malformed);
        let sampler = self.samplers.of(function.name);
        let traced = Call::start(Arc::clone(&self.pipeline), function, cold, caller, sampler);
        let context = traced.invocation().context();
        call.set_trace_context(TraceParent::of(context).as_str(), context.trace_state().header());
        let traced = Arc::new(traced);
        call.set_attribute(
            "tracer",
            Value::object(SpanObject::Invocation(Arc::clone(&traced))),
        );
        Ok(Flow::Continue(traced))
    }

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        traced: Arc<Call>,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        if traced.is_recorded() {
            traced.finish(&Ending {
                invocation_id: call.id(),
                request: call.http_request().map(Request::from),
                kind: outcome.kind(),
                http_status: outcome.status(),
                raised: outcome.exception().map(Into::into),
                extension: outcome.extension(),
            });
        }
        Ok(())
    }

    fn flush(&self, deadline: Duration) -> Result<()> {
        self.pipeline.flush(deadline).map_err(|error| {
            Error::msg(format!(
                "not all spans were exported within {deadline:?}: {error}"
            ))
        })
    }

    fn shutdown(&self, deadline: Duration) -> Result<()> {
        self.pipeline.shutdown(deadline).map_err(|error| {
            Error::msg(format!(
                "the last spans could not be exported within {deadline:?}: {error}"
            ))
        })
    }
}

export_extension!(OpenCensus);

/// Counts headers that break the rules of their format, as metrics of the host.
struct Malformed([Option<Counter>; Propagator::ALL.len()]);

impl Malformed {
    fn new(app: &AppInfo<'_>, propagators: Propagators) -> Self {
        let counter = |propagator: Propagator| {
            let help = "Calls with trace headers or baggage that break the rules of their format.";
            let labels = [("propagator", propagator.name())];
            let is_used = propagators.iter().any(|used| used == propagator);
            // An older host has no metrics, which is no reason to trace nothing.
            is_used.then(|| app.counter("malformed_headers_total", help, &labels).ok())?
        };
        Malformed(Propagator::ALL.map(counter))
    }

    #[cold]
    fn count(&self, propagator: Propagator) {
        if let Some(counter) = &self.0[propagator as usize] {
            counter.add(1);
        }
        tracing::debug!("headers of {} break its rules and are ignored", propagator.name());
    }
}

/// The functions that were loaded.
///
/// A span's name must be `'static` or be copied for each span. A worker has a handful of functions and keeps
/// them until it ends, as this library stays loaded until then: their texts are leaked, once each.
#[derive(Default)]
struct Functions(RwLock<HashMap<&'static str, TracedFunction>>);

impl Functions {
    fn get(&self, function: &Function<'_>) -> TracedFunction {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(function) = known.get(function.name()) {
            return *function;
        }
        drop(known);
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been faster.
        if let Some(function) = known.get(function.name()) {
            return *function;
        }
        let function = TracedFunction {
            name: leak(function.name()),
            trigger: attributes::faas_trigger(function.trigger()),
            route: function.route().map(|route| leak(&format!("/{route}"))),
        };
        known.insert(function.name, function);
        function
    }

    /// Their names, sorted.
    fn names(&self) -> Vec<&'static str> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<_> = known.keys().copied().collect();
        names.sort_unstable();
        names
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(Box::from(text))
}

/// Who made the spans: the SDK's attributes, those of `OTEL_RESOURCE_ATTRIBUTES`, the service and the process.
fn resource(settings: &Settings, app_root: &Path) -> Resource {
    let configured = EnvResourceDetector::new().detect();
    let named = configured.get(&Key::from_static_str("service.name"));
    let service = settings.service_name(process_env, named.map(|name| name.to_string()), app_root);
    Resource::builder()
        .with_service_name(service)
        .with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())))
        .build()
}
