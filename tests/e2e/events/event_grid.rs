//! Blob triggers with Event Grid: what its webhook takes, which calls follow, and what becomes of those that fail.

use std::collections::BTreeMap;
use std::net::TcpListener;

use funcdock_tests::{Answer, App, Azurite, Host, Storage, wait_for};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use ureq::http::Request;

use super::lines;

const QUEUE: &str = "azure-webjobs-blobtrigger-tests";
const POISON: &str = "webjobs-blobtrigger-poison";
const PATH: &str = "/runtime/webhooks/blobs";

/// An account with the app that uses it.
struct Account {
    azurite: Azurite,
    storage: Storage,
}

impl Account {
    fn new() -> Self {
        Self::of(Azurite::account())
    }

    fn of(azurite: Azurite) -> Self {
        Account {
            storage: Storage::of(&azurite),
            azurite,
        }
    }

    fn app(&self) -> App {
        self.connected(App::case("event_grid"))
    }

    /// An app with a function for the blobs in `samples`, in the model of folders, and one that shows where the host is.
    fn app_with(&self, code: &str) -> App {
        let binding = r#"{"bindings": [{"type": "blobTrigger", "name": "blob", "path": "samples/{name}", "direction": "in",
                          "source": "EventGrid"}]}"#;
        let app = App::empty()
            .file("host.json", r#"{"version": "2.0"}"#)
            .file("watch/function.json", binding)
            .file("watch/__init__.py", code)
            .function("hello", "def main(req): ...\n");
        self.connected(app)
    }

    fn connected(&self, app: App) -> App {
        app.env("AzureWebJobsStorage", self.azurite.connection_string())
            .env("AzureFunctionsWebHost__hostid", "tests")
    }

    /// The data of an event of this blob.
    fn data(&self, path: &str, etag: &str) -> Value {
        let url = format!(
            "http://127.0.0.1:{}/{}/{}",
            self.azurite.blob_port(),
            self.azurite.account_name(),
            path.replace(' ', "%20").replace('#', "%23")
        );
        json!({
            "api": "PutBlob", "eTag": etag.trim_matches('"'), "blobType": "BlockBlob", "contentType": "text/plain",
            "contentLength": 5, "url": url, "storageDiagnostics": { "batchId": "b68529f3" },
        })
    }

    /// An event in the schema of Event Grid.
    fn event(&self, path: &str, etag: &str) -> Value {
        json!({
            "topic": "/subscriptions/x", "subject": format!("/blobServices/default/containers/{path}"), "id": "1",
            "eventType": "Microsoft.Storage.BlobCreated", "eventTime": "2026-11-30T10:00:00Z",
            "dataVersion": "", "metadataVersion": "1", "data": self.data(path, etag),
        })
    }

    /// An event in the schema of CloudEvents.
    fn cloud_event(&self, path: &str, etag: &str) -> Value {
        json!({
            "specversion": "1.0", "type": "Microsoft.Storage.BlobCreated", "source": "/subscriptions/x", "id": "1",
            "time": "2026-11-30T10:00:00Z", "subject": format!("/blobServices/default/containers/{path}"),
            "data": self.data(path, etag),
        })
    }

    /// Waits until no message waits or is in work.
    fn wait_until_empty(&self, host: &Host) {
        let empty = wait_for(|| (self.storage.length(QUEUE) == 0).then_some(()));
        assert!(
            empty.is_some(),
            "{} messages are left\n{}",
            self.storage.length(QUEUE),
            host.output()
        );
    }
}

/// Sends a request of this method, with these headers and this body, to the webhook with this query.
fn send(host: &Host, method: &str, query: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut builder = Request::builder()
        .method(method)
        .uri(host.url_of(&format!("{PATH}{query}")));
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    host.send(builder.body(body.as_bytes().to_vec()).expect("a valid request"))
}

/// Sends events as Event Grid does, which must take them.
#[track_caller]
fn notify(host: &Host, function: &str, events: &Value) {
    let answer = notification(host, function, events);
    assert_eq!(answer.status, 202, "{answer:?}\n{}", host.output());
}

fn notification(host: &Host, function: &str, events: &Value) -> Answer {
    let query = format!("?functionName=Host.Functions.{function}");
    let headers = [("aeg-event-type", "Notification")];
    send(host, "POST", &query, &headers, &events.to_string())
}

/// Returns how often each line with this text is in the log, from the text on.
fn counts(hosts: &[&Host], text: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for host in hosts {
        for line in host.stderr().lines() {
            if let Some(at) = line.find(text) {
                let (found, _) = line[at..].rsplit_once('.').unwrap_or((&line[at..], ""));
                *counts.entry(found.to_owned()).or_default() += 1;
            }
        }
    }
    counts
}

/// Waits until the function was called so often with these blobs, and with no others.
#[track_caller]
fn expect_calls(host: &Host, text: &str, expected: &[(&str, usize)]) {
    let expected: BTreeMap<String, usize> = expected
        .iter()
        .map(|(rest, count)| (format!("{text}{rest}"), *count))
        .collect();
    let met = wait_for(|| (counts(&[host], text) == expected).then_some(()));
    assert!(
        met.is_some(),
        "expected {expected:?}, found {:?}\n{}",
        counts(&[host], text),
        host.output()
    );
}

