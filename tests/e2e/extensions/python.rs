//! Extensions in Python, as they are written for `azure.functions`: beside functions of each kind, and inside the
//! hooks of extensions in Rust.

use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;

use funcdock_tests::{App, Raw, at_once, python};
use nix::sys::signal::Signal;
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{
    ENABLE, fixture, fixture_for, host_json, lines, open_gate, order, recording, records, records_of, status,
    wait_for_lines, wait_for_records,
};

/// The app of these tests, its extensions on, with recorders in Rust at both levels around them.
fn app(python: PathBuf, members: &str) -> App {
    let extensions = [
        ("answer", fixture_for(&["returns", "returns_async"], json!({}))),
        ("record", fixture(recording("native app"))),
        ("record-function", fixture(recording("native function"))),
    ];
    App::case("python_extensions")
        .file("host.json", &host_json(members, &extensions))
        .env(ENABLE, "1")
        .python(python)
}

/// Returns this app on the oldest and on the newest Python.
fn each(members: &str) -> impl Iterator<Item = App> {
    let members = members.to_owned();
    let pythons = python::oldest_and_newest().into_iter();
    pythons.map(move |(_, python)| app(python, &members))
}

/// The hooks, in order, of a call that reaches the function.
const AROUND: [&str; 11] = [
    "native app pre_invocation",
    "native function pre_invocation",
    "First pre_invocation",
    "Second pre_invocation",
    "Own pre_invocation",
    "function",
    "Own post_invocation",
    "First post_invocation",
    "Second post_invocation",
    "native function post_invocation",
    "native app post_invocation",
];

/// The one record of this hook and label.
#[track_caller]
fn record(app: &App, hook: &str, label: &str) -> Json {
    let mut found = records_of(app, hook);
    found.retain(|record| record["label"] == label);
    assert_eq!(found.len(), 1, "{hook} of {label}: {found:#?}");
    found.remove(0)
}

#[test]
fn hooks_run_in_order_when_the_function_returns() {
    for app in each("") {
        let host = app.start();
        for (calls, path) in [(1, "returns"), (2, "returns_async")] {
            assert_eq!(host.get(&format!("/api/{path}")).text(), "returned");
            wait_for_records(&host, "post_invocation", calls * 5);
            assert_eq!(order(host.app())[(calls - 1) * 11..], AROUND, "{path}");
        }
        // The call of the synchronous function: all hooks get one context, with the attributes that hooks have set.
        let records = records(host.app());
        let call = records.iter().find(|record| record["hook"] == "function");
        let call = call.expect("it was called");
        let of_call = |hook: &str, label: &str| {
            let mut found = records.iter().filter(|record| {
                record["hook"] == hook
                    && record["label"] == label
                    && record["invocation"] == call["invocation"]
            });
            found.next().expect("it was called").clone()
        };
        assert_eq!(call["seen"], json!([{"key": "value"}, "Own"]));
        for (hook, label) in [("pre_invocation", "Own"), ("post_invocation", "First")] {
            assert_eq!(
                of_call(hook, label)["context"],
                call["context"],
                "{hook} of {label}"
            );
        }
        let pre = of_call("pre_invocation", "First");
        assert_eq!(pre["arguments"], json!(["context", "req"]));
        let post = of_call("post_invocation", "First");
        let result = ["returned", "exception"].map(|field| &post[field]);
        assert_eq!(result, [&json!("returned"), &Json::Null]);
        assert_eq!(of_call("post_invocation", "Own")["own"], "Own");
        host.stop().assert_clean();
    }
}

