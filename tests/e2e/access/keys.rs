//! Requests need the keys that their functions ask for.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use funcdock_tests::{App, Host};
use serde_json::{Value, json};

use super::send;

const MASTER: &str = "the-master";
const HOST: &str = "host/key+=";
const HELLO: &str = "key-of-hello";
const OTHER: &str = "key-of-other";

/// An app with keys, in the files of Azure.
fn app() -> App {
    let host = json!({
        "masterKey": { "name": "master", "value": MASTER, "encrypted": false },
        "functionKeys": [{ "name": "default", "value": HOST, "encrypted": false }],
        "systemKeys": [{ "name": "grid", "value": "key-of-grid", "encrypted": false }],
    });
    let function = |value: &str| json!({ "keys": [{ "name": "default", "value": value }] }).to_string();
    App::case("access")
        .file(".funcdock/secrets/host.json", &host.to_string())
        .file(".funcdock/secrets/hello.json", &function(HELLO))
        .file(".funcdock/secrets/other.json", &function(OTHER))
}

/// Returns the value of a key in a file.
fn value(file: &Path, pointer: &str) -> String {
    let json: Value = serde_json::from_str(&fs::read_to_string(file).expect("the file")).expect("JSON");
    json.pointer(pointer)
        .and_then(Value::as_str)
        .expect("a value")
        .to_owned()
}

#[test]
fn a_request_needs_the_key_of_its_level() {
    let host = app().arg("--enable-auth").arg("--workers").arg("2").start();
    let cases = [
        // Nothing is asked for.
        ("GET /api/open", None, 200),
        ("GET /api/open", Some("wrong"), 200),
        ("GET /api/open?code=of-an-oauth-server", None, 200),
        // The level of a function, which is also that of one that does not say.
        ("GET /api/hello", None, 401),
        ("GET /api/hello", Some(""), 401),
        ("GET /api/hello", Some("wrong"), 401),
        ("GET /api/hello", Some("key-of-hell"), 401),
        ("GET /api/hello", Some("KEY-OF-HELLO"), 401),
        ("GET /api/hello", Some(OTHER), 401),
        ("GET /api/hello", Some("key-of-grid"), 401),
        ("GET /api/hello", Some(HELLO), 200),
        ("POST /API/Hello", Some(HELLO), 200),
        ("GET /api/hello", Some(HOST), 200),
        ("GET /api/hello", Some(MASTER), 200),
        ("GET /api/hello?code=key-of-hello", None, 200),
        ("GET /api/hello?a=1&Code=key-of-hello", None, 200),
        ("GET /api/hello?code=host%2Fkey%2B%3D", None, 200),
        ("GET /api/hello?code=host/key+=", None, 401),
        ("GET /api/hello?code=wrong", None, 401),
        ("GET /api/hello?code=", None, 401),
        ("GET /api/hello?code=key-of-hello", Some("wrong"), 401),
        ("GET /api/hello?code=wrong", Some(HELLO), 200),
        ("GET /api/other", Some(HELLO), 401),
        ("GET /api/unsaid", None, 401),
        ("GET /api/unsaid", Some(HELLO), 401),
        ("GET /api/unsaid", Some(HOST), 200),
        // The level of operators.
        ("GET /api/boss", None, 401),
        ("GET /api/boss", Some("wrong"), 401),
        ("GET /api/boss", Some(HOST), 403),
        ("GET /api/boss", Some(MASTER), 200),
        ("GET /api/boss?code=the-master", None, 200),
        // A route or method that is not there needs no key to say so.
        ("GET /api/none", None, 404),
        ("DELETE /api/hello", None, 405),
        // The host's own paths.
        ("GET /", None, 200),
        ("GET /healthz", None, 200),
        ("GET /readyz", None, 200),
        ("GET /admin/host/ping", None, 200),
        ("GET /admin/host/status", None, 401),
        ("GET /admin/host/status", Some(HOST), 403),
        ("GET /admin/host/status", Some(MASTER), 200),
        ("GET /Admin/Host/Status", None, 401),
        ("GET //admin/host/status", None, 401),
        ("GET /%61dmin/host/status", None, 401),
        ("GET /metrics", None, 401),
        ("GET /metrics?code=the-master", None, 200),
        ("GET /admin/extensions", None, 401),
        ("POST /admin/extensions/flush", Some(HOST), 403),
        ("POST /admin/extensions/flush", Some(MASTER), 204),
        ("GET /admin/functions", None, 401),
        ("POST /admin/functions/nightly", Some(HELLO), 401),
        ("GET /admin/host/keys", Some(HOST), 403),
        ("GET /admin/host/keys", Some(MASTER), 200),
        ("GET /admin/nothing", None, 401),
        ("POST /healthz", None, 405),
        ("DELETE /admin/host/ping", None, 405),
        ("DELETE /admin/host/status", None, 401),
    ];
    for (request, key, status) in cases {
        let headers: Vec<_> = key.iter().map(|key| ("x-functions-key", *key)).collect();
        let answer = send(&host, request, &headers, "");
        assert_eq!(answer.status, status, "{request} with {key:?}: {answer:?}");
        let challenge = answer.header("www-authenticate");
        assert_eq!(
            challenge,
            if status == 401 { "FunctionsKey" } else { "" },
            "{request}"
        );
    }
    assert!(
        !host.output().contains(HELLO),
        "keys are not logged\n{}",
        host.output()
    );
}