#[test]
fn each_blob_is_one_call_with_its_content_in_both_schemas() {
    let account = Account::new();
    account.storage.put_blob("samples", "there before", b"old");
    let host = account.app().arg("--workers=2").start();
    host.wait_for_log(
        "function \"watch\": its webhook for Event Grid is /runtime/webhooks/blobs?functionName=Host.Functions.watch",
    );
    let etag = |name: &str| account.storage.put_blob("samples", name, name.as_bytes());
    let (one, two, three, four) = (etag("one ä#1"), etag("two"), etag("three."), etag("four"));
    let first = json!([account.event("samples/one ä#1", &one)]);
    notify(&host, "watch", &first);
    expect_calls(&host, "watch got ", &[("samples/one ä#1: one ä#1", 1)]);

    // Twice in one request, and the first again; others that are not for this function.
    let other = account.storage.put_blob("others", "x", b"x");
    let mut deleted = account.event("samples/four", &four);
    deleted["eventType"] = "Microsoft.Storage.BlobDeleted".into();
    let batch = json!([
        account.cloud_event("samples/two", &two),
        account.cloud_event("samples/two", &two),
        account.cloud_event("samples/one ä#1", &one),
        account.cloud_event("others/x", &other),
        deleted,
    ]);
    notify(&host, "WATCH", &batch);
    notify(&host, "watch", &first);
    let cloud = [("content-type", "application/cloudevents+json; charset=utf-8")];
    let event = account.cloud_event("samples/three.", &three).to_string();
    let answer = send(&host, "POST", "?functionName=watch", &cloud, &event);
    assert_eq!(answer.status, 202, "{answer:?}");
    account.wait_until_empty(&host);
    let expected = [
        ("samples/one ä#1: one ä#1", 1),
        ("samples/two: two", 1),
        ("samples/three.: three.", 1),
    ];
    expect_calls(&host, "watch got ", &expected);
    account.storage.put_blob("polled", "as before", b"x");
    expect_calls(&host, "polled got ", &[("polled/as before", 1)]);
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(!stopped.stderr.contains("there before"), "{}", stopped.stderr);
}

#[test]
fn an_event_of_a_blob_that_is_gone_is_no_call_and_a_replaced_one_is_handled_as_it_is() {
    let account = Account::new();
    let host = account.app().start();
    let gone = account.event("samples/gone", "0x1");
    notify(&host, "watch", &json!([gone]));
    account.wait_until_empty(&host);

    let first = account.storage.put_blob("samples", "again", b"first");
    let second = account.storage.put_blob("samples", "again", b"second");
    notify(&host, "watch", &json!([account.event("samples/again", &first)]));
    expect_calls(&host, "watch got ", &[("samples/again: second", 1)]);
    let both = json!([
        account.event("samples/again", &first),
        account.event("samples/again", &second)
    ]);
    notify(&host, "watch", &both);
    account.wait_until_empty(&host);
    let third = account.storage.put_blob("samples", "again", b"third");
    notify(&host, "watch", &json!([account.event("samples/again", &third)]));
    account.wait_until_empty(&host);
    expect_calls(
        &host,
        "watch got ",
        &[("samples/again: second", 1), ("samples/again: third", 1)],
    );
    host.stop().assert_clean();
}

#[test]
fn a_blob_that_cannot_be_handled_goes_to_the_poison_queue() {
    let account = Account::new();
    let etag = account.storage.put_blob("bad", "b", b"bad");
    let host = account.app().start();
    notify(&host, "fail", &json!([account.event("bad/b", &etag)]));
    let poison = account.storage.take(POISON, 1);
    let message: Value = serde_json::from_slice(&poison[0]).expect("JSON");
    assert_eq!(
        message,
        json!({
            "Type": "BlobTrigger", "FunctionId": "Host.Functions.fail", "BlobType": "BlockBlob",
            "ContainerName": "bad", "BlobName": "b", "ETag": etag.trim_matches('"'),
        })
    );
    account.wait_until_empty(&host);
    expect_calls(&host, "fail got ", &[("bad/b", 2)]);

    // What others put into the host's queue.
    account.storage.send(QUEUE, b"no JSON");
    assert_eq!(account.storage.take(POISON, 1), [b"no JSON"]);
    host.wait_for_log("it is not a message about a blob: expected ident");
    let unknown = json!({
        "Type": "BlobTrigger", "FunctionId": "Host.Functions.None", "BlobType": "BlockBlob",
        "ContainerName": "bad", "BlobName": "b", "ETag": "0x1",
    });
    account.storage.send_text(QUEUE, &unknown.to_string());
    host.wait_for_log("messages for \"Host.Functions.None\" stay in the queue");
    host.stop().assert_clean();
    assert_eq!(account.storage.length(QUEUE), 1);
}

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
fn a_call_whose_worker_died_is_made_again() {
    let account = Account::new();
    let etag = account.storage.put_blob("deadly", "one", b"one");
    let host = account.app().start();
    notify(&host, "deadly", &json!([account.event("deadly/one", &etag)]));
    expect_calls(&host, "survived ", &[("deadly/one", 1)]);
    account.wait_until_empty(&host);
    assert!(host.app().path().join("died").exists());
    assert_eq!(account.storage.length(POISON), 0);
    host.stop();
}