#[test]
fn hooks_run_in_order_when_the_function_raises() {
    for app in each("") {
        let host = app.start();
        for (calls, path) in [(1, "raises"), (2, "raises_async")] {
            assert_eq!(host.get(&format!("/api/{path}")).status, 500);
            wait_for_records(&host, "post_invocation", calls * 5);
            assert_eq!(order(host.app())[(calls - 1) * 11..], AROUND, "{path}");
        }
        let posts = records_of(host.app(), "post_invocation");
        for post in posts.iter().filter(|post| post["label"] == "First") {
            let result = ["returned", "exception"].map(|field| &post[field]);
            assert_eq!(result, [&Json::Null, &json!("ValueError('raised on purpose')")]);
        }
        // The host logs the exception as if there were no hooks.
        wait_for_lines(&host, &["the function raised ValueError: raised on purpose"], 2);
        let log = host.stderr();
        assert!(!log.contains("<funcdock>"), "{log}");
        host.stop().assert_clean();
    }
}

#[test]
fn post_hooks_after_an_exception_can_be_switched_off() {
    let app = app(python::any(), "").env("PYTHON_EXTENSIONS_SKIP_POST_ON_EXCEPTION", "True");
    let host = app.start();
    for path in ["raises", "raises_async"] {
        assert_eq!(host.get(&format!("/api/{path}")).status, 500);
    }
    assert_eq!(host.get("/api/returns").text(), "returned");
    wait_for_records(&host, "post_invocation", 2 + 2 + 5);
    let raised = [&AROUND[..6], &AROUND[9..]].concat();
    assert_eq!(order(host.app()), [&raised[..], &raised[..], &AROUND].concat());
}

#[test]
fn hooks_run_in_order_when_the_worker_stops() {
    for app in each("") {
        let host = app.arg("--drain-timeout").arg("1").start();
        let mut client = Raw::connect(&host);
        client.send("GET /api/waits_async HTTP/1.1\r\nhost: test\r\n\r\n");
        wait_for_records(&host, "function", 1);
        host.signal(Signal::SIGTERM);
        assert_eq!(client.answer().status, 503);
        let stopped = host.wait();
        assert_eq!(stopped.status.code(), Some(1), "not clean\n{}", stopped.stderr);
        assert_eq!(order(&stopped.app), AROUND);
        assert_eq!(
            records_of(&stopped.app, "finally").len(),
            1,
            "the function is cancelled"
        );
        let exception = record(&stopped.app, "post_invocation", "First")["exception"].clone();
        assert_eq!(exception, "CancelledError()");
        let outcome = record(&stopped.app, "post_invocation", "native app")["outcome"].clone();
        assert_eq!(outcome, "Cancelled");
        let logged = lines(&stopped.stderr, &["WARN", "given up", "function=waits_async "]);
        assert_eq!(logged.len(), 1, "{}", stopped.stderr);
    }
}

#[test]
fn hooks_run_at_the_end_of_a_call_that_timed_out() {
    for app in each(r#""functionTimeout": "00:00:01","#) {
        let host = app.start();
        assert_eq!(host.get("/api/waits_async").status, 504);
        wait_for_records(&host, "post_invocation", 5);
        let stopped = host.stop();
        stopped.assert_clean();
        // The native hooks run when the function times out, those in Python once the cancelled function has ended: each
        // side on its own thread.
        let order = order(&stopped.app);
        let (before, after) = order.split_at(6);
        assert_eq!(before, &AROUND[..6]);
        let (native, in_python): (Vec<&String>, Vec<&String>) =
            after.iter().partition(|hook| hook.starts_with("native"));
        assert_eq!(native, AROUND[9..].iter().collect::<Vec<_>>());
        assert_eq!(in_python, AROUND[6..9].iter().collect::<Vec<_>>());
        assert_eq!(
            records_of(&stopped.app, "finally").len(),
            1,
            "the function is cancelled"
        );
        let post = |label: &str| record(&stopped.app, "post_invocation", label);
        assert_eq!(post("First")["exception"], "CancelledError()");
        assert_eq!(post("native app")["outcome"], "TimedOut");
    }
}

