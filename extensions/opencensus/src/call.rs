//! An invocation's spans: the invocation's own, and those that function code opens.
//!
//! Which span is current is kept here, a stack an invocation: a new span is the child of the newest one that
//! is still open. That is right for code that does one thing after another. Tasks of one invocation that run
//! at the same time (`asyncio.gather`, threads) share the stack, so a span of one task may become the parent
//! of another's; `parent.span("child")` names the parent.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use funcdock_extension_api::{Exception, OutcomeKind};
use opentelemetry::trace::{Event, SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceState};
use opentelemetry::{InstrumentationScope, Key, KeyValue, Value};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};

use crate::export::Pipeline;

/// The most attributes and events that a span keeps, as OpenTelemetry's SDKs have it.
const LIMIT: usize = 128;

const ERROR_TYPE: Key = Key::from_static_str("error.type");

static SCOPE: LazyLock<InstrumentationScope> = LazyLock::new(|| {
    InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
        .with_version(env!("CARGO_PKG_VERSION"))
        .build()
});

/// One span, open or ended.
#[derive(Debug)]
pub struct Span {
    name: Cow<'static, str>,
    context: SpanContext,
    /// `None` once the span has ended, and from the start where it is not recorded.
    data: Mutex<Option<SpanData>>,
}

/// The spans of one invocation.
pub struct Call {
    pipeline: Arc<Pipeline>,
    invocation: Span,
    /// The spans of function code that have not ended, oldest first.
    open: Mutex<Vec<Arc<Span>>>,
}

/// How an invocation ended.
#[derive(Debug)]
pub struct Ending<'a> {
    pub kind: OutcomeKind,
    pub http_status: Option<u16>,
    pub raised: Option<Raised<'a>>,
    /// The extension that answered or refused instead of the function.
    pub extension: Option<&'a str>,
}

/// A Python exception.
#[derive(Debug, Clone, Copy)]
pub struct Raised<'a> {
    pub type_name: &'a str,
    pub message: &'a str,
    pub traceback: &'a str,
}

impl<'a> From<Exception<'a>> for Raised<'a> {
    fn from(exception: Exception<'a>) -> Self {
        Raised {
            type_name: exception.type_name,
            message: exception.message,
            traceback: exception.traceback,
        }
    }
}

