//! What becomes of a batch at the ingestion endpoint.

use std::time::{Duration, Instant};

use http::HeaderMap;
use serde_json::{Value as Json, json};

use super::*;
use crate::settings::{Compression, Tls};
use crate::testing::{OK, Received, Reply, Server, event, span};

const KEY: &str = "00000000-0000-0000-0000-000000000001";

fn azure(signal: Signal, url: &str) -> AzureMonitor {
    let connection = ConnectionString::parse(&format!("InstrumentationKey={KEY};IngestionEndpoint={url}"));
    let connection = connection.expect("valid");
    let target = HttpTarget {
        url: connection.track_url.clone(),
        headers: HeaderMap::new(),
        timeout: Duration::from_secs(10),
        compression: Compression::Gzip,
        tls: Tls::default(),
    };
    AzureMonitor::new(signal, &connection, &target, &Resource::builder_empty().build())
        .expect("no certificates")
}

/// Spans a, b (which has an event) and c: items 0 to 3.
fn export(server: &Server) -> Result<usize, String> {
    let mut b = span("b");
    b.events = vec![event("note", &[])];
    let batch = Batch::of(vec![span("a"), b, span("c")]);
    let closing = ShutdownSignal::default();
    closing.begin(Instant::now() + Duration::from_secs(10));
    let result = azure(Signal::Traces, &server.url("")).export(&batch, &closing);
    result
        .map(|delivery| delivery.rejected)
        .map_err(|error| error.to_string())
}

/// An answer that complains of these items.
fn partial(errors: &[(usize, u16)]) -> Reply {
    let errors: Vec<Json> = errors
        .iter()
        .map(|(index, status)| json!({"index": index, "statusCode": status, "message": "because"}))
        .collect();
    let body = json!({"itemsReceived": 4, "itemsAccepted": 4 - errors.len(), "errors": errors});
    Reply::new("206 Partial Content", body.to_string())
}

/// What came, item by item: a span's name, or an event's text.
fn names(received: &Received) -> Vec<String> {
    let items = received.json();
    let name = |item: &Json| {
        let data = &item["data"]["baseData"];
        let name = data.get("name").or_else(|| data.get("message"));
        name.and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    items
        .as_array()
        .map(|items| items.iter().map(name).collect())
        .unwrap_or_default()
}

#[test]
fn all_items_are_posted_at_once() {
    let accepted = json!({"itemsReceived": 4, "itemsAccepted": 4, "errors": []}).to_string();
    let server = Server::start(vec![Reply::new(OK, accepted)]);
    assert_eq!(export(&server), Ok(0));
    let received = &server.received()[0];
    let head = received.head.to_lowercase();
    assert!(head.starts_with("post /v2.1/track http/1.1\r\n"), "{head}");
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    assert_eq!(names(received), ["a", "b", "note", "c"]);
    assert_eq!(received.json()[0]["iKey"], KEY);
}

#[test]
fn what_may_be_taken_later_is_sent_again_and_nothing_else() {
    let server = Server::start(vec![
        partial(&[(0, 400), (1, 500), (2, 439), (3, 429)]),
        // Of b, its event and c; and one that was not sent.
        partial(&[(1, 503), (2, 408), (99, 503)]),
        Reply::new(OK, "not JSON"),
    ]);
    assert_eq!(export(&server), Ok(1), "a is refused for good");
    let received = server.received();
    assert_eq!(names(&received[1]), ["b", "note", "c"]);
    assert_eq!(names(&received[2]), ["note", "c"]);
}

#[test]
fn a_span_is_lost_once_whatever_of_it_is() {
    let server = Server::start(vec![partial(&[(1, 400), (2, 400)])]);
    assert_eq!(export(&server), Ok(1), "b and its event");
    server.received();
}

#[test]
fn what_arrived_counts_though_the_rest_fails() {
    let server = Server::start(vec![
        partial(&[(0, 400), (3, 500)]),
        Reply::new("400 Bad Request", ""),
    ]);
    assert_eq!(export(&server), Ok(2), "a, and then c");
    server.received();
    // No time for the rest.
    let server = Server::start(vec![partial(&[(3, 500)]).header("retry-after", "3600")]);
    assert_eq!(export(&server), Ok(1));
    server.received();
    let server = Server::start(vec![
        partial(&[(0, 500), (1, 500), (2, 500), (3, 500)]),
        Reply::new("400 Bad Request", "no"),
    ]);
    assert_eq!(
        export(&server),
        Err("it answered 400 Bad Request: no".to_owned()),
        "nothing arrived"
    );
    server.received();
}

#[test]
fn throttling_is_heeded() {
    for status in [
        "429 Too Many Requests",
        "439 Too Many Requests Over Extended Time",
        "402 Payment Required",
    ] {
        let later = Reply::new(status, "").header("retry-after", "0");
        let server = Server::start(vec![later, Reply::new(OK, "")]);
        assert_eq!(export(&server), Ok(0), "{status}");
        server.received();
        let server = Server::start(vec![Reply::new(status, "").header("retry-after", "3600")]);
        assert!(export(&server).is_err(), "{status}");
        server.received();
    }
    let server = Server::start(vec![Reply::new("402 Payment Required", "")]);
    assert!(
        export(&server).is_err(),
        "the service does not say when the quota is renewed"
    );
    server.received();
}

#[test]
fn the_region_is_found_and_the_key_is_not_shown() {
    let region = Server::start(vec![Reply::new("400 Bad Request", format!("bad key {KEY}"))]);
    let url = region.url("/v2.1/track");
    let global = Server::start(vec![
        Reply::new("308 Permanent Redirect", "").header("location", &url),
    ]);
    let error = export(&global).expect_err("it is refused");
    assert_eq!(error, "it answered 400 Bad Request: bad key ***");
    assert_eq!(names(&region.received()[0]).len(), 4);
}

#[test]
fn log_records_share_the_rules_for_batches() {
    let record = |text: &str| {
        crate::logs::Record {
            at: std::time::SystemTime::now(),
            level: 50,
            logger: "shop",
            body: text,
            trace: None,
            span: None,
            attributes: &[],
        }
        .encoded()
    };
    let batch = Batch::new(3, [record("a"), record("b"), record("c")].concat());
    let server = Server::start(vec![partial(&[(0, 400), (2, 503)]), Reply::new(OK, "")]);
    let closing = ShutdownSignal::default();
    closing.begin(Instant::now() + Duration::from_secs(10));
    let delivery = azure(Signal::Logs, &server.url("")).export(&batch, &closing);
    assert_eq!(delivery.expect("b and c arrive").rejected, 1, "a");
    let received = server.received();
    assert_eq!(names(&received[0]), ["a", "b", "c"]);
    assert_eq!(names(&received[1]), ["c"]);
}
