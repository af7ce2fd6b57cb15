//! One extension that is tried out, from its settings to its end. As in a worker, a hook that fails does not keep the
//! others from being called.

use std::sync::Arc;
use std::time::{Duration, Instant};

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{Hook, Instance, Scope};

use super::call::CheckCall;
use super::subject::Subject;
use super::values::Values;
use super::{Depth, made_up, request};
use crate::extensions::error::ExtensionError;
use crate::extensions::metrics::Metrics;
use crate::extensions::step::{Event, Step};
use crate::extensions::tables::{self, InitContext};
use crate::model::HttpRequest;

/// What an extension gets to flush, and to shut down.
const DEADLINE: Duration = Duration::from_secs(1);

/// One extension to try out.
pub(super) struct Life<'a> {
    pub(super) subject: Subject,
    /// The request of the call, as it goes over the wire.
    pub(super) request: Option<&'a [u8]>,
}

impl Life<'_> {
    pub(super) fn live(&self, depth: Depth, report: &mut dyn FnMut(Event)) -> Result<(), ExtensionError> {
        let Subject { extension, config } = &self.subject;
        let settings = serde_json::Value::Object(config.settings.clone()).to_string();
        report(Event::Begin(Step::Configure));
        let checked = extension.configure(&settings);
        checked.map_err(|error| ExtensionError::configure(config, None, &error))?;
        if depth == Depth::Configure {
            return Ok(());
        }
        report(Event::Begin(Step::Init));
        let request = match self.request.map(request::parse).transpose() {
            Ok(request) => request.unwrap_or_else(made_up::request),
            Err(error) => {
                report(Event::Failed(error.to_string()));
                return Ok(());
            }
        };
        let function = made_up::function(&request);
        let of_function = (extension.scope() == Scope::Function).then_some(&function);
        let metrics = Metrics::default();
        let context = InitContext {
            extension: &config.name,
            app_root: &function.directory,
            worker_index: 0,
            worker_count: 1,
            function: of_function,
            metrics: &metrics,
        };
        let instance = extension.init(&settings, context.raw()).map_err(|error| {
            let function = of_function.map(|function| function.name.as_str());
            ExtensionError::init(config, function, &error)
        })?;
        self.use_it(&instance, &request, report);
        report(Event::Begin(Step::Drop));
        let ((), errors) = tables::collect_errors(|| drop(instance));
        for error in errors {
            self.subject
                .warn(report, &format!("drop logged an error: {error}"));
        }
        Ok(())
    }

    /// Calls each hook, and looks at what they give to function code.
    fn use_it(&self, instance: &Instance, request: &HttpRequest, report: &mut dyn FnMut(Event)) {
        let function = Arc::new(made_up::function(request));
        let mut values = Values::default();
        let subject = &self.subject;
        if !subject.extension.companion().is_empty() {
            report(Event::Begin(Step::Native));
            match instance.native() {
                Ok(native) => values.add("native", &native.into()),
                Err(error) => subject.failed(&Step::Native.to_string(), &error, report),
            }
        }
        subject.hook(Hook::PostFunctionLoad, Step::PostFunctionLoad, report, || {
            instance.post_function_load(tables::function(&function))
        });
        let call = CheckCall {
            subject,
            instance,
            function: &function,
            request,
        };
        call.run(&mut values, report);
        if subject.extension.has_on_exception() {
            call.run_raising(report);
        }
        if !values.is_empty() {
            report(Event::Begin(Step::Objects));
            values.look_at(subject, report);
        }
        drop(values);
        self.with_deadline(Hook::Flush, Step::Flush, report, || instance.flush(DEADLINE));
        self.with_deadline(Hook::Shutdown, Step::Shutdown, report, || {
            instance.shutdown(DEADLINE)
        });
    }

    /// Calls a hook that has a deadline, if the extension has it.
    fn with_deadline(
        &self,
        hook: Hook,
        step: Step,
        report: &mut dyn FnMut(Event),
        call: impl FnOnce() -> Result<(), abi::Error>,
    ) {
        let start = Instant::now();
        self.subject.hook(hook, step, report, call);
        let took = start.elapsed();
        if took > DEADLINE {
            self.subject.warn(
                report,
                &format!(
                    "{step} took {took:.1?}, longer than its deadline of {DEADLINE:?}: a worker does not wait for the rest"
                ),
            );
        }
    }
}
