//! What `#[extension]` makes of an `impl` block.

use std::time::Duration;

use funcdock_extension_api::driver::{Hook, LoadedExtension, Scope};
use funcdock_extension_api::testing::{Request, TestApp, TestFunction, TestHost, json};
use funcdock_extension_api::{
    AppInfo, Extension, Flow, FunctionInfo, Gauge, Invocation, Outcome, PythonModule, Response, Result,
    Value, extension,
};

use crate::SOON;

/// Only a post hook, without settings and state, under two names.
struct Stamp;

#[extension(names = ["stamp", "mark"])]
impl Extension for Stamp {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stamp)
    }

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        _state: &mut (),
        _outcome: &Outcome<'_>,
    ) -> Result<()> {
        match call.response() {
            Some(mut response) => response.set_header("x-stamp", "yes"),
            None => Ok(()),
        }
    }
}

/// Only `flush`, at function level, with a companion.
struct Flushes;

#[extension(scope = function, name = "flushes")]
impl Extension for Flushes {
    const COMPANION: &'static [PythonModule] = &[PythonModule::new("companion", "dock = print\n")];

    fn init(_settings: (), info: &FunctionInfo<'_>) -> Result<Self> {
        tracing::info!("init for {} of {}", info.function().name(), info.root().display());
        Ok(Flushes)
    }

    fn native(&self) -> Result<Value> {
        Ok(1.into())
    }

    fn flush(&self, _deadline: Duration) -> Result<()> {
        tracing::info!("flush");
        Ok(())
    }
}

fn linked(name: &str) -> LoadedExtension {
    let mut linked = LoadedExtension::linked();
    linked
        .find(|extension| extension.name() == name)
        .unwrap_or_else(|| panic!("no extension {name} is linked"))
}

#[test]
fn hooks_are_those_that_the_block_has() {
    use Hook::{Flush, PostFunctionLoad, PostInvocation, PreInvocation, Shutdown};
    let cases: [(&str, Scope, &[Hook], &[Hook]); 6] = [
        ("stamp", Scope::App, &[PreInvocation, PostInvocation], &[]),
        ("mark", Scope::App, &[PreInvocation, PostInvocation], &[]),
        ("flushes", Scope::Function, &[Flush, Shutdown], &[]),
        (
            "strict",
            Scope::App,
            &[PreInvocation, PostInvocation],
            &[PreInvocation, PostInvocation],
        ),
        (
            "rate-limit",
            Scope::Function,
            &[PreInvocation, PostInvocation],
            &[],
        ),
        (
            "probe",
            Scope::App,
            &[PostFunctionLoad, PreInvocation, PostInvocation, Flush, Shutdown],
            &[],
        ),
    ];
    for (name, scope, hooks, strict) in cases {
        let extension = linked(name);
        assert_eq!(extension.scope(), scope, "{name}");
        let found: Vec<_> = Hook::ALL
            .into_iter()
            .filter(|hook| extension.has(*hook))
            .collect();
        assert_eq!(found, hooks, "{name}");
        let found: Vec<_> = Hook::ALL
            .into_iter()
            .filter(|hook| extension.is_strict(*hook))
            .collect();
        assert_eq!(found, strict, "{name}");
        assert_eq!(extension.version(), env!("CARGO_PKG_VERSION"), "{name}");
    }
}

#[test]
fn a_post_hook_does_without_a_pre_hook() {
    let host = TestHost::app::<Stamp>(json!(null)).expect("it starts");
    let call = host.call(Request::get("/")).returning("Hello");
    assert_eq!(call.response_header("x-stamp"), Some("yes"));
}

#[test]
fn shutdown_flushes_unless_it_is_written() {
    let function = TestFunction::http("hello", "api/hello");
    let mut host = TestHost::function::<Flushes>(json!(null), function).expect("it starts");
    let call = host.call(Request::get("/")).returning("Hello");
    assert_eq!(call.errors(), []);
    drop(call);
    assert_eq!(host.shutdown(SOON), Ok(()));
    let logs: Vec<_> = host.logs().into_iter().map(|record| record.message).collect();
    assert!(logs[0].starts_with("init for hello of /"), "{logs:?}");
    assert_eq!(logs[1..], ["flush"]);
    assert_eq!(linked("flushes").companion()[0].name.as_str(), "companion");
}

/// Reads what the extension in front of it has set, and how long the call and the function take.
struct Reader(Gauge);

#[extension(name = "reader")]
impl Extension for Reader {
    fn init(_settings: (), app: &AppInfo<'_>) -> Result<Self> {
        let workers = app.gauge("workers", "How many there are.", &[])?;
        workers.set(app.worker_count().into());
        Ok(Reader(workers))
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow> {
        let trace = call.trace_context();
        tracing::info!(
            "{:?} in {:?} of {:?}",
            call.attribute("user"),
            trace.span_id(),
            trace.trace_id()
        );
        call.set_attribute("user", "mine")?;
        assert_eq!(
            call.attribute("user")
                .map(Value::into_string)
                .transpose()?
                .as_deref(),
            Some("mine")
        );
        self.0.add(-0.5);
        Ok(Flow::Continue(()))
    }

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        _state: &mut (),
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        let is_shorter = outcome.function_time().map(|time| time <= call.elapsed());
        tracing::info!("called: {is_shorter:?}");
        Ok(())
    }
}

#[test]
fn hooks_read_what_others_have_set_and_how_long_it_took() {
    let host = TestApp::new()
        .worker_count(3)
        .app::<Reader>(json!(null))
        .expect("it starts");
    let request = || {
        Request::get("/").attribute("user", "ada").header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
    };
    let call = host.call(request()).returning("done");
    let logs: Vec<String> = call.logs().into_iter().map(|record| record.message).collect();
    let seen = "Some(\"ada\") in Some(\"00f067aa0ba902b7\") of Some(\"4bf92f3577b34da6a3ce929d0e0e4736\")";
    assert_eq!(logs, [seen, "called: Some(true)"]);
    assert_eq!(call.attribute("user"), Some("mine".into()));
    let call = host
        .call(Request::get("/"))
        .answered_by("other", Response::new(204));
    let logs: Vec<String> = call.logs().into_iter().map(|record| record.message).collect();
    assert_eq!(logs, ["None in None of None", "called: None"]);
    assert_eq!(host.gauge("reader_workers", &[]), Some(2.0));
}

/// Panics when it is destroyed.
struct Bursts;

impl Drop for Bursts {
    fn drop(&mut self) {
        panic!("on purpose");
    }
}

#[extension(name = "bursts")]
impl Extension for Bursts {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Bursts)
    }
}

#[test]
fn a_destructor_that_panics_is_reported() {
    let mut host = TestHost::app::<Bursts>(json!(null)).expect("it starts");
    host.shutdown(SOON).expect("the hook returns");
    let logs = host.logs();
    let reported = logs.iter().any(|record| {
        record
            .message
            .starts_with("the destructor of extension \"bursts\" panicked: on purpose")
    });
    assert!(reported, "{logs:?}");
}
