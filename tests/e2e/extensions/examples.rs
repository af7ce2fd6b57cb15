//! The extensions in `examples/`: the audit log and the token check, together in one app.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::thread;

use funcdock_tests::{App, json_lines, library, python};
use serde_json::{Value as Json, json};

use crate::extensions::support::{ENABLE, host_json, send, wait_for_lines};

/// A token of "ada" for "shop", until the year 2100, and the issuer's key.
const TOKEN: &str = "eyJhbGciOiJFZERTQSIsImtpZCI6Im9uZSIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhZGEiLCJhdWQiOiJzaG9wIiwiZXhwIjo0MTAyNDQ0ODAwfQ.L9X-l5T5PAsOwIt7OQQdsXLhaBcAL3X9-FQv4qH-jSAKVmIsSq1Prx_W1COJvSPEcVh0WHqFIU_GNwJ8iJpfCw";
const KEY: &str = "MqfjXbW9fnm5sA-KpZB4lImdQRlqa_8e98I9xiZAEUg";

const ORDERS: &str = r#"
import azure.functions as func
from funcdock.extensions import Context

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="orders/{id}")
def orders(req: func.HttpRequest, context: Context) -> str:
    context.audit.note("looked up", {"id": req.route_params["id"], "email": "ada@example.org"})
    try:
        context.audit.note(7)
    except TypeError as error:
        return f"{context.user}: {error}"
"#;

/// Answers requests for the keys of the issuer.
fn issuer() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut lines = BufReader::new(stream.try_clone().expect("the same connection")).lines();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let keys =
                json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": KEY }] }).to_string();
            let length = keys.len();
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{keys}"
            );
        }
    });
    url
}

fn app(python: &Path, keys_url: &str) -> App {
    let app = App::case("plain").python(python).env(ENABLE, "1");
    let extensions = [
        // Only its own `after` puts it behind the check.
        (
            "audit",
            json!({ "library": library("audit"), "settings": { "folder": "audit", "redact": ["email"] } }),
        ),
        (
            "token-auth",
            json!({ "library": library("token-auth"), "settings": { "keys_url": keys_url, "audience": "shop" } }),
        ),
    ];
    app.file("host.json", &host_json("", &extensions))
        .file("function_app.py", ORDERS)
}

fn audit(app: &App) -> Vec<Json> {
    json_lines(&app.path().join("audit/audit-0.jsonl"))
}

#[test]
fn the_audit_log_names_whom_the_token_check_let_through() {
    let host = app(&python::any(), &issuer()).start();
    let bearer = format!("Bearer {TOKEN}");
    let answer = send(
        &host,
        "/api/orders/7?email=ada@example.org",
        &[("authorization", &bearer)],
    );
    assert_eq!(
        answer.text(),
        "ada: note() text: expected str, found int",
        "{}",
        host.output()
    );
    let answer = send(&host, "/api/orders/8", &[("authorization", "Bearer nonsense")]);
    assert_eq!(
        (answer.status, answer.header("www-authenticate")),
        (401, "Bearer")
    );
    wait_for_lines(&host, &["INFO", "a call is not let through", "invocation="], 1);
    assert!(host.get("/metrics").text().contains("audit_records_total"));
    let stopped = host.stop();
    stopped.assert_clean();

    // The one that was not let through never came to the audit log, which runs behind the check.
    let records = audit(&stopped.app);
    let [record] = &records[..] else {
        panic!("{records:#?}")
    };
    assert_eq!(
        (&record["user"], &record["function"]),
        (&json!("ada"), &json!("orders"))
    );
    let fields = json!({ "id": "7", "email": "***" });
    assert_eq!(
        record["notes"],
        json!([{ "text": "looked up", "fields": fields }])
    );
    assert_eq!(record["request"]["query"], json!({ "email": "***" }));
}

#[test]
fn host_json_decides_whether_an_extension_runs_after_another() {
    let settings = json!({ "folder": "audit" });
    let audit_first = json!({ "library": library("audit"), "settings": settings, "after": [] });
    let auth = json!({ "keys_url": issuer(), "audience": "shop" });
    let extensions = [
        ("audit", audit_first),
        (
            "token-auth",
            json!({ "library": library("token-auth"), "settings": auth }),
        ),
    ];
    let app = app(&python::any(), "http://127.0.0.1:9/").file("host.json", &host_json("", &extensions));
    let host = app.start();
    assert_eq!(host.get("/api/orders/7").status, 401);
    let stopped = host.stop();
    let records = audit(&stopped.app);
    assert_eq!(
        (records.len(), &records[0]["ended"]),
        (1, &json!("Answered")),
        "{records:#?}"
    );
}

#[test]
fn nobody_comes_through_while_the_issuer_cannot_be_asked() {
    let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = closed.local_addr().expect("an address");
    drop(closed);
    let host = app(&python::any(), &format!("http://{address}/keys")).start();
    let bearer = format!("Bearer {TOKEN}");
    let answer = send(&host, "/api/orders/7", &[("authorization", &bearer)]);
    assert_eq!(answer.status, 500);
    wait_for_lines(
        &host,
        &["ERROR", "extension \"token-auth\" refused", "/keys: "],
        1,
    );
    host.stop().assert_clean();
}

/// Every way to attach an extension: the functions keep their types.
const DECORATORS: &str = r#"
from funcdock.extensions import rate_limit


@rate_limit
def bare(name: str) -> int:
    return len(name)


@rate_limit(per_second=2)
def with_settings(name: str) -> int:
    return bare(name) + 1


lengths: list[int] = [bare("Ada"), with_settings("Grace")]
functions: list[str] = rate_limit(__file__, burst=3).functions
"#;

#[test]
fn type_checkers_know_what_extensions_add_and_how_they_are_attached() {
    let python = python::with("mypy", &["azure-functions", "mypy"]);
    let app = app(&python, "http://127.0.0.1:9/keys");
    let written = Command::new(funcdock_tests::binary())
        .args(["extension", "stubs"])
        .arg(app.path())
        .arg("--python")
        .arg(&python)
        .output()
        .expect("it runs");
    assert!(written.status.success(), "{written:?}");
    let check = |name: &str, source: &str| {
        std::fs::write(app.path().join(name), source).expect("a file");
        let checked = Command::new(&python)
            .args(["-m", "mypy", "--strict", "--no-error-summary", name])
            .env("MYPYPATH", "typings")
            .current_dir(app.path())
            .output()
            .expect("mypy runs");
        String::from_utf8_lossy(&checked.stdout).into_owned()
    };
    let with_context = |body: &str| {
        format!("from funcdock.extensions import Context\n\ndef f(context: Context) -> None:\n    {body}\n")
    };
    let right =
        "user: str = context.user; context.audit.note('paid', {'amount': 3}); print(context.invocation_id)";
    assert_eq!(check("right.py", &with_context(right)), "");
    assert_eq!(check("decorators.py", DECORATORS), "");
    let wrong = check(
        "wrong_setting.py",
        &DECORATORS.replace("per_second", "per_seconds"),
    );
    assert!(wrong.contains("argument \"per_seconds\""), "{wrong}");
    let wrong = check("wrong.py", &with_context("context.audit.note(3)"));
    assert!(
        wrong.contains("incompatible type \"int\"; expected \"str\""),
        "{wrong}"
    );
}
