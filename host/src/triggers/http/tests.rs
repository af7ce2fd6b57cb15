//! The trigger with a runner of the test: bodies that are streams.

use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::*;
use crate::app::testing::app;
use crate::extensions::HookChain;
use crate::model::{
    Body, BodyError, BodyStream, Data, FunctionDefinition, FunctionInfo, HttpResponse, Outcome,
};
use crate::pipeline::{Completions, FunctionRunner, Pipeline, RunnerCall};

mod streamed_responses;

/// Long enough for any machine.
const LONG: Duration = Duration::from_secs(20);

/// The frames that the test sends.
struct Channel(mpsc::UnboundedReceiver<Result<Bytes, BodyError>>);

impl http_body::Body for Channel {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0
            .poll_recv(context)
            .map(|frame| frame.map(|frame| frame.map(Frame::data)))
    }
}

/// Answers each call at once with what `answer` makes of it.
struct Runner<F> {
    completions: Arc<Completions>,
    answer: F,
}

impl<F: Fn(&RunnerCall) -> Data + Send + Sync + 'static> FunctionRunner for Runner<F> {
    fn invoke(&self, call: RunnerCall) {
        let outcome = Outcome::returned((self.answer)(&call));
        self.completions.push(call.ticket, outcome, false);
    }

    fn flush(&self) {}
}

struct NoAdmin;

impl Admin for NoAdmin {
    fn failure(&self) -> Option<&str> {
        None
    }

    fn status(&self) -> AdminFuture<'_, Status> {
        Box::pin(async {
            Status {
                is_healthy: true,
                report: serde_json::Value::Null,
            }
        })
    }

    fn not_ready(&self) -> AdminFuture<'_, Vec<String>> {
        Box::pin(async { Vec::new() })
    }

    fn extensions(&self) -> AdminFuture<'_, serde_json::Value> {
        Box::pin(async { serde_json::Value::Null })
    }

    fn metrics(&self) -> AdminFuture<'_, String> {
        Box::pin(async { String::new() })
    }

    fn flush(&self) -> AdminFuture<'_, FlushReport> {
        Box::pin(async { FlushReport::default() })
    }
}

/// Serves one function at `/api/f`, and connects to it.
async fn connect(
    streams_body: bool,
    answer: impl Fn(&RunnerCall) -> Data + Send + Sync + 'static,
) -> TcpStream {
    let address = serve(streams_body, None, None, answer);
    TcpStream::connect(address).await.expect("connected")
}

/// Serves one function at `/api/f`. A call may take `timeout`, and `outstanding` of them may run.
fn serve(
    streams_body: bool,
    timeout: Option<Duration>,
    outstanding: Option<u32>,
    answer: impl Fn(&RunnerCall) -> Data + Send + Sync + 'static,
) -> SocketAddr {
    let trigger = serde_json::json!({
        "name": "req", "kind": "httpTrigger", "direction": "in", "data_type": null, "properties": {},
        "settings": { "http": { "route": "f", "methods": [], "auth_level": "anonymous", "streams_body": streams_body } },
    });
    let definition = FunctionDefinition {
        name: "f".to_owned(),
        directory: "/f".into(),
        script_file: "/f/__init__.py".into(),
        entry_point: "main".to_owned(),
        bindings: vec![serde_json::from_value(trigger).expect("a binding")],
        retry: None,
    };
    let function = LoadedFunction {
        index: 0,
        info: Arc::new(FunctionInfo::new(&definition, "api")),
        definition,
        chain: HookChain::default(),
        bindings: None,
        counts: Default::default(),
    };
    let completions = Arc::<Completions>::default();
    let runner = Arc::new(Runner {
        completions: Arc::clone(&completions),
        answer,
    });
    let tasks = TaskTracker::new();
    let pipeline = Arc::new(Pipeline::new(runner, completions, timeout, tasks.clone()));
    pipeline.drive();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let address = listener.local_addr().expect("bound");
    let config = HttpConfig {
        max_request_body_size: 1000,
        client_timeout: Duration::from_millis(200),
        max_outstanding_requests: outstanding,
        ..HttpConfig::default()
    };
    let http = Http::new(
        listener.into(),
        config,
        Vec::new(),
        Arc::default(),
        Arc::new(NoAdmin),
        BlobWebhook::new(&app("/app"), &[]),
    );
    let calls = Calls::new(pipeline, tasks, CancellationToken::new());
    let serving = Box::new(http)
        .start(vec![Arc::new(function)], calls)
        .expect("served");
    tokio::spawn(serving);
    address
}

/// Reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&text).contains(end) {
            if stream.read_buf(&mut text).await.expect("read") == 0 {
                break;
            }
        }
    };
    let in_time = tokio::time::timeout(LONG, read).await.is_ok();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(in_time && text.contains(end), "{end:?} does not come: {text:?}");
    text
}