#[test]
fn a_client_that_leaves_changes_nothing() {
    let host = app(python::any(), "").start();
    let mut client = TcpStream::connect(host.address()).expect("the host listens");
    write!(client, "GET /api/waits_async HTTP/1.1\r\nhost: test\r\n\r\n").expect("sent");
    wait_for_records(&host, "function", 1);
    drop(client);
    open_gate(host.app().path());
    wait_for_records(&host, "post_invocation", 5);
    assert_eq!(order(host.app()), AROUND);
    host.stop().assert_clean();
}

#[test]
fn an_early_answer_reaches_no_hook_in_python() {
    for app in each("") {
        let host = app.start();
        for path in ["returns", "returns_async"] {
            let request = Request::get(host.url_of(&format!("/api/{path}"))).header("x-answer", "418");
            let answer = host.send(request.body(Vec::new()).expect("a valid request"));
            assert_eq!(answer.status, 418);
        }
        // "record" is an app-level extension, so it comes before "answer"; its post hook has run by now.
        let one = ["native app pre_invocation", "native app post_invocation"];
        assert_eq!(order(host.app()), [one, one].concat());
        host.stop().assert_clean();
    }
}

#[test]
fn functions_without_a_context_and_extensions_of_their_own_have_those_of_the_app() {
    for app in each("") {
        let host = app.start();
        assert_eq!(host.get("/api/plain?name=Ada").text(), "Hello, Ada!");
        wait_for_records(&host, "post_invocation", 4);
        let (pre, post) = (&AROUND[..4], &AROUND[7..]);
        assert_eq!(order(host.app()), [pre, post].concat());
        assert_eq!(
            record(host.app(), "pre_invocation", "First")["arguments"],
            json!(["req"])
        );
        // Loaded as well: all of the app, however late the first of its functions imports the extension.
        let loaded = records_of(host.app(), "post_function_load");
        let of_first = loaded.iter().filter(|record| record["label"] == "First");
        let mut functions: Vec<&str> = of_first
            .filter_map(|record| record["function"].as_str())
            .collect();
        functions.sort_unstable();
        let all = [
            "one",
            "plain",
            "raises",
            "raises_async",
            "returns",
            "returns_async",
            "together",
            "two",
            "waits_async",
        ];
        assert_eq!(functions, all);
        let of_returns = loaded.iter().filter(|record| record["function"] == "returns");
        let labels: Vec<&str> = of_returns
            .clone()
            .filter_map(|record| record["label"].as_str())
            .collect();
        assert_eq!(labels, ["Own", "First", "native function", "native app"]);
        let folder = host.app().path().canonicalize().expect("the app").join("returns");
        for record in of_returns {
            assert_eq!(record["directory"], json!(folder), "{record}");
        }
    }
}

#[test]
fn a_script_elsewhere_has_the_extensions_that_it_made() {
    for app in each("") {
        let host = app
            .file(
                "shared_code/stray.py",
                "from shared_code.function_level import Own\nOwn(__file__)\n",
            )
            .file(
                "plain/__init__.py",
                "import shared_code.stray\ndef main(req): return ''\n",
            )
            .start();
        for path in ["one", "two"] {
            assert_eq!(host.get(&format!("/api/{path}")).text(), path);
            let pre = wait_for_records(&host, "pre_invocation", if path == "one" { 5 } else { 10 });
            let own = pre.iter().filter(|record| record["function"] == path);
            let labels: Vec<&str> = own.filter_map(|record| record["label"].as_str()).collect();
            assert_eq!(labels, ["native app", "native function", "First", "Second", path]);
        }
        let stray = "the extension Own was made by a file in 'shared_code', which is not a function's script";
        wait_for_lines(&host, &["WARN", stray], 1);
    }
}

