//! Extensions docked, configured and attached by function code: `from funcdock.extensions import …`.

use std::collections::BTreeMap;
use std::fs;

use funcdock_tests::{App, Host, library, library_name, python};
use serde_json::{Value as Json, json};
use ureq::http::Request;

use crate::extensions::support::{ENABLE, host_json, records};

/// The app of these tests, with the libraries of the extensions in its folder for them. None is in its host.json.
fn app(settings: &[(&str, Json)]) -> App {
    let app = App::case("docking").file("host.json", &host_json("", settings));
    let folder = app.path().join(".extensions");
    fs::create_dir_all(&folder).expect("a folder in the copy");
    for name in ["answer", "record"] {
        fs::copy(library("fixture-hooks"), folder.join(library_name(name))).expect("the library is built");
    }
    app
}

/// The status of a call that the `answer` extension answers where it is attached.
fn status_of(host: &Host, function: &str) -> u16 {
    let request = Request::get(host.url_of(&format!("/api/{function}"))).header("x-answer", "202");
    host.send(request.body(Vec::new()).expect("a request")).status
}

fn extensions(host: &Host) -> BTreeMap<String, Json> {
    let report = host.get("/admin/extensions").json();
    let all = report["workers"][0]["extensions"]
        .as_array()
        .expect("a list")
        .clone();
    let by_name = |report: Json| (report["name"].as_str().expect("a name").to_owned(), report);
    all.into_iter().map(by_name).collect()
}

#[test]
fn importing_is_docking() {
    for (_, python) in python::oldest_and_newest() {
        let host = app(&[]).env(ENABLE, "1").python(python).start();
        assert_eq!(status_of(&host, "first"), 202, "attached");
        assert_eq!(status_of(&host, "second"), 200, "to one function only");
        assert_eq!(host.get("/api/first").text(), "<extension answer on first>");

        let extensions = extensions(&host);
        let found = |name: &str, field: &str| extensions[name][field].as_str().map(str::to_owned);
        assert_eq!(found("record", "scope").as_deref(), Some("app"));
        assert_eq!(found("answer", "scope").as_deref(), Some("function"));
        assert_eq!(found("answer", "state").as_deref(), Some("started"));
        // The app-level one sees all functions, with what code has configured.
        let stopped = host.stop();
        stopped.assert_clean();
        let labels: Vec<Json> = records(&stopped.app)
            .into_iter()
            .filter(|record| record["hook"] == "pre_invocation")
            .map(|record| record["label"].clone())
            .collect();
        assert_eq!(labels, vec![json!("from code"); 3]);
    }
}

#[test]
fn settings_from_code_override_host_json() {
    let settings = json!({ "settings": { "file": "from-host-json.jsonl", "label": "from host.json" } });
    // The first function sets the file and the label; without it the others are as host.json says.
    for (functions, file, label) in [
        ("first,second", "record.jsonl", "from code"),
        ("second", "from-host-json.jsonl", "from host.json"),
    ] {
        let app = app(&[("record", settings.clone())]).env(ENABLE, "1");
        let host = functions
            .split(',')
            .fold(app, |app, function| app.arg("--functions").arg(function))
            .start();
        assert_eq!(host.get("/api/second").text(), "second");
        let stopped = host.stop();
        let text = fs::read_to_string(stopped.app.path().join(file)).expect("it has recorded");
        let first: Json = serde_json::from_str(text.lines().next().expect("a record")).expect("JSON");
        assert_eq!(first["label"], label, "{functions}");
    }
}

#[test]
fn a_mistake_that_shows_later_names_the_line_that_made_it() {
    let script = "\
import azure.functions as func
from funcdock.extensions import record, rate_limit

app = func.FunctionApp()
record.configure(
    label='the file is missing',
)


CONFIGURED
@app.route()
def orders(req):
    return 'orders'
";
    for (configured, expected) in [
        // A later line could still add the file, so only the start knows.
        (
            "",
            "extension \"record\": function_app.py:5: the setting \"file\" is missing",
        ),
        // The function is known when the script has run.
        (
            "@rate_limit(per_second='many')",
            "TypeError: function_app.py:10: per_second: expected a number, found \"many\"",
        ),
    ] {
        let app = app(&[]).python(python::any()).env(ENABLE, "1");
        let stopped = app
            .file("function_app.py", &script.replace("CONFIGURED", configured))
            .start_fails();
        assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
    }
}

