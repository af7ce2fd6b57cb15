//! Frames over real socket pairs: whole, cut, too long, and of another protocol.

use std::io::Write;
use std::os::unix::net::UnixStream as StdStream;
use std::time::Duration;

use http::HeaderValue;
use http::header::X_FRAME_OPTIONS;

use super::*;
use crate::app::testing::app;

fn config(root: &str) -> WorkerConfig {
    let mut app = app(root);
    let headers = &mut app.host.http.custom_headers;
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    app.settings.values.insert("NAME", "value").expect("valid");
    WorkerConfig {
        protocol: PROTOCOL,
        app,
        index: 1,
        workers: 2,
        restarts: 0,
        load_cell: 3,
        extensions_enabled: true,
        logs_calls: false,
        debug_logs: false,
        skip_post_on_exception: false,
        uses_opentelemetry: false,
        max_requests: None,
        strict: false,
        must_load: Default::default(),
        site_packages: vec!["/srv/app/.venv/lib/python3.13/site-packages".into()],
        extension_path: vec!["/opt/extensions".into()],
        log_format: Default::default(),
        verbose: false,
        threads: Some(4),
    }
}

fn raw(body: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(body.len())
        .expect("a short body")
        .to_le_bytes()
        .to_vec();
    frame.extend_from_slice(body);
    frame
}

/// Returns a worker's end, and the raw socket of the other side.
fn worker_and_raw() -> (Receiver<SupervisorMessage>, StdStream) {
    let (ours, theirs) = StdStream::pair().expect("a socket pair");
    let (_, receiver) = worker_end(ours).expect("a worker's end");
    (receiver, theirs)
}

#[tokio::test]
async fn messages_arrive_as_sent_in_both_directions() {
    let (a, b) = StdStream::pair().expect("a socket pair");
    let (mut to_worker, mut from_worker) = supervisor_end(a).expect("the supervisor's end");
    let (mut to_supervisor, mut from_supervisor) = worker_end(b).expect("the worker's end");

    // Longer than the socket's buffer, so that it arrives in pieces.
    let long = config(&"/app".repeat(300_000));
    let sent = tokio::spawn(async move {
        to_worker
            .send(&SupervisorMessage::Start(Box::new(long)))
            .await
            .expect("start is sent");
        to_worker
            .send(&SupervisorMessage::Drain { deadline_ms: 5 })
            .await
            .expect("drain is sent");
    });
    let start = from_supervisor
        .recv_start()
        .await
        .expect("a start message")
        .expect("not the end");
    assert_eq!(*start, config(&"/app".repeat(300_000)));
    let drain = from_supervisor.recv().await.expect("a drain message");
    assert_eq!(drain, Some(SupervisorMessage::Drain { deadline_ms: 5 }));
    sent.await.expect("the sender did not panic");

    let ready = WorkerMessage::Ready(Ready {
        python: "3.12.4".into(),
        ..Ready::default()
    });
    let statistics = WorkerMessage::Statistics(serde_json::json!({"calls": 3}));
    for message in [ready, statistics, WorkerMessage::Drained] {
        to_supervisor.send(&message).await.expect("sent");
        assert_eq!(from_worker.recv().await.expect("received"), Some(message));
    }
}

#[tokio::test]
async fn a_cancelled_recv_loses_nothing() {
    let (mut receiver, mut peer) = worker_and_raw();
    let frame = raw(br#"{"drain":{"deadline_ms":7}}"#);
    for piece in frame[..frame.len() - 1].chunks(5) {
        peer.write_all(piece).expect("written");
        let waited = tokio::time::timeout(Duration::from_millis(5), receiver.recv()).await;
        assert!(waited.is_err(), "a message came out of half a frame");
    }
    peer.write_all(&frame[frame.len() - 1..]).expect("written");
    let message = receiver.recv().await.expect("a message");
    assert_eq!(message, Some(SupervisorMessage::Drain { deadline_ms: 7 }));
}

#[tokio::test]
async fn the_end_of_the_stream_is_none_between_frames_and_an_error_within() {
    let (mut receiver, peer) = worker_and_raw();
    drop(peer);
    assert!(matches!(receiver.recv().await, Ok(None)));

    let (mut receiver, mut peer) = worker_and_raw();
    peer.write_all(&[9, 0]).expect("written");
    drop(peer);
    assert!(matches!(receiver.recv().await, Err(ControlError::Truncated)));
}

#[tokio::test]
async fn a_frame_over_the_limit_is_refused_by_both_sides() {
    let (mut receiver, mut peer) = worker_and_raw();
    let length = u32::try_from(MAX_FRAME + 1).expect("fits");
    peer.write_all(&length.to_le_bytes()).expect("written");
    assert!(
        matches!(receiver.recv().await, Err(ControlError::TooLong { length }) if length == MAX_FRAME + 1)
    );

    let (ours, _theirs) = StdStream::pair().expect("a socket pair");
    let (mut sender, _receiver) = worker_end(ours).expect("a worker's end");
    let long = WorkerMessage::Failed {
        phase: String::new(),
        message: "x".repeat(MAX_FRAME),
    };
    assert!(matches!(
        sender.send(&long).await,
        Err(ControlError::TooLong { .. })
    ));
}

#[tokio::test]
async fn a_first_message_of_another_protocol_is_refused() {
    for (body, expected) in [
        (&br#"{"start":{"protocol":99,"new":true}}"#[..], "version 99"),
        (
            br#"{"drain":{"deadline_ms":1}}"#,
            "the first control message is not a start message",
        ),
        (br#"GET / HTTP/1.1"#, "not valid"),
    ] {
        let (mut receiver, mut peer) = worker_and_raw();
        peer.write_all(&raw(body)).expect("written");
        let error = receiver.recv_start().await.expect_err("refused").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