#[test]
fn other_machines_need_keys_and_this_one_does_not() {
    for (arguments, status) in [
        (&[][..], 200),
        (&["--enable-auth=false"], 200),
        (&["--enableAuth"], 401),
        (&["--address", "::1"], 200),
        (&["--address", "0.0.0.0"], 401),
        (&["--address", "0.0.0.0", "--enable-auth=false"], 200),
    ] {
        let mut app = App::case("access");
        for argument in arguments {
            app = app.arg(argument);
        }
        let host = app.start();
        for path in ["/api/hello", "/admin/host/status", "/metrics"] {
            assert_eq!(host.get(path).status, status, "{arguments:?} {path}");
        }
        let file = host.app().path().join(".funcdock/secrets/host.json");
        assert_eq!(file.exists(), status == 401, "{arguments:?}");
        if status == 401 {
            host.wait_for_log(&format!("the keys were made in {}", file.display()));
            let mode = fs::metadata(&file).expect("the file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            let key = value(&file, "/functionKeys/0/value");
            let answer = host.get(&format!("/api/hello?code={key}"));
            assert_eq!(answer.text(), "hello", "{arguments:?}");
        } else if arguments.contains(&"0.0.0.0") {
            host.wait_for_log("everybody who reaches 0.0.0.0 can call every function");
        }
        host.stop().assert_clean();
    }
}

#[test]
fn operators_renew_and_delete_keys_and_all_workers_know_at_once() {
    let host = app().arg("--enable-auth").arg("--workers").arg("2").start();
    let ask = |request: &str, body: &str| send(&host, request, &[("x-functions-key", MASTER)], body);
    let opens = |key: &str, path: &str| {
        // Each request is a connection of its own, which any worker may take.
        let statuses: Vec<u16> = (0..8)
            .map(|_| {
                send(
                    &host,
                    &format!("GET {path}"),
                    &[("x-functions-key", key), ("connection", "close")],
                    "",
                )
                .status
            })
            .collect();
        assert!(
            statuses.iter().all(|status| *status == statuses[0]),
            "{statuses:?}"
        );
        statuses[0] == 200
    };

    let listed = ask("GET /admin/functions/hello/keys", "").json();
    assert_eq!(listed, json!({ "keys": [{ "name": "default", "value": HELLO }] }));
    let set = ask(
        "PUT /admin/functions/hello/keys/shop",
        r#"{"name": "shop", "value": "of-the-shop"}"#,
    );
    assert_eq!(
        (set.status, set.json()),
        (201, json!({ "name": "shop", "value": "of-the-shop" }))
    );
    assert!(opens("of-the-shop", "/api/hello"));
    assert!(!opens("of-the-shop", "/api/other"));
    let renewed = ask("POST /admin/functions/hello/keys/shop", "");
    assert_eq!(renewed.status, 200);
    let new = renewed.json()["value"].as_str().expect("a value").to_owned();
    assert_eq!(
        ask("GET /admin/functions/hello/keys/shop", "").json()["value"],
        *new
    );
    assert!(!opens("of-the-shop", "/api/hello"));
    assert!(opens(&new, "/api/hello"));
    assert_eq!(ask("DELETE /admin/functions/hello/keys/shop", "").status, 204);
    assert!(!opens(&new, "/api/hello"));

    let all = ask("POST /admin/host/keys/all", "").json()["value"]
        .as_str()
        .expect("a value")
        .to_owned();
    assert!(opens(&all, "/api/other"));
    assert_eq!(
        ask("GET /admin/host/systemkeys", "").json()["keys"][0]["name"],
        "grid"
    );
    let first = ask("GET /admin/functions/unsaid/keys", "").json();
    assert_eq!(first["keys"][0]["name"], "default", "made when somebody asks");
    for (request, body, status) in [
        ("DELETE /admin/functions/hello/keys/shop", "", 404),
        ("GET /admin/functions/hello/keys/shop", "", 404),
        ("GET /admin/functions/none/keys", "", 404),
        ("GET /admin/functions/..%2F..%2Fhost/keys", "", 404),
        ("PUT /admin/host/keys/a", "", 400),
        ("PUT /admin/host/keys/a", r#"{"value": ""}"#, 400),
        ("PUT /admin/host/keys/a", r#"{"value": "no header has\n"}"#, 400),
        ("DELETE /admin/host/keys/_master", "", 400),
        ("PATCH /admin/host/keys/a", "", 405),
    ] {
        let answer = ask(request, body);
        assert_eq!(answer.status, status, "{request} {body}: {answer:?}");
    }

    let file = host.app().path().join(".funcdock/secrets/host.json");
    let renewed = ask("POST /admin/host/keys/_master", "");
    let master = renewed.json()["value"].as_str().expect("a value").to_owned();
    assert_eq!(value(&file, "/masterKey/value"), master);
    assert!(!opens(MASTER, "/api/boss"));
    assert!(opens(&master, "/api/boss"));

    // An operator may also edit the files.
    let text = fs::read_to_string(&file).expect("the file");
    fs::write(&file, text.replace(&all, "by-hand")).expect("written");
    assert!(opens("by-hand", "/api/other"));
    assert!(!opens(&all, "/api/other"));
}

#[test]
fn keys_are_where_the_settings_say() {
    let settings =
        r#"{ "Values": { "FUNCTIONS_SECRETS_PATH": "keys", "AzureWebJobsSecretStorageType": "blob" } }"#;
    let host = App::case("access")
        .file("local.settings.json", settings)
        .arg("--enable-auth")
        .start();
    host.wait_for_log("AzureWebJobsSecretStorageType: expected \"files\", found \"blob\"");
    let key = value(&host.app().path().join("keys/host.json"), "/functionKeys/0/value");
    assert_eq!(host.get(&format!("/api/hello?code={key}")).status, 200);
}

#[test]
fn keys_that_cannot_be_read_stop_the_host() {
    let encrypted = r#"{ "masterKey": { "name": "master", "value": "x", "encrypted": true } }"#;
    for (content, expected) in [
        ("{", "expected JSON with keys, each with a name and a value"),
        (
            encrypted,
            "the key \"master\" is encrypted, and only Azure can read it",
        ),
    ] {
        let app = App::case("access").file(".funcdock/secrets/host.json", content);
        let stopped = app.arg("--enable-auth").start_fails();
        assert!(!stopped.status.success());
        assert!(
            stopped.stderr.contains(".funcdock/secrets/host.json: ") && stopped.stderr.contains(expected),
            "{}",
            stopped.stderr
        );
    }
}

#[test]
fn a_file_that_is_broken_while_the_host_runs_takes_no_key_away() {
    let host = app().arg("--enable-auth").start();
    let file = host.app().path().join(".funcdock/secrets/host.json");
    let text = fs::read_to_string(&file).expect("the file");
    fs::write(&file, &text[..text.len() / 2]).expect("written");
    for path in ["/api/unsaid", "/admin/host/status"] {
        let answer = send(&host, &format!("GET {path}"), &[("x-functions-key", MASTER)], "");
        assert_eq!(answer.status, 200, "{path}, the first request with a key");
    }
    host.wait_for_log("expected JSON with keys");
}

#[test]
fn keys_stay_out_of_version_control_and_of_the_hands_of_others() {
    let leftover = ".funcdock/secrets/host.json.new";
    let app = App::case("access").file(leftover, "from a host that was killed");
    let path = app.path().join(leftover);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).expect("set");
    let host = app.arg("--enable-auth").start();
    let secrets = host.app().path().join(".funcdock/secrets");
    let mode = fs::metadata(secrets.join("host.json"))
        .expect("made")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let host = App::case("access").arg("--enable-auth").start();
    let ignored = host.app().path().join(".funcdock/secrets/.gitignore");
    assert_eq!(fs::read_to_string(ignored).expect("made"), "*\n");
}

#[test]
fn without_auth_there_are_no_keys() {
    let host: Host = App::case("access").start();
    let answer = host.get("/admin/host/keys");
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("--enable-auth"), "{}", answer.text());
}
