//! Extensions for the tests of the mock host.

mod counting;
mod limit;
mod waiter;

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use funcdock_extension_api::{
    AppInfo, Error, ErrorKind, Exception, Extension, Flow, Function, HttpRequest, Invocation, Outcome,
    Response, Result, Value, extension,
};
pub(crate) use limit::Limit;
use serde::Deserialize;
pub(crate) use waiter::Waiter;

use counting::Counter;

thread_local! {
    /// The states that are alive, of the test on this thread.
    pub(crate) static STATES: AtomicI64 = const { AtomicI64::new(0) };
}

/// Shows what it sees, and does what headers of the request say.
pub(crate) struct Probe {
    app: String,
}

#[derive(Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    label: String,
    fail: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            label: "probe".to_owned(),
            fail: None,
        }
    }
}

pub(crate) struct State;

impl State {
    fn new() -> Self {
        STATES.with(|states| states.fetch_add(1, Ordering::Relaxed));
        State
    }
}

impl Drop for State {
    fn drop(&mut self) {
        STATES.with(|states| states.fetch_sub(1, Ordering::Relaxed));
    }
}

#[extension(name = "probe")]
impl Extension for Probe {
    type Settings = Settings;
    type State = State;

    fn configure(settings: &Settings) -> Result<()> {
        match settings.label.as_str() {
            "" => Err(Error::msg("label: must not be empty")),
            _ => Ok(()),
        }
    }

    fn init(settings: Settings, app: &AppInfo<'_>) -> Result<Self> {
        match settings.fail.as_deref() {
            Some("init") => return Err(Error::msg("asked to fail")),
            Some(_) => panic!("asked to panic"),
            None => {}
        }
        Ok(Probe {
            app: format!("{} worker {}", app.root().display(), app.worker_index()),
        })
    }

    fn post_function_load(&self, function: &Function<'_>) -> Result<()> {
        if function.name() == "bad" {
            return Err(Error::msg("a bad function"));
        }
        let (name, directory) = (function.name(), function.directory().display());
        tracing::info!(
            "loaded {name} in {directory}: {} {:?}",
            function.trigger(),
            function.route()
        );
        Ok(())
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<State>> {
        let request = call.http_request();
        let seen = match request {
            Some(request) => seen(call, &request),
            None => event(call),
        };
        call.set_attribute("seen", seen)?;
        call.set_attribute("app", self.app.as_str())?;
        let reserved = call.set_attribute("invocation_id", "mine");
        assert_eq!(reserved.map_err(|error| error.kind()), Err(ErrorKind::Value));
        call.set_attribute("counter", 1)?;
        call.set_attribute("counter", Value::object(Counter::default()))?;
        let list = vec![Value::None, true.into(), 1.5.into(), Value::Bytes(vec![1])];
        call.set_attribute("values", Value::Map(vec![("list".to_owned(), Value::List(list))]))?;
        let context = call.trace_context();
        if !context.traceparent.is_empty() {
            let (child, tracestate) = (
                format!("{}-child", context.traceparent),
                context.tracestate.to_owned(),
            );
            call.set_trace_context(&child, &tracestate);
        }
        let state = State::new();
        match request.and_then(|request| request.header("x-pre")) {
            Some("respond") => {
                let answer = Response::new(429).header("Retry-After", "60").body("later");
                Ok(Flow::Respond(answer))
            }
            Some("respond with 100") => Ok(Flow::Respond(Response::new(100))),
            Some("fail") => Ok(Flow::Fail(Error::msg("not you"))),
            Some("error") => Err(Error::msg("pre went wrong")),
            Some("panic") => panic!("pre burst"),
            Some("thread") => {
                let id = call.id().to_owned();
                std::thread::spawn(move || tracing::info!("a thread of {id}"));
                Ok(Flow::Continue(state))
            }
            _ => Ok(Flow::Continue(state)),
        }
    }

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        _state: &mut State,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        let post = call.http_request().and_then(|request| request.header("x-post"));
        let Some(mut response) = call.response() else {
            tracing::info!("no response: {}", ended(outcome));
            return Ok(());
        };
        match post {
            Some("error") => return Err(Error::msg("post went wrong")),
            Some("panic") => panic!("post burst"),
            Some("change") => {
                response.set_header("X-Old", "new")?;
                response.append_header("x-old", "newer")?;
                response.remove_header("x-drop");
                assert_eq!(response.header("X-OLD"), Some("new"));
                assert_eq!(response.headers().count(), 2);
                let body = response.body().expect("no stream").to_ascii_uppercase();
                response.set_body(body);
            }
            Some("change badly") => {
                for refused in [
                    response.set_status(42),
                    response.set_header("no name", "x"),
                    response.set_header("x", "\n"),
                ] {
                    tracing::info!("{}", refused.expect_err("no host takes it"));
                }
            }
            _ => {}
        }
        response.set_header("x-outcome", &ended(outcome))?;
        match post {
            Some("change") => response.set_status(203),
            _ => Ok(()),
        }
    }

