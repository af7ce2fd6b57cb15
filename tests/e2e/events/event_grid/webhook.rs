//! What the webhook answers, which keys open it, and what it does without storage.

use std::net::TcpListener;

use funcdock_tests::{App, Azurite};
use serde_json::{Value, json};
use ureq::http::Request;

use super::{Account, PATH, expect_calls, notification, notify, send};

#[test]
fn the_webhook_answers_what_event_grid_asks() {
    let account = Account::new();
    let host = account.app().start();
    let watch = "?functionName=Host.Functions.watch";
    let check = json!([{
        "id": "2d1781af", "topic": "/subscriptions/x", "subject": "", "eventTime": "2026-11-30T10:00:00Z",
        "data": { "validationCode": "512d38b6", "validationUrl": "https://example.com" },
        "eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "metadataVersion": "1", "dataVersion": "1",
    }]);
    let validation = [("aeg-event-type", "SubscriptionValidation")];
    let answer = send(&host, "POST", watch, &validation, &check.to_string());
    assert_eq!(
        (answer.status, answer.json()),
        (200, json!({ "validationResponse": "512d38b6" }))
    );
    host.wait_for_log("function \"watch\": Event Grid has checked its webhook");
    let origin = [
        ("webhook-request-origin", "eventgrid.azure.net"),
        ("webhook-request-rate", "120"),
    ];
    let answer = send(&host, "OPTIONS", watch, &origin, "");
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("webhook-allowed-origin"), "eventgrid.azure.net");
    assert_eq!(answer.header("webhook-allowed-rate"), "*");

    let valid = json!([account.event("samples/gone", "0x1")]).to_string();
    let (valid, check) = (valid.as_str(), check.to_string());
    let no_url = r#"[{"eventType": "Microsoft.Storage.BlobCreated", "data": {}}]"#;
    let no_blob =
        r#"{"specversion": "1.0", "type": "Microsoft.Storage.BlobCreated", "data": {"url": "https://x/"}}"#;
    let sent = Some("Notification");
    for (request, query, kind, body, status, expected) in [
        ("POST", watch, Some("notification"), valid, 202, ""),
        ("POST", watch, Some("Unsubscribe"), "", 200, ""),
        (
            "POST",
            "",
            sent,
            valid,
            400,
            "expected the name of a function in the query",
        ),
        (
            "POST",
            "?functionName=",
            sent,
            valid,
            400,
            "expected the name of a function in the query",
        ),
        (
            "POST",
            "?functionName=Host.Functions.None",
            sent,
            valid,
            404,
            "there is no function \"None\" with a blob trigger whose source is \"EventGrid\"",
        ),
        (
            "POST",
            "?functionName=polled",
            sent,
            valid,
            404,
            "there is no function \"polled\"",
        ),
        (
            "POST",
            "?functionName=everything",
            Some("SubscriptionValidation"),
            &check,
            404,
            "there is no function",
        ),
        (
            "OPTIONS",
            "?functionName=none",
            None,
            "",
            404,
            "there is no function",
        ),
        (
            "OPTIONS",
            watch,
            None,
            "",
            400,
            "expected the header WebHook-Request-Origin",
        ),
        (
            "POST",
            watch,
            None,
            valid,
            400,
            "expected the header aeg-event-type with SubscriptionValidation, Notification or Unsubscribe",
        ),
        ("POST", watch, Some("Other"), valid, 400, "found \"Other\""),
        (
            "POST",
            watch,
            Some("SubscriptionValidation"),
            "[{}]",
            400,
            "expected a JSON array with one event",
        ),
        ("POST", watch, sent, "", 400, "the body is not valid: EOF"),
        ("POST", watch, sent, "[{", 400, "the body is not valid: EOF"),
        ("POST", watch, sent, "7", 400, "expected a JSON array of events"),
        (
            "POST",
            watch,
            sent,
            "[7]",
            400,
            "event 1 is not valid: expected an object with a text \"eventType\"",
        ),
        ("POST", watch, sent, no_url, 400, "missing field `url`"),
        (
            "POST",
            watch,
            sent,
            no_blob,
            400,
            "data.url: expected the URL of a blob",
        ),
        ("GET", watch, None, "", 405, "does not allow this method"),
    ] {
        let headers: Vec<_> = kind.iter().map(|kind| ("aeg-event-type", *kind)).collect();
        let answer = send(&host, request, query, &headers, body);
        assert_eq!(
            answer.status, status,
            "{request} {query} {kind:?} {body}: {answer:?}"
        );
        assert!(answer.text().contains(expected), "{expected:?}: {answer:?}");
    }
    // A page of the web may not send events to a host that needs no key.
    let page = [
        ("aeg-event-type", "Notification"),
        ("origin", "https://example.com"),
    ];
    assert_eq!(send(&host, "POST", watch, &page, valid).status, 403);
    assert_eq!(host.get("/anything").text(), "everything");
    host.stop().assert_clean();
}