impl Span {
    /// A span that starts now. Recorded if its trace is sampled and somebody takes it.
    fn start(
        pipeline: &Pipeline,
        name: Cow<'static, str>,
        kind: SpanKind,
        parent: Option<&SpanContext>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Span {
        let ids = RandomIdGenerator::default();
        let context = match parent {
            Some(parent) => SpanContext::new(
                parent.trace_id(),
                ids.new_span_id(),
                parent.trace_flags(),
                false,
                parent.trace_state().clone(),
            ),
            None => SpanContext::new(
                ids.new_trace_id(),
                ids.new_span_id(),
                TraceFlags::SAMPLED,
                false,
                TraceState::NONE,
            ),
        };
        let recorded = pipeline.is_on() && context.is_sampled();
        let data = recorded.then(|| {
            let start = SystemTime::now();
            SpanData {
                span_context: context.clone(),
                parent_span_id: parent.map_or(SpanId::INVALID, SpanContext::span_id),
                parent_span_is_remote: parent.is_some_and(SpanContext::is_remote),
                span_kind: kind,
                name: name.clone(),
                start_time: start,
                end_time: start,
                attributes: attributes(),
                dropped_attributes_count: 0,
                events: SpanEvents::default(),
                links: SpanLinks::default(),
                status: Status::Unset,
                instrumentation_scope: SCOPE.clone(),
            }
        });
        Span {
            name,
            context,
            data: Mutex::new(data),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn context(&self) -> &SpanContext {
        &self.context
    }

    /// Sets an attribute; one of that name is replaced.
    pub fn set_attribute(&self, key: impl Into<Key>, value: Value) {
        self.change("an attribute", |data| set_attribute(data, key.into(), value));
    }

    pub fn add_event(&self, name: impl Into<Cow<'static, str>>, attributes: Vec<KeyValue>) {
        self.change("an event", |data| add_event(data, name.into(), attributes));
    }

    pub fn set_status(&self, status: Status) {
        self.change("a status", |data| set_status(data, status));
    }

    /// An exception that left the span: an event, and the status.
    pub fn record(&self, raised: &Raised<'_>) {
        self.change("an exception", |data| {
            set_attribute(data, ERROR_TYPE, raised.type_name.to_owned().into());
            record(data, raised);
        });
    }

    fn change(&self, what: &str, change: impl FnOnce(&mut SpanData)) {
        match self.data().as_mut() {
            Some(data) => change(data),
            None => tracing::debug!(
                "{what} for span {:?}, which has ended or is not recorded, is ignored",
                self.name
            ),
        }
    }

    fn data(&self) -> MutexGuard<'_, Option<SpanData>> {
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the span, unless it has ended.
    fn end(&self, pipeline: &Pipeline, at: SystemTime, last: impl FnOnce(&mut SpanData)) {
        let ended = self.data().take();
        if let Some(mut data) = ended {
            last(&mut data);
            // The wall clock may have been set back meanwhile.
            data.end_time = at.max(data.start_time);
            pipeline.export(data);
        }
    }
}

impl Call {
    /// Starts the invocation's span. `attributes` is called where the span is recorded.
    pub fn start(
        pipeline: Arc<Pipeline>,
        name: &'static str,
        caller: Option<&SpanContext>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Call {
        let invocation = Span::start(&pipeline, name.into(), SpanKind::Server, caller, attributes);
        Call {
            pipeline,
            invocation,
            open: Mutex::new(Vec::new()),
        }
    }

    /// The invocation's own span.
    pub fn invocation(&self) -> &Span {
        &self.invocation
    }

    /// The newest open span of function code; `None` stands for the invocation's.
    pub fn current(&self) -> Option<Arc<Span>> {
        self.open().last().cloned()
    }

    /// Starts a span of function code and makes it current.
    pub fn open_span(&self, name: String, parent: &Span) -> Arc<Span> {
        let parent = Some(parent.context());
        let span = Span::start(&self.pipeline, name.into(), SpanKind::Internal, parent, Vec::new);
        let span = Arc::new(span);
        self.open().push(Arc::clone(&span));
        span
    }

    /// Lets a span start anew, now, and makes it current: a `with` block begins after its span was made.
    pub fn restart(&self, span: &Arc<Span>) {
        {
            let mut open = self.open();
            let Some(position) = position(&open, span) else {
                tracing::debug!("span {:?} has ended and is not started again", span.name);
                return;
            };
            let span = open.remove(position);
            open.push(span);
        }
        if let Some(data) = span.data().as_mut() {
            data.start_time = SystemTime::now();
        }
    }

    /// Ends a span of function code. Those opened inside it stay open: they may belong to a task that runs on.
    pub fn end_span(&self, span: &Arc<Span>) {
        let at = SystemTime::now();
        {
            let mut open = self.open();
            if let Some(position) = position(&open, span) {
                open.remove(position);
            }
        }
        span.end(&self.pipeline, at, |_| {});
    }

    /// Ends the invocation's span, and before it what function code left open.
    pub fn finish(&self, ending: &Ending<'_>) {
        let at = SystemTime::now();
        let left_open = std::mem::take(&mut *self.open());
        for span in left_open.iter().rev() {
            span.end(&self.pipeline, at, |_| {});
        }
        self.invocation
            .end(&self.pipeline, at, |data| conclude(data, ending));
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<Span>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Spans mostly end in the reverse order of their start.
fn position(open: &[Arc<Span>], span: &Arc<Span>) -> Option<usize> {
    open.iter().rposition(|other| Arc::ptr_eq(other, span))
}

fn set_attribute(data: &mut SpanData, key: Key, value: Value) {
    if let Some(pair) = data.attributes.iter_mut().find(|pair| pair.key == key) {
        pair.value = value;
    } else if data.attributes.len() < LIMIT {
        data.attributes.push(KeyValue::new(key, value));
    } else {
        data.dropped_attributes_count += 1;
    }
}

fn add_event(data: &mut SpanData, name: Cow<'static, str>, attributes: Vec<KeyValue>) {
    if data.events.events.len() < LIMIT {
        let event = Event::new(name, SystemTime::now(), attributes, 0);
        data.events.events.push(event);
    } else {
        data.events.dropped_count += 1;
    }
}

/// As OpenTelemetry has it: an explicit "ok" is final, and nothing goes back to "unset".
fn set_status(data: &mut SpanData, status: Status) {
    if data.status != Status::Ok && status != Status::Unset {
        data.status = status;
    }
}

fn record(data: &mut SpanData, raised: &Raised<'_>) {
    let mut attributes = vec![
        KeyValue::new("exception.type", raised.type_name.to_owned()),
        KeyValue::new("exception.message", raised.message.to_owned()),
    ];
    if !raised.traceback.is_empty() {
        attributes.push(KeyValue::new("exception.stacktrace", raised.traceback.to_owned()));
    }
    add_event(data, "exception".into(), attributes);
    let description = format!("{}: {}", raised.type_name, raised.message);
    set_status(data, Status::error(description));
}

/// What the outcome adds to the invocation's span.
fn conclude(data: &mut SpanData, ending: &Ending<'_>) {
    if let Some(status) = ending.http_status {
        set_attribute(
            data,
            Key::from_static_str("http.response.status_code"),
            i64::from(status).into(),
        );
    }
    if let Some(extension) = ending.extension {
        set_attribute(
            data,
            Key::from_static_str("funcdock.extension"),
            extension.to_owned().into(),
        );
    }
    let error = match (ending.kind, ending.http_status, &ending.raised) {
        (OutcomeKind::TimedOut, ..) => "timeout".into(),
        (OutcomeKind::Cancelled, ..) => "cancelled".into(),
        (OutcomeKind::Refused, ..) => "refused".into(),
        (OutcomeKind::Raised, _, Some(raised)) => raised.type_name.to_owned().into(),
        (OutcomeKind::Raised, _, None) => "_OTHER".into(),
        (_, Some(status @ 500..), _) => status.to_string().into(),
        _ => return,
    };
    set_attribute(data, ERROR_TYPE, error);
    match &ending.raised {
        Some(raised) => record(data, raised),
        // The conventions ask for no description where an attribute says it all.
        None => set_status(data, Status::error("")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::trace::InMemorySpanExporter;

    use super::*;
    use crate::parent;
    use crate::settings::Batching;

    const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    const RETURNED: Ending<'_> = Ending {
        kind: OutcomeKind::Returned,
        http_status: Some(200),
        raised: None,
        extension: None,
    };

    struct Fixture {
        pipeline: Arc<Pipeline>,
        exporter: InMemorySpanExporter,
    }

    impl Fixture {
        fn new() -> Self {
            let exporter = InMemorySpanExporter::default();
            let batching = Batching {
                queue: 1024,
                batch: 512,
                delay: Duration::from_secs(3600),
            };
            let resource = Resource::builder_empty().build();
            let pipeline = Pipeline::to(exporter.clone(), "memory", &resource, batching);
            Fixture {
                pipeline: Arc::new(pipeline),
                exporter,
            }
        }

        fn call(&self, traceparent: &str, tracestate: &str) -> Call {
            let caller = parent::parse(traceparent, tracestate);
            Call::start(Arc::clone(&self.pipeline), "hello", caller.as_ref(), Vec::new)
        }

        /// The spans so far, in the order in which they ended.
        fn ended(&self) -> Vec<SpanData> {
            self.pipeline.flush();
            self.exporter.get_finished_spans().expect("no thread panicked")
        }
    }

    fn attribute<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
        let pair = span.attributes.iter().find(|pair| pair.key.as_str() == key);
        pair.map(|pair| &pair.value)
    }

    #[test]
    fn the_invocation_is_a_child_of_its_caller() {
        let malformed = CALLER.to_uppercase();
        let cases = [
            (CALLER, true, "a caller"),
            ("", false, "no caller"),
            (malformed.as_str(), false, "a malformed caller"),
        ];
        for (traceparent, is_child, reason) in cases {
            let fixture = Fixture::new();
            fixture.call(traceparent, "").finish(&RETURNED);
            let [span] = fixture.ended().try_into().expect("one span");
            let caller = parent::parse(CALLER, "").expect("valid");
            let context = &span.span_context;
            assert_eq!(context.trace_id() == caller.trace_id(), is_child, "{reason}");
            assert_eq!(span.parent_span_id == caller.span_id(), is_child, "{reason}");
            assert_eq!(span.parent_span_id == SpanId::INVALID, !is_child, "{reason}");
            assert_eq!(span.parent_span_is_remote, is_child, "{reason}");
            assert!(context.is_valid() && context.is_sampled(), "{reason}");
            assert_ne!(context.span_id(), caller.span_id(), "{reason}");
            assert_eq!(span.span_kind, SpanKind::Server, "{reason}");
            assert_eq!(span.name, "hello", "{reason}");
        }
    }

    #[test]
    fn what_the_caller_does_not_sample_is_passed_on_and_not_exported() {
        let fixture = Fixture::new();
        let call = fixture.call(CALLER.replace("-01", "-00").as_str(), "congo=t61");
        let inner = call.open_span("inner".to_owned(), call.invocation());
        inner.set_attribute("a", 1.into());
        let context = inner.context();
        assert_eq!(context.trace_id(), call.invocation().context().trace_id());
        assert_eq!(context.trace_state().header(), "congo=t61");
        assert!(!context.is_sampled());
        call.end_span(&inner);
        call.finish(&RETURNED);
        assert_eq!(fixture.ended(), []);
    }

    #[test]
    fn spans_nest_and_end_in_any_order() {
        let fixture = Fixture::new();
        let call = fixture.call(CALLER, "congo=t61");
        let current = |call: &Call| call.current().map(|span| span.name().to_owned());
        let outer = call.open_span("outer".to_owned(), call.invocation());
        let inner = call.open_span("inner".to_owned(), &call.current().expect("outer is open"));
        call.end_span(&outer);
        assert_eq!(
            current(&call).as_deref(),
            Some("inner"),
            "a span may outlive its parent"
        );
        call.end_span(&inner);
        call.end_span(&inner);
        assert_eq!(current(&call), None);
        call.finish(&RETURNED);

        let [outer, inner, invocation] = fixture.ended().try_into().expect("three spans, each once");
        let names = [&outer, &inner, &invocation].map(|span| span.name.clone());
        assert_eq!(names, ["outer", "inner", "hello"]);
        assert_eq!(outer.parent_span_id, invocation.span_context.span_id());
        assert_eq!(inner.parent_span_id, outer.span_context.span_id());
        for span in [outer, inner] {
            assert_eq!(span.span_context.trace_id(), invocation.span_context.trace_id());
            assert_eq!(span.span_context.trace_state().header(), "congo=t61");
            assert_eq!(span.span_kind, SpanKind::Internal);
            assert!(!span.parent_span_is_remote);
            assert!(span.start_time >= invocation.start_time && span.end_time <= invocation.end_time);
        }
    }

    #[test]
    fn what_is_left_open_ends_with_the_invocation() {
        let fixture = Fixture::new();
        let call = fixture.call("", "");
        let outer = call.open_span("outer".to_owned(), call.invocation());
        let inner = call.open_span("inner".to_owned(), &outer);
        call.finish(&RETURNED);
        inner.set_attribute("too", "late".into());
        call.restart(&inner);
        call.end_span(&inner);

        let spans = fixture.ended();
        let names: Vec<_> = spans.iter().map(|span| span.name.as_ref()).collect();
        assert_eq!(
            names,
            ["inner", "outer", "hello"],
            "the inner one first, each once"
        );
        assert_eq!(spans[0].attributes, [], "nothing is added after the end");
        assert_eq!(spans[0].end_time, spans[2].end_time);
    }

    #[test]
    fn a_with_block_starts_its_span_anew() {
        let fixture = Fixture::new();
        let call = fixture.call("", "");
        let first = call.open_span("first".to_owned(), call.invocation());
        let _second = call.open_span("second".to_owned(), call.invocation());
        let before = SystemTime::now();
        call.restart(&first);
        let current = call.current().expect("two are open");
        assert!(Arc::ptr_eq(&current, &first), "it is current again");
        call.end_span(&first);
        assert!(fixture.ended()[0].start_time >= before);
    }

    #[test]
    fn an_exception_is_an_event_and_a_status() {
        let fixture = Fixture::new();
        let call = fixture.call("", "");
        let span = call.open_span("work".to_owned(), call.invocation());
        let raised = Raised {
            type_name: "ValueError",
            message: "no",
            traceback: "Traceback …",
        };
        span.record(&raised);
        call.end_span(&span);
        call.finish(&Ending {
            kind: OutcomeKind::Raised,
            http_status: Some(500),
            raised: Some(raised),
            extension: None,
        });
        let spans = fixture.ended();
        assert_eq!(spans.len(), 2);
        for span in &spans {
            assert_eq!(span.status, Status::error("ValueError: no"), "{}", span.name);
            assert_eq!(
                attribute(span, "error.type"),
                Some(&"ValueError".into()),
                "{}",
                span.name
            );
            let [event] = &span.events[..] else {
                panic!("{}: one event", span.name);
            };
            assert_eq!(event.name, "exception");
            let expected = [
                KeyValue::new("exception.type", "ValueError"),
                KeyValue::new("exception.message", "no"),
                KeyValue::new("exception.stacktrace", "Traceback …"),
            ];
            assert_eq!(event.attributes, expected);
        }
        assert_eq!(
            attribute(&spans[1], "http.response.status_code"),
            Some(&500.into())
        );
    }

    #[test]
    fn outcomes() {
        let error = Status::error("");
        let cases = [
            (OutcomeKind::Returned, Some(200), None, Status::Unset, "success"),
            (
                OutcomeKind::Returned,
                Some(404),
                None,
                Status::Unset,
                "the client's fault",
            ),
            (
                OutcomeKind::Returned,
                Some(503),
                Some("503"),
                error.clone(),
                "the server's fault",
            ),
            (OutcomeKind::Returned, None, None, Status::Unset, "not HTTP"),
            (
                OutcomeKind::Answered,
                Some(429),
                None,
                Status::Unset,
                "an extension answered",
            ),
            (
                OutcomeKind::Refused,
                Some(500),
                Some("refused"),
                error.clone(),
                "an extension refused",
            ),
            (
                OutcomeKind::TimedOut,
                Some(500),
                Some("timeout"),
                error.clone(),
                "too slow",
            ),
            (
                OutcomeKind::Cancelled,
                None,
                Some("cancelled"),
                error.clone(),
                "the worker stopped",
            ),
            (
                OutcomeKind::Raised,
                Some(500),
                Some("_OTHER"),
                error,
                "raised what nobody described",
            ),
        ];
        for (kind, http_status, error_type, status, reason) in cases {
            let fixture = Fixture::new();
            fixture.call("", "").finish(&Ending {
                kind,
                http_status,
                ..RETURNED
            });
            let [span] = fixture.ended().try_into().expect("one span");
            let error_type = error_type.map(Value::from);
            assert_eq!(attribute(&span, "error.type"), error_type.as_ref(), "{reason}");
            assert_eq!(span.status, status, "{reason}");
            let code = http_status.map(|status| Value::from(i64::from(status)));
            assert_eq!(
                attribute(&span, "http.response.status_code"),
                code.as_ref(),
                "{reason}"
            );
        }
    }

    #[test]
    fn attributes_replace_and_stop_at_the_limit() {
        let fixture = Fixture::new();
        let call = fixture.call("", "");
        let span = call.invocation();
        span.set_attribute("a", 1.into());
        span.set_attribute("a", 2.into());
        for index in 0..LIMIT {
            span.set_attribute(format!("a{index}"), true.into());
            span.add_event("e", Vec::new());
        }
        span.add_event("one too many", Vec::new());
        call.finish(&Ending {
            http_status: None,
            ..RETURNED
        });
        let [span] = fixture.ended().try_into().expect("one span");
        assert_eq!(attribute(&span, "a"), Some(&2.into()));
        assert_eq!((span.attributes.len(), span.dropped_attributes_count), (LIMIT, 1));
        assert_eq!((span.events.len(), span.events.dropped_count), (LIMIT, 1));
    }

    #[test]
    fn ok_is_final() {
        let fixture = Fixture::new();
        let call = fixture.call("", "");
        call.invocation().set_status(Status::Ok);
        call.finish(&Ending {
            http_status: Some(500),
            ..RETURNED
        });
        assert_eq!(fixture.ended()[0].status, Status::Ok);
    }
}