    #[attribute]
    fn made(&self, call: &Invocation<'_>) -> String {
        tracing::info!("made");
        format!("for {}", call.id())
    }

    #[attribute]
    fn app(&self, _call: &Invocation<'_>) -> Result<Value> {
        Err(Error::msg("app went wrong"))
    }

    #[attribute]
    fn never(&self, _call: &Invocation<'_>) -> Result<Option<String>> {
        Ok(None)
    }

    #[attribute]
    fn broken(&self, _call: &Invocation<'_>) -> Result<i64> {
        Err(Error::msg("broken went wrong"))
    }

    fn on_exception(&self, _call: &mut Invocation<'_>, exception: &Exception<'_>) -> Result<()> {
        tracing::info!("on_exception {}", exception.type_name);
        Ok(())
    }

    fn flush(&self, deadline: Duration) -> Result<()> {
        while deadline < Duration::from_millis(10) {
            std::thread::park();
        }
        tracing::info!("flush within {deadline:?}");
        Ok(())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        tracing::info!("dropped");
    }
}

/// A call that no HTTP request made.
fn event(call: &Invocation<'_>) -> String {
    let (count, max) = call.retry();
    format!(
        "{} {} no request retry {count}/{max} message={:?} DequeueCount={:?} Other={:?}",
        call.id(),
        call.function().name(),
        call.input("message"),
        call.metadata("DequeueCount"),
        call.metadata("Other"),
    )
}

fn seen(call: &Invocation<'_>, request: &HttpRequest<'_>) -> String {
    let text = String::from_utf8_lossy;
    let headers: Vec<_> = request
        .headers()
        .filter(|(name, _)| matches!(*name, "x-a" | "x-b"))
        .map(|(name, value)| format!("{name}={}", text(value)))
        .collect();
    let input = |name| {
        call.input(name)
            .map_or("None".to_owned(), |data| format!("{data:?}"))
    };
    let (count, max) = call.retry();
    format!(
        "{} {} {} {} {} {} [{}] X-A={} {} {} retry {count}/{max} req={} blob={} none={}",
        call.id(),
        call.function().name(),
        request.method(),
        request.path(),
        request.query(),
        request.version(),
        headers.join(", "),
        request.header("X-A").unwrap_or_default(),
        request.body().map_or("a stream".into(), text),
        request.client_address().unwrap_or_default(),
        input("req"),
        input("blob"),
        input("none"),
    )
}

fn ended(outcome: &Outcome<'_>) -> String {
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let exception = outcome
        .exception()
        .map(|e| format!("{}: {}", e.type_name, e.message));
    format!(
        "{:?} {} {} {} {} {}",
        outcome.kind(),
        outcome.status().unwrap_or_default(),
        or_none(exception),
        outcome.extension().unwrap_or("-"),
        or_none(outcome.return_value().map(|data| format!("{data:?}"))),
        or_none(Some(outputs(outcome)).filter(|outputs| !outputs.is_empty())),
    )
}

fn outputs(outcome: &Outcome<'_>) -> String {
    let outputs: Vec<_> = outcome
        .outputs()
        .inspect(|(name, data)| assert_eq!(outcome.output(name).as_ref(), Some(data)))
        .map(|(name, data)| format!("{name}={data:?}"))
        .collect();
    outputs.join(" ")
}

/// Fails if the path says so.
pub(crate) struct Strict;

#[extension(name = "strict")]
impl Extension for Strict {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Strict)
    }

    #[strict]
    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow> {
        match call.http_request().map(|request| request.path()) {
            Some("/pre") => Err(Error::msg("no")),
            _ => Ok(Flow::Continue(())),
        }
    }

    #[strict]
    fn post_invocation(
        &self,
        _call: &mut Invocation<'_>,
        _state: &mut (),
        _outcome: &Outcome<'_>,
    ) -> Result<()> {
        Err(Error::msg("no"))
    }
}
