//! A span an invocation, child of the caller's, and a tracer for function code: `context.tracer`.
//!
//! host.json switches it on under the name "opencensus"; [`Settings`] are its settings. It is written with
//! what every author of an extension has: the extension API, and libraries.
//!
//! OpenTelemetry's crates give the model: ids, contexts, resources, values. The way of a span is our own and
//! short: it is encoded once, as OTLP has it, into the batch that the exporter's thread takes.

mod attributes;
mod call;
mod encode;
mod export;
mod object;
mod parent;
mod settings;
mod span;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use funcdock_extension_api::{
    AppExtension, AppInfo, Error, Flow, Function, Hooks, Invocation, Outcome, PythonModule, Result, Value,
    export_extension,
};
use opentelemetry::{Key, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::{EnvResourceDetector, ResourceDetector};

use attributes::{Request, TracedFunction};
use call::{Call, Ending};
use export::Pipeline;
use object::{Root, SpanObject};
use parent::TraceParent;
use settings::process_env;

pub use settings::Settings;

/// The extension: one a worker.
pub struct OpenCensus {
    pipeline: Arc<Pipeline>,
    functions: Functions,
    /// Whether no invocation has started yet.
    cold: AtomicBool,
}

impl AppExtension for OpenCensus {
    type Settings = Settings;
    type State = Arc<Call>;
    const HOOKS: Hooks = Hooks::POST_INVOCATION.and(Hooks::FLUSH).and(Hooks::SHUTDOWN);
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
        let pipeline = Pipeline::start(config, &resource(&settings, app.root()), app)?;
        Ok(OpenCensus {
            pipeline: Arc::new(pipeline),
            functions: Functions::default(),
            cold: AtomicBool::new(true),
        })
    }

    fn native(&self) -> Result<Value> {
        Ok(Value::object(Root(Arc::clone(&self.pipeline))))
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Arc<Call>>> {
        let function = self.functions.get(&call.function());
        let cold = self.cold.load(Ordering::Relaxed) && self.cold.swap(false, Ordering::Relaxed);
        let trace = call.trace_context();
        let caller = parent::parse(trace.traceparent, trace.tracestate);
        let traced = Call::start(Arc::clone(&self.pipeline), function, cold, caller.as_ref());
        let context = traced.invocation().context();
        let tracestate = context.trace_state().header();
        call.set_trace_context(TraceParent::of(context).as_str(), &tracestate);
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

/// The functions that were called so far.
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
