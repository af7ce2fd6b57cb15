//! What the companion calls of the extension as a whole.

use std::sync::Arc;
use std::time::SystemTime;

use funcdock_extension_api::{Arguments, ContextObject, Error, ErrorKind, Result, Value};
use funcdock_telemetry::context::SpanContext;
use funcdock_telemetry::export::enter_forked_child;
use funcdock_telemetry::propagation::{Baggage, Caller, Decision, HeaderList};
use funcdock_telemetry::span::Span;
use opentelemetry::trace::SpanKind;

use super::convert::{context, expected, headers, no_method, remote, span_kind, text, time};
use super::logger::Logger;
use super::root::Root;
use super::span::SpanObject;

impl ContextObject for Root {
    fn class_name(&self) -> &str {
        "OpenCensus"
    }

    fn methods(&self) -> &'static [&'static str] {
        &["span", "inject", "extract", "enter_forked_child"]
    }

    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        match method {
            "span" => {
                let [name, kind, start, traceparent, tracestate] =
                    arguments.bind(["name", "kind", "start", "traceparent", "tracestate"])?;
                let parent = remote(&text(traceparent)?, &text(tracestate)?);
                let span = self.start(text(name)?, span_kind(kind)?, parent);
                span.start_at(time(start)?);
                Ok(Value::object(SpanObject::Alone(self.clone(), Arc::new(span))))
            }
            "inject" => {
                let [traceparent, tracestate] = arguments.bind(["traceparent", "tracestate"])?;
                let given = text(traceparent)?;
                let span = remote(&given, &text(tracestate)?).ok_or_else(|| {
                    Error::new(ErrorKind::Value, format!("{given:?} is not a valid traceparent"))
                })?;
                Ok(headers(self.propagators.inject(&span, &Baggage::default())))
            }
            "extract" => {
                let [headers] = arguments.bind(["headers"])?;
                let caller = self.propagators.extract(&header_list(headers)?, |_| {});
                Ok(caller
                    .parent
                    .map_or(Value::None, |span| Value::List(context(&span))))
            }
            "enter_forked_child" => {
                let [] = arguments.bind([])?;
                enter_forked_child();
                Ok(Value::None)
            }
            _ => Err(no_method("OpenCensus", method)),
        }
    }

    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "logger" => Some(Value::object(Logger::new(Arc::clone(&self.logs.collector)))),
            "insights_logger" => Some(Value::object(Logger::new(Arc::clone(&self.logs.insights)))),
            "instrument" => Some(self.instrument.into()),
            _ => None,
        })
    }
}

impl Root {
    /// Starts a span outside of invocations, with the sampler of functions that have none of their own.
    fn start(&self, name: String, kind: SpanKind, parent: Option<SpanContext>) -> Span {
        let caller = Caller {
            decision: parent
                .as_ref()
                .map_or(Decision::Deferred, |parent| Decision::of(parent.is_sampled())),
            parent,
            ..Caller::default()
        };
        let span = caller.begin(self.samplers.of(""));
        Span::start_as(
            &self.pipeline,
            name.into(),
            kind,
            span,
            caller.parent.as_ref(),
            SystemTime::now(),
        )
    }
}

/// Reads a dict of headers. Non-string values are skipped.
fn header_list(headers: Option<Value>) -> Result<HeaderList> {
    match headers.unwrap_or(Value::None) {
        Value::Map(headers) => {
            let text = |(name, value): (String, Value)| Some((name, value.into_string().ok()?));
            Ok(HeaderList::new(headers.into_iter().filter_map(text)))
        }
        other => Err(expected("dict", &other)),
    }
}
