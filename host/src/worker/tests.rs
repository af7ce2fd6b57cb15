//! A worker without a supervisor and without a listener: a trigger, a runner and orders of the test.

use std::sync::{PoisonError, mpsc};

use serde_json::Value;

use super::*;
use crate::control::PROTOCOL;
use crate::model::{Data, Inputs, Outcome, Output, RetryContext, Returned, Start};
use crate::pipeline::{FunctionRunner, RunnerCall};
use crate::triggers::{Calls, Registration, TriggerFuture};

/// Long enough for any machine.
const LONG: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq)]
enum Report {
    Ready(Vec<String>),
    Failed(String, String),
    Drained,
}

/// Orders to drain when the test says so.
struct TestOrders {
    reports: mpsc::Sender<Report>,
    drain: mpsc::Receiver<Duration>,
}

impl Orders for TestOrders {
    fn ready(&mut self, ready: Ready, _pulse: Pulse) {
        let names = ready.functions.into_iter().map(|function| function.name);
        let _ = self.reports.send(Report::Ready(names.collect()));
    }

    fn failed(&mut self, phase: &str, message: &str) {
        let _ = self
            .reports
            .send(Report::Failed(phase.to_owned(), message.to_owned()));
    }

    fn wait_for_drain(&mut self) -> Duration {
        self.drain.recv_timeout(LONG).unwrap_or_default()
    }

    fn drained(&mut self, _statistics: Value) {
        let _ = self.reports.send(Report::Drained);
    }
}

/// Calls each of its functions once, and keeps what came back for the test.
struct OnceTrigger;

crate::triggers::inventory::submit! { Registration::new(|_| Ok(Box::new(OnceTrigger))) }

/// The results of the trigger's calls, as text.
static RESULTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Trigger for OnceTrigger {
    fn name(&self) -> &'static str {
        "once"
    }

    fn serves(&self, kind: &str) -> bool {
        kind == "onceTrigger"
    }

    fn start(
        self: Box<Self>,
        functions: Vec<Arc<LoadedFunction>>,
        calls: Calls,
    ) -> Result<TriggerFuture, String> {
        Ok(Box::pin(async move {
            for function in functions {
                let start = Start {
                    id: Some(uuid::Uuid::from_u128(7).into()),
                    inputs: Inputs {
                        trigger: Data::Int(20),
                        others: vec![("more".to_owned(), Data::Int(1))],
                    },
                    metadata: vec![("attempt".to_owned(), Data::String("second".to_owned()))],
                    retry: RetryContext {
                        count: 1,
                        max: 3,
                        exception: None,
                    },
                    ..Start::default()
                };
                let (invocation, result) = calls.call(function, start, ()).await;
                let text = format!("{}: {:?}", invocation.id(), result.outcome());
                RESULTS.lock().unwrap_or_else(PoisonError::into_inner).push(text);
            }
            calls.draining().await;
            Ok(())
        }))
    }
}

/// Adds up the numbers that it gets.
struct Adder(Arc<Completions>);

impl FunctionRunner for Adder {
    fn invoke(&self, call: RunnerCall) {
        let invocation = &call.invocation;
        let number = |name| match invocation.input(name) {
            Some(Data::Int(number)) => *number,
            other => panic!("{name}: {other:?}"),
        };
        let sum = number("start") + number("more") + i64::from(invocation.retry().count);
        let outcome = Outcome::Returned(Returned {
            value: Data::Int(sum),
            outputs: vec![Output {
                name: "out".into(),
                data: invocation.metadata("attempt").cloned().unwrap_or_default(),
            }],
        });
        self.0.push(call.ticket, outcome, false);
    }

    fn flush(&self) {}
}

fn config() -> WorkerConfig {
    WorkerConfig {
        protocol: PROTOCOL,
        app: crate::app::testing::app("/app"),
        index: 0,
        workers: 1,
        restarts: 0,
        load_cell: 0,
        extensions_enabled: false,
        site_packages: Vec::new(),
        extension_path: Vec::new(),
        log_format: Default::default(),
        verbose: false,
        logs_calls: false,
        debug_logs: false,
        skip_post_on_exception: false,
        uses_opentelemetry: false,
        max_requests: None,
        strict: false,
        must_load: Default::default(),
        threads: None,
    }
}

fn function(kind: &str) -> FunctionDefinition {
    let trigger = serde_json::json!({
        "name": "start", "kind": kind, "direction": "in", "data_type": null, "settings": "other", "properties": {},
    });
    FunctionDefinition {
        name: "add".to_owned(),
        directory: "/add".into(),
        script_file: "/add/__init__.py".into(),
        entry_point: "main".to_owned(),
        bindings: vec![serde_json::from_value(trigger).expect("a binding")],
        retry: None,
    }
}

#[test]
fn a_worker_needs_no_supervisor_and_no_listener() {
    let (reports, reported) = mpsc::channel();
    let (drain, ordered) = mpsc::channel();
    let orders = TestOrders {
        reports,
        drain: ordered,
    };
    let worker = Worker::new(config(), orders, None).unwrap_or_else(|code| panic!("exit code {code}"));
    assert!(worker.serves("onceTrigger"));
    assert!(!worker.serves("httpTrigger"), "there is no listener");
    let completions = Arc::clone(worker.completions());
    let loaded = worker.load(vec![function("onceTrigger")]);
    let (worker, _) = loaded.unwrap_or_else(|code| panic!("exit code {code}"));
    let serving = worker.serve(Arc::new(Adder(completions)), "test", || {});
    let serving = serving.unwrap_or_else(|code| panic!("exit code {code}"));
    assert_eq!(
        reported.recv_timeout(LONG),
        Ok(Report::Ready(vec!["add".to_owned()]))
    );
    let deadline = Instant::now() + LONG;
    let results = || RESULTS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    while results().is_empty() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    drain.send(LONG).expect("the worker waits for it");
    assert_eq!(reported.recv_timeout(LONG), Ok(Report::Drained));
    assert_eq!(serving.join(), 0);
    let expected = "00000000-0000-0000-0000-000000000007: Returned(Returned { value: Int(22), outputs: [Output { name: \
                    \"out\", data: String(\"second\") }] })";
    assert_eq!(results(), [expected]);
}