#[test]
fn a_hook_that_raises_is_logged_and_changes_nothing() {
    for app in each("") {
        let host = app.env("FAULTY", "1").start();
        assert_eq!(host.get("/api/returns").text(), "returned");
        let sync = wait_for_records(&host, "post_invocation", 5)[0]["invocation"].clone();
        assert_eq!(host.get("/api/returns_async").text(), "returned");
        wait_for_records(&host, "post_invocation", 10);
        assert_eq!(order(host.app()), [AROUND, AROUND].concat());

        let stopped = host.stop();
        stopped.assert_clean();
        let log = &stopped.stderr;
        for (texts, count) in [
            (
                [
                    "ERROR",
                    "azure_functions_worker.extension.Heir: pre_invocation_app_level failed",
                ],
                2,
            ),
            (
                [
                    "ERROR",
                    "azure_functions_worker.extension.Heir: post_invocation_app_level failed",
                ],
                2,
            ),
            (
                [
                    "ERROR",
                    "azure_functions_worker.extension.Own: post_function_load failed",
                ],
                7,
            ),
            (
                [
                    "ERROR",
                    "azure_functions_worker.extension.Async: pre_invocation_app_level is never called",
                ],
                1,
            ),
            (["INFO", "azure_functions_worker.extension.First: before"], 2),
        ] {
            assert_eq!(lines(log, &texts).len(), count, "{texts:?}\n{log}");
        }
        for trace in [
            "LookupError: on purpose, before",
            "SystemExit: on purpose, after",
            "LookupError: on purpose, at load",
        ] {
            assert!(log.contains(trace), "{trace}\n{log}");
        }
        let invocation = format!("invocation={}", sync.as_str().unwrap_or("none"));
        assert_eq!(
            lines(log, &["extension.First: before", &invocation]).len(),
            1,
            "{log}"
        );
    }
}

#[test]
fn hooks_run_at_once_on_several_threads() {
    let host = app(python::any(), "").start();
    let answers = at_once(2, |_| host.get("/api/together").text());
    assert_eq!(answers, ["together", "together"]);
    assert!(!host.stderr().contains("BrokenBarrierError"), "{}", host.stderr());
}

#[test]
fn extensions_in_python_are_reported() {
    let host = app(python::any(), "").start();
    for (name, scope) in [
        ("First", "app"),
        ("Heir", "app"),
        ("Idle", "app"),
        ("Own", "function"),
    ] {
        let report = status(&host, name);
        let reported = ["scope", "source", "state"].map(|field| report[field].as_str());
        assert_eq!(
            reported,
            [Some(scope), Some("python"), Some("started")],
            "{report:#}"
        );
        host.wait_for_log(&format!("extension {name}: started"));
    }
    assert!(
        !host.stderr().contains("extension Base: started"),
        "First is meant"
    );
}

#[test]
fn without_the_setting_no_hook_runs() {
    let host = app(python::any(), "").env(ENABLE, "0").start();
    assert_eq!(host.get("/api/plain?name=Ada").text(), "Hello, Ada!");
    assert_eq!(
        host.get("/api/returns").status,
        500,
        "it relies on what hooks set"
    );
    let hooks: Vec<Json> = records(host.app())
        .into_iter()
        .map(|record| record["hook"].clone())
        .collect();
    // The library calls `init` itself.
    assert_eq!(hooks, ["init", "init"]);
}

#[test]
fn load_hooks_run_right_after_each_import() {
    let first = "\
from azure.functions import AppExtensionBase


class Loads(AppExtensionBase):
    @classmethod
    def post_function_load_app_level(cls, function_name, function_directory, *args, **kwargs):
        print('loaded', function_name, flush=True)


print('imports b', flush=True)


def main(req):
    return 'b'
";
    let other = |name: &str| {
        format!("print('imports {name}', flush=True)\n\n\ndef main(req):\n    return '{name}'\n")
    };
    let host = App::without_functions()
        .function("a", &other("a"))
        .function("b", first)
        .function("c", &other("c"))
        .env(ENABLE, "1")
        .start();
    let output = host.stop().stdout;
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| line.starts_with("imports ") || line.starts_with("loaded "))
        .collect();
    // The extension is made after `a` was imported, and learns of it at the end.
    let expected = [
        "imports a",
        "imports b",
        "loaded b",
        "imports c",
        "loaded c",
        "loaded a",
    ];
    assert_eq!(lines, expected);
}