#[test]
fn the_webhook_needs_its_system_key() {
    let account = Account::new();
    let operators = free_address();
    let host = account
        .app()
        .arg("--enable-auth")
        .arg("--workers=2")
        .arg("--admin-address")
        .arg(&operators)
        .start();
    let file = host.app().path().join(".funcdock/secrets/host.json");
    host.wait_for_log("the system key \"blobs_extension\"");
    let keys: Value = serde_json::from_slice(&std::fs::read(&file).expect("made")).expect("JSON");
    let system = keys["systemKeys"].as_array().expect("a list");
    assert_eq!(system.len(), 1, "{keys}");
    assert_eq!(system[0]["name"], "blobs_extension");
    let key = system[0]["value"].as_str().expect("a text").to_owned();
    let master = keys["masterKey"]["value"].as_str().expect("a text").to_owned();
    let function = keys["functionKeys"][0]["value"]
        .as_str()
        .expect("a text")
        .to_owned();

    let etag = account.storage.put_blob("samples", "one", b"one");
    let events = json!([account.event("samples/one", &etag)]).to_string();
    let post = |code: Option<&str>, header: Option<&str>| {
        let code = code.map_or_else(String::new, |code| format!("&code={code}"));
        let mut headers = vec![("aeg-event-type", "Notification")];
        headers.extend(header.map(|key| ("x-functions-key", key)));
        let query = format!("?functionName=Host.Functions.watch{code}");
        send(&host, "POST", &query, &headers, &events).status
    };
    assert_eq!(post(None, None), 401);
    assert_eq!(post(Some("wrong"), None), 401);
    assert_eq!(post(Some(&function), None), 403);
    assert_eq!(post(Some(&key), None), 202);
    assert_eq!(post(None, Some(&key)), 202);
    assert_eq!(post(Some(&master), None), 202);
    account.wait_until_empty(&host);
    expect_calls(&host, "watch got ", &[("samples/one: one", 1)]);

    // It opens nothing else, and the operators' address does not have the webhook.
    let at_operators = |method: &str, path: &str, key: &str| {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{operators}{path}"))
            .header("x-functions-key", key)
            .header("aeg-event-type", "Notification");
        host.send(request.body(Vec::new()).expect("a valid request"))
    };
    let webhook = format!("{PATH}?functionName=watch");
    assert_eq!(at_operators("POST", &webhook, &master).status, 404);
    let stored = "/admin/host/systemkeys/blobs_extension";
    let shown = at_operators("GET", stored, &master);
    assert_eq!(shown.json(), json!({ "name": "blobs_extension", "value": key }));
    let renewed = at_operators("POST", stored, &master).json()["value"]
        .as_str()
        .expect("a text")
        .to_owned();
    assert_eq!(post(Some(&key), None), 401, "it is another one now");
    assert_eq!(post(Some(&renewed), None), 202);
    assert_eq!(at_operators("DELETE", stored, &master).status, 204);
    assert_eq!(post(Some(&renewed), None), 401);
    assert!(
        !host.output().contains(&key),
        "keys are not logged\n{}",
        host.output()
    );
    host.stop().assert_clean();
}

/// Returns an address of this machine that nobody listens at.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").to_string()
}

#[test]
fn events_that_cannot_be_recorded_are_sent_again() {
    let mut account = Account::of(Azurite::start());
    let etag = account.storage.put_blob("samples", "one", b"one");
    let host = account.app().start();
    let events = json!([account.event("samples/one", &etag)]);
    account.azurite.stop();
    let answer = notification(&host, "watch", &events);
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        answer
            .text()
            .contains("the events cannot be recorded, send them again later: queue"),
        "{answer:?}"
    );
    host.wait_for_log("function \"watch\": events of blobs cannot be recorded");
    account.azurite.start_again();
    notify(&host, "watch", &events);
    expect_calls(&host, "watch got ", &[("samples/one: one", 1)]);
    host.stop();
}

#[test]
fn without_a_default_account_the_log_says_what_to_set() {
    let account = Account::new();
    let binding = r#"{"bindings": [{"type": "blobTrigger", "name": "blob", "path": "samples/{name}", "direction": "in",
                      "source": "EventGrid", "connection": "Data"}]}"#;
    let host = App::empty()
        .file("host.json", r#"{"version": "2.0"}"#)
        .file("watch/function.json", binding)
        .file("watch/__init__.py", "def main(blob): ...\n")
        .function("hello", "def main(req): ...\n")
        .env("Data", account.azurite.connection_string())
        .start();
    host.wait_for_log(
        "function \"watch\" is not called: its events wait in a queue of the default storage account (\"source\": \"EventGrid\"): ",
    );
    host.wait_for_log("AzureWebJobsStorage");
    let answer = notification(&host, "watch", &json!([account.event("samples/one", "0x1")]));
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(answer.text().contains("AzureWebJobsStorage"), "{answer:?}");
    host.stop().assert_clean();
}