#[test]
fn mistakes_are_exceptions_that_say_what_to_do() {
    let host = app(&[]).env(ENABLE, "1").start();
    let texts = host.get("/api/mistakes").json();
    for (mistake, expected) in [
        (
            "unknown",
            &[
                "ImportError: extension \"recrod\": not found",
                "did you mean \"record\"?",
            ][..],
        ),
        (
            "unknown key",
            &["TypeError: unknown key \"lable\": the keys are file, label"],
        ),
        ("wrong type", &["TypeError: label: expected text, found 1"]),
        (
            "not JSON",
            &["TypeError: label: Object of type object is not JSON"],
        ),
        ("not a number", &["ValueError: label: "]),
        (
            "app level",
            &["TypeError: ", "'record' is app level", "configure"],
        ),
        (
            "other file",
            &["ValueError: answer: ", "is the file of no function", "__file__"],
        ),
        (
            "function level",
            &["TypeError: unknown key \"calls\": this extension has no settings"],
        ),
        ("private", &["AttributeError: ", "'_private'"]),
    ] {
        let text = texts[mistake].as_str().expect("a text");
        for part in expected {
            assert!(text.contains(part), "{mistake}: {text}");
        }
    }
    assert_eq!(texts["names"], json!(["answer", "record"]));
    let late = host.get("/api/late").text();
    assert!(late.contains("while the app's functions are imported"), "{late}");
}

#[test]
fn nothing_is_docked_where_extensions_are_off() {
    let host = app(&[]).start();
    assert_eq!(status_of(&host, "first"), 200);
    assert!(extensions(&host).is_empty());
    let texts = host.get("/api/mistakes").json();
    let unknown = texts["unknown"].as_str().expect("a text");
    assert!(
        unknown.starts_with("ImportError: there is no extension 'recrod'; there are answer, "),
        "{unknown}"
    );
    assert_eq!(texts["unknown key"], "nothing");
    let stopped = host.stop();
    let warning = "worker extensions are off: set PYTHON_ENABLE_WORKER_EXTENSIONS=1";
    assert!(stopped.stderr.contains(warning), "{}", stopped.stderr);
    assert!(records(&stopped.app).is_empty());
}

/// In the decorator model an extension is attached to a function, or to the functions of a file.
#[test]
fn decorators_attach_extensions_to_functions() {
    const SCRIPT: &str = r#"
import json

import azure.functions as func
from funcdock.extensions import answer
from other import blueprint

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
app.register_functions(blueprint)


class Own(func.FuncExtensionBase):
    """An extension in Python."""

    def __init__(self, target):
        super().__init__(target)

    def pre_invocation(self, logger, context, func_args=None, *args, **kwargs):
        context.own = "seen"


@app.route()
@answer
def below(req, context):
    return getattr(context, "own", "not seen")


@answer()
@app.route()
async def above(req, context):
    return getattr(context, "own", "not seen")


@app.route()
def without(req, context):
    return getattr(context, "own", "not seen")


Own(below)
Own(above)
"#;
    const OTHER: &str = r#"
import azure.functions as func
from funcdock.extensions import answer

blueprint = func.Blueprint()
answer(__file__)


@blueprint.route()
def elsewhere(req):
    return ""
"#;
    for (_, python) in python::oldest_and_newest() {
        let host = app(&[])
            .env(ENABLE, "1")
            .file("function_app.py", SCRIPT)
            .file("other.py", OTHER)
            .python(python)
            .start();
        for (function, status, text) in [
            ("below", 202, "seen"),
            ("above", 202, "seen"),
            ("without", 200, "not seen"),
            ("elsewhere", 202, ""),
        ] {
            assert_eq!(
                status_of(&host, function),
                status,
                "{function}\n{}",
                host.output()
            );
            assert_eq!(host.get(&format!("/api/{function}")).text(), text, "{function}");
        }
        host.stop().assert_clean();
    }
    let elsewhere = SCRIPT.replace("Own(above)", "answer(lambda req: None)");
    let stopped = app(&[])
        .env(ENABLE, "1")
        .file("function_app.py", &elsewhere)
        .file("other.py", OTHER)
        .start_fails();
    assert!(
        stopped
            .stderr
            .contains("is not a function of the app: decorate the function"),
        "{}",
        stopped.stderr
    );
}
