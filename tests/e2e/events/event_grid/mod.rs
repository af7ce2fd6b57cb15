//! Blob triggers with Event Grid: what tests of its webhook and of the calls share.

mod calls;
mod webhook;

use std::collections::BTreeMap;

use funcdock_tests::{Answer, App, Azurite, Host, Storage, wait_for};
use serde_json::{Value, json};
use ureq::http::Request;

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