#[tokio::test]
async fn a_response_leaves_while_it_is_made() {
    let (sender, receiver) = mpsc::unbounded_channel();
    let stream = BodyStream::new(Channel(receiver));
    let mut client = connect(false, move |_| {
        Data::Response(Box::new(HttpResponse {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Body::Stream(stream.clone()),
        }))
    })
    .await;
    client
        .write_all(b"GET /api/f HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    sender.send(Ok("first".into())).expect("read");
    let head = read_until(&mut client, "first\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    sender.send(Ok("second".into())).expect("read");
    drop(sender);
    read_until(&mut client, "second\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn a_stream_that_fails_ends_the_connection() {
    let (sender, receiver) = mpsc::unbounded_channel();
    let stream = BodyStream::new(Channel(receiver));
    let mut client = connect(false, move |_| Data::Stream(stream.clone())).await;
    client
        .write_all(b"GET /api/f HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("sent");
    sender.send(Ok("first".into())).expect("read");
    read_until(&mut client, "first\r\n").await;
    sender.send(Err("the function raised".into())).expect("read");
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(LONG, client.read_to_end(&mut rest)).await;
    closed.expect("in time").expect("closed");
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the body must not look whole");
}

/// The bytes of a large body. Says when they are dropped.
struct Large(Vec<u8>, mpsc::UnboundedSender<()>);

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        let _ = self.1.send(());
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_a_response_is_given_up() {
    let (dropped, mut drops) = mpsc::unbounded_channel();
    // More than the system buffers.
    let large = Bytes::from_owner(Large(vec![b'x'; 64 << 20], dropped));
    let once = std::sync::Mutex::new(Some(large));
    let taken = move |_: &RunnerCall| {
        Data::Bytes(
            once.lock()
                .ok()
                .and_then(|mut large| large.take())
                .unwrap_or_default(),
        )
    };
    let mut client = connect(false, taken).await;
    let request = b"GET /api/f HTTP/1.1\r\nhost: x\r\n\r\n";
    client.write_all(request).await.expect("sent");
    let given_up = tokio::time::timeout(LONG, drops.recv()).await;
    assert_eq!(given_up, Ok(Some(())), "the client reads nothing");
    let mut received = Vec::new();
    let ended = tokio::time::timeout(LONG, client.read_to_end(&mut received)).await;
    assert!(ended.is_ok(), "the connection is closed");
    assert!(received.len() < 64 << 20);
}

#[tokio::test]
async fn a_request_is_read_while_it_arrives() {
    let (sender, mut received) = mpsc::unbounded_channel();
    let mut client = connect(true, move |call| {
        let Some(Body::Stream(body)) = call.invocation.request().map(|request| &request.body) else {
            panic!("the body is a stream");
        };
        let mut frames = body.take().expect("nobody has read it");
        assert!(body.take().is_none(), "it has one reader");
        let sender = sender.clone();
        tokio::spawn(async move {
            while let Some(Ok(frame)) = frames.frame().await {
                let _ = sender.send(frame.into_data().expect("data"));
            }
        });
        Data::None
    })
    .await;
    client
        .write_all(b"POST /api/f HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\nfirst")
        .await
        .expect("sent");
    let first = tokio::time::timeout(LONG, received.recv()).await;
    assert_eq!(first.expect("in time"), Some("first".into()));
}

#[tokio::test]
async fn a_streamed_request_is_bounded_in_size_and_pauses() {
    let (sender, mut ends) = mpsc::unbounded_channel();
    let read_all = move |call: &RunnerCall| {
        let Some(Body::Stream(body)) = call.invocation.request().map(|request| &request.body) else {
            panic!("the body is a stream");
        };
        let mut frames = body.take().expect("nobody has read it");
        let sender = sender.clone();
        tokio::spawn(async move {
            let end = loop {
                match frames.frame().await {
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error.to_string(),
                    None => break "the end".to_owned(),
                }
            };
            let _ = sender.send(end);
        });
        Data::None
    };
    let mut client = connect(true, read_all.clone()).await;
    let head = b"POST /api/f HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n";
    client.write_all(head).await.expect("sent");
    let head = read_until(&mut client, "\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");

    let mut client = connect(true, read_all.clone()).await;
    let head = b"POST /api/f HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
    client.write_all(head).await.expect("sent");
    client.write_all(b"3e9\r\n").await.expect("sent");
    client.write_all(&[b'x'; 1001]).await.expect("sent");
    let end = tokio::time::timeout(LONG, ends.recv()).await.expect("in time");
    assert_eq!(
        end.as_deref(),
        Some("it is longer than maxRequestBodySize in host.json allows"),
        "the size is not known before"
    );

    let mut client = connect(true, read_all).await;
    let head = b"POST /api/f HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\nfirst";
    client.write_all(head).await.expect("sent");
    let end = tokio::time::timeout(LONG, ends.recv()).await.expect("in time");
    assert_eq!(end.as_deref(), Some("the client has sent nothing for 200ms"));
}