#[test]
fn two_hosts_share_the_events() {
    const BLOBS: usize = 40;
    const CODE: &str = "import logging, time\n\ndef main(blob):\n    time.sleep(0.2)\n    logging.info('handled %s.', blob.name)\n";
    let account = Account::new();
    let settings = r#"{"version": "2.0", "extensions": {"blobs": {"maxDegreeOfParallelism": 2}}}"#;
    let start = || account.app_with(CODE).file("host.json", settings).start();
    let hosts = [start(), start()];
    let events = (0..BLOBS).map(|number| {
        let name = format!("{number}.txt");
        let etag = account.storage.put_blob("samples", &name, b"x");
        account.event(&format!("samples/{name}"), &etag)
    });
    // All at one of them.
    notify(&hosts[0], "watch", &Value::Array(events.collect()));
    let all = || counts(&[&hosts[0], &hosts[1]], "handled ");
    let handled = wait_for(|| (all().len() == BLOBS).then_some(()));
    assert!(
        handled.is_some() && all().values().all(|count| *count == 1),
        "{:?}\n{}\n{}",
        all(),
        hosts[0].output(),
        hosts[1].output()
    );
    account.wait_until_empty(&hosts[0]);
    for host in hosts {
        assert!(!counts(&[&host], "handled ").is_empty(), "each has its share");
        host.stop().assert_clean();
    }
}

#[test]
fn a_stop_leaves_a_failing_blob_to_the_next_start() {
    let account = Account::new();
    let code = "import logging\n\ndef main(blob):\n    logging.info('tried %s.', blob.name)\n";
    let etag = account.storage.put_blob("samples", "one", b"x");
    let host = account
        .app_with(&format!("{code}    raise ValueError('on purpose')\n"))
        .start();
    notify(&host, "watch", &json!([account.event("samples/one", &etag)]));
    lines(&host, "tried samples/one", 2);
    host.stop();
    // Neither the message nor the receipt is kept from the next host for a minute.
    let host = account.app_with(code).start();
    expect_calls(&host, "tried ", &[("samples/one", 1)]);
    account.wait_until_empty(&host);
    host.stop().assert_clean();
}

#[test]
fn a_reload_serves_what_the_app_has_then() {
    let account = Account::new();
    let code = |word: &str| {
        format!("import logging\n\ndef main(blob):\n    logging.info('{word} %s.', blob.name)\n")
    };
    let host = account.app_with(&code("before")).start();
    let send = |name: &str| {
        let etag = account.storage.put_blob("samples", name, b"x");
        notify(
            &host,
            "watch",
            &json!([account.event(&format!("samples/{name}"), &etag)]),
        );
    };
    send("one");
    expect_calls(&host, "before ", &[("samples/one", 1)]);
    let folder = host.app().path();
    std::fs::write(folder.join("watch/__init__.py"), code("after")).expect("written");
    let settings = r#"{"version": "2.0", "extensions": {"blobs": {"poisonBlobThreshold": 1}}}"#;
    std::fs::write(folder.join("host.json"), settings).expect("written");
    host.signal(Signal::SIGHUP);
    host.wait_for_log("all workers serve the app as it is now");
    send("two");
    expect_calls(&host, "after ", &[("samples/two", 1)]);
    account.wait_until_empty(&host);
    host.stop().assert_clean();
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

#[test]
fn no_more_calls_run_at_once_than_host_json_allows() {
    const BLOBS: usize = 12;
    let code = "import logging, threading, time\n\nlock = threading.Lock()\nrunning = 0\n\ndef main(blob):\n    global running\n    \
                with lock:\n        running += 1\n        logging.info('at once %s.', running)\n    time.sleep(0.1)\n    \
                with lock:\n        running -= 1\n    logging.info('handled %s.', blob.name)\n";
    let account = Account::new();
    let settings = r#"{"version": "2.0", "extensions": {"blobs": {"maxDegreeOfParallelism": 3}}}"#;
    let host = account.app_with(code).file("host.json", settings).start();
    let events = (0..BLOBS).map(|number| {
        let etag = account.storage.put_blob("samples", &number.to_string(), b"x");
        account.event(&format!("samples/{number}"), &etag)
    });
    notify(&host, "watch", &Value::Array(events.collect()));
    lines(&host, "root: handled ", BLOBS);
    account.wait_until_empty(&host);
    let at_once = counts(&[&host], "at once ");
    assert!(
        at_once.contains_key("at once 3") && at_once.len() == 3,
        "{at_once:?}"
    );
    host.stop().assert_clean();
}
