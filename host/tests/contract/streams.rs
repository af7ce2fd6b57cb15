//! A call whose response is streamed goes on until its stream ends: hooks, states, permits and deadlines.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use funcdock::app::ExtensionConfig;
use funcdock::extensions::Extensions;
use funcdock::model::{
    Body, BodyError, BodyStream, Data, Exception, Frames, FunctionInfo, HttpReply, HttpRequest, HttpResponse,
    Outcome, Returned, Start,
};
use funcdock::pipeline::{Completions, FunctionRunner, LoadedFunction, Pipeline, RunnerCall};
use http::{HeaderMap, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::task::TaskTracker;

use crate::support::{DEADLINE, config, counts, docked, note, noted};

mod extensions;

/// A stream whose frames the test sends.
struct Channel {
    frames: UnboundedReceiver<Result<Bytes, BodyError>>,
    label: &'static str,
}

impl http_body::Body for Channel {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.frames
            .poll_recv(context)
            .map(|frame| frame.map(|data| data.map(Frame::data)))
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        note(self.label, "frames dropped");
    }
}

/// The reply of a trigger that responds over HTTP.
struct Reply;

impl HttpReply for Reply {
    fn status(&self, _: &FunctionInfo, outcome: &Outcome) -> StatusCode {
        response(outcome).map_or(StatusCode::INTERNAL_SERVER_ERROR, |response| response.status)
    }

    fn stream<'a>(&self, _: &FunctionInfo, outcome: &'a Outcome) -> Option<&'a BodyStream> {
        response(outcome)?.body.stream()
    }

    fn sends_body(&self, _: Option<&HttpRequest>, status: StatusCode) -> bool {
        status != StatusCode::NO_CONTENT
    }

    fn response(&self, function: &FunctionInfo, outcome: &Outcome) -> HttpResponse {
        response(outcome).cloned().unwrap_or_else(|| HttpResponse {
            status: self.status(function, outcome),
            headers: HeaderMap::new(),
            body: Body::default(),
        })
    }
}

fn response(outcome: &Outcome) -> Option<&HttpResponse> {
    match outcome {
        Outcome::Returned(Returned {
            value: Data::Response(response),
            ..
        }) => Some(response),
        _ => None,
    }
}

/// Ends each call with the next outcome, as soon as there is one.
#[derive(Default)]
struct Runner {
    completions: Arc<Completions>,
    calls: Mutex<VecDeque<RunnerCall>>,
    outcomes: Mutex<VecDeque<Outcome>>,
}

impl Runner {
    fn end_calls(&self) {
        let lock = |error| PoisonError::into_inner(error);
        let (mut calls, mut outcomes) = (
            self.calls.lock().unwrap_or_else(lock),
            self.outcomes.lock().unwrap_or_else(PoisonError::into_inner),
        );
        while !calls.is_empty()
            && let Some(outcome) = outcomes.pop_front()
            && let Some(call) = calls.pop_front()
        {
            self.completions.push(call.ticket, outcome, false);
        }
    }
}

impl FunctionRunner for Runner {
    fn invoke(&self, call: RunnerCall) {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(call);
        self.end_calls();
    }

    fn flush(&self) {}
}

/// Notes when it is dropped: what limits the number of calls.
struct Permit(&'static str);

impl Drop for Permit {
    fn drop(&mut self) {
        note(self.0, "permit released");
    }
}

/// A worker with one function, and extensions around it.
struct World {
    label: &'static str,
    extensions: Extensions,
    function: Arc<LoadedFunction>,
    runner: Arc<Runner>,
    pipeline: Arc<Pipeline>,
    in_flight: TaskTracker,
}

impl World {
    /// Each extension has a name and what it does. Within the runtime.
    fn new(label: &'static str, extensions: &[(&str, &str)], timeout: Option<Duration>) -> Self {
        let configs: Vec<ExtensionConfig> = extensions
            .iter()
            .map(|(name, what)| config(name, label, what))
            .collect();
        let (extensions, function) = docked(&configs);
        let runner = Arc::new(Runner::default());
        let in_flight = TaskTracker::new();
        let pipeline = Arc::new(Pipeline::new(
            Arc::clone(&runner) as Arc<dyn FunctionRunner>,
            Arc::clone(&runner.completions),
            timeout,
            in_flight.clone(),
        ));
        pipeline.drive();
        World {
            label,
            extensions,
            function,
            runner,
            pipeline,
            in_flight,
        }
    }

    fn returns(&self, status: u16, body: Body) {
        let response = HttpResponse {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body,
        };
        let outcome = Outcome::returned(Data::Response(Box::new(response)));
        let mut outcomes = self
            .runner
            .outcomes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        outcomes.push_back(outcome);
        drop(outcomes);
        self.runner.end_calls();
    }

    /// The next call returns a streamed response, whose frames the sender sends.
    fn streams(&self, status: u16) -> UnboundedSender<Result<Bytes, BodyError>> {
        let (sender, frames) = unbounded_channel();
        let stream = BodyStream::new(Channel {
            frames,
            label: self.label,
        });
        self.returns(status, Body::Stream(stream));
        sender
    }

    /// Makes a call; returns its response.
    async fn call(&self) -> HttpResponse {
        let start = Start {
            http_reply: Some(&Reply),
            ..Start::default()
        };
        let call = self
            .pipeline
            .call(Arc::clone(&self.function), start, Permit(self.label));
        let (invocation, mut result) = call.await;
        result.response(&invocation).expect("it is HTTP").clone()
    }

    /// Makes a call whose response is streamed; returns the frames.
    async fn frames(&self) -> Frames {
        let response = self.call().await;
        let stream = response.body.stream().expect("a stream");
        stream.take().expect("nobody else reads it")
    }

    /// What has happened since the pre hooks.
    fn noted(&self) -> Vec<String> {
        let notes = noted(self.label);
        notes
            .into_iter()
            .filter(|note| !note.starts_with("pre "))
            .collect()
    }

    fn is_over(&self) -> bool {
        self.in_flight.is_empty() && noted(self.label).iter().any(|note| note == "permit released")
    }
}

fn data(text: &'static str) -> Result<Bytes, BodyError> {
    Ok(Bytes::from_static(text.as_bytes()))
}

fn error() -> BodyError {
    Box::new(Exception {
        type_name: "ValueError".to_owned(),
        message: "no".to_owned(),
        traceback: "Traceback".to_owned(),
    })
}

async fn next(frames: &mut Frames) -> Option<Result<Bytes, String>> {
    let frame = tokio::time::timeout(DEADLINE, frames.frame())
        .await
        .expect("in time")?;
    Some(match frame {
        Ok(frame) => Ok(frame.into_data().expect("no trailers")),
        Err(error) => Err(error.to_string()),
    })
}

#[tokio::test]
async fn hooks_run_at_the_head_and_at_the_end() {
    let world = World::new(
        "order",
        &[("stream-a", ""), ("stream-only", ""), ("stream-b", "")],
        None,
    );
    let sender = world.streams(200);
    let mut frames = world.frames().await;
    assert_eq!(
        noted("order"),
        ["pre a", "pre b", "post b streamed", "post a streamed"]
    );
    for text in ["one", "two"] {
        sender.send(data(text)).expect("it is read");
        assert_eq!(next(&mut frames).await, Some(Ok(Bytes::from(text))));
        assert!(!world.is_over());
    }
    assert_eq!(noted("order").len(), 4, "nothing ends before the stream does");
    drop(sender);
    assert_eq!(next(&mut frames).await, None);
    assert_eq!(
        world.noted()[2..],
        [
            "frames dropped",
            "ended b Complete 6 -",
            "state b dropped",
            "ended only Complete 6",
            "ended a Complete 6 -",
            "state a dropped",
            "permit released"
        ]
    );
    assert!(world.is_over());
    drop(frames);
    assert_eq!(world.noted().len(), 9, "it ends once");
    for extension in ["stream-a", "stream-only", "stream-b"] {
        assert_eq!(counts(&world.extensions, extension, "stream_ended"), [1, 0, 0]);
    }
}

#[tokio::test]
async fn a_whole_response_has_no_stream_to_end() {
    let world = World::new("whole", &[("stream-a", "")], None);
    world.returns(200, "whole".into());
    world.call().await;
    assert_eq!(
        world.noted(),
        ["post a whole", "state a dropped", "permit released"]
    );
    assert_eq!(counts(&world.extensions, "stream-a", "stream_ended"), [0, 0, 0]);
}

#[tokio::test]
async fn a_function_that_raises_while_it_streams() {
    let world = World::new("raises", &[("stream-a", "")], None);
    for (sent, expected, text) in [
        (error(), "ended a Failed 3 ValueError: no", "ValueError: no"),
        ("broken".into(), "ended a Failed 3 StreamError: broken", "broken"),
    ] {
        let sender = world.streams(200);
        let mut frames = world.frames().await;
        sender.send(data("one")).expect("it is read");
        sender.send(Err(sent)).expect("it is read");
        assert_eq!(next(&mut frames).await, Some(Ok(Bytes::from("one"))));
        assert_eq!(next(&mut frames).await, Some(Err(text.to_owned())));
        assert!(world.is_over());
        assert!(
            world.noted().contains(&expected.to_owned()),
            "{:?}",
            world.noted()
        );
        assert_eq!(next(&mut frames).await, None);
    }
}

#[tokio::test]
async fn a_client_that_leaves() {
    let world = World::new("leaves", &[("stream-a", "")], None);
    let sender = world.streams(200);
    let mut frames = world.frames().await;
    sender.send(data("one")).expect("it is read");
    next(&mut frames).await;
    drop(frames);
    let expected = [
        "post a streamed",
        "frames dropped",
        "ended a ClientLeft 3 -",
        "state a dropped",
        "permit released",
    ];
    assert_eq!(world.noted(), expected);
    assert!(sender.is_closed());
}

#[tokio::test]
async fn a_client_that_leaves_before_the_head() {
    let world = World::new("leaves early", &[("stream-a", "")], None);
    let call = tokio::time::timeout(Duration::from_millis(20), world.call());
    assert!(call.await.is_err(), "the function runs");
    let sender = world.streams(200);
    tokio::time::timeout(DEADLINE, sender.closed())
        .await
        .expect("in time");
    let expected = [
        "post a streamed",
        "frames dropped",
        "ended a ClientLeft 0 -",
        "state a dropped",
        "permit released",
    ];
    assert_eq!(world.noted(), expected);
}

#[tokio::test]
async fn the_timeout_covers_the_stream() {
    let limit = Duration::from_millis(200);
    let world = World::new("timeout", &[("stream-a", "")], Some(limit));
    // Nobody reads the frames meanwhile: a client that does not read holds up no call.
    let (read, unread) = (world.streams(200), world.streams(200));
    let (mut frames, mut stalled) = (world.frames().await, world.frames().await);
    assert_eq!(
        next(&mut frames).await,
        Some(Err("the call was given up".to_owned()))
    );
    tokio::time::timeout(DEADLINE, unread.closed())
        .await
        .expect("in time");
    assert!(read.is_closed() && world.is_over());
    assert_eq!(
        next(&mut stalled).await,
        Some(Err("the call was given up".to_owned()))
    );
    assert_eq!(next(&mut stalled).await, None);
    let ends = world.noted().into_iter().filter(|note| note.starts_with("ended"));
    assert_eq!(ends.collect::<Vec<_>>(), ["ended a TimedOut 0 -"; 2]);
}

#[tokio::test]
async fn a_worker_that_stops_gives_up_streams_at_its_deadline() {
    let world = World::new("drain", &[("stream-a", "")], Some(DEADLINE));
    let sender = world.streams(200);
    let mut frames = world.frames().await;
    sender.send(data("one")).expect("it is read");
    next(&mut frames).await;
    world.in_flight.close();
    let drained = tokio::time::timeout(Duration::from_millis(20), world.in_flight.wait());
    assert!(drained.await.is_err(), "the stream counts as a call");
    world.pipeline.cancel();
    assert_eq!(
        next(&mut frames).await,
        Some(Err("the call was given up".to_owned()))
    );
    world.in_flight.wait().await;
    assert!(world.noted().contains(&"ended a Cancelled 3 -".to_owned()));
}

#[test]
fn streams_that_are_dropped_with_the_runtime_are_given_up() {
    let runtime = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime")
    };
    let serving = runtime();
    let world = serving.block_on(async {
        let world = World::new("runtime", &[("stream-a", "")], None);
        let _sender = world.streams(200);
        let frames = world.frames().await;
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(frames);
        });
        world.pipeline.cancel();
        world
    });
    drop(serving);
    assert!(world.is_over());
    assert!(
        world.noted().contains(&"ended a Cancelled 0 -".to_owned()),
        "{:?}",
        world.noted()
    );
}

#[tokio::test]
async fn a_response_that_a_post_hook_replaces() {
    let extensions = [("stream-a", ""), ("stream-b", "replace"), ("stream-c", "")];
    let world = World::new("replaced", &extensions, None);
    let sender = world.streams(200);
    let response = world.call().await;
    assert_eq!(response.body, Body::from("replaced"));
    assert!(sender.is_closed(), "the function makes no more of it");
    assert_eq!(
        world.noted(),
        [
            "post c streamed",
            "post b streamed",
            "ended c Replaced 0 -",
            "state c dropped",
            "ended b Replaced 0 -",
            "state b dropped",
            "post a whole",
            "state a dropped",
            "permit released",
            "frames dropped",
        ]
    );
}

#[tokio::test]
async fn hooks_that_fail_cost_only_themselves() {
    let extensions = [
        ("stream-a", "panic"),
        ("stream-b", "error"),
        ("stream-c", "post error"),
    ];
    let world = World::new("failing", &extensions, None);
    let sender = world.streams(200);
    let mut frames = world.frames().await;
    drop(sender);
    assert_eq!(next(&mut frames).await, None);
    assert!(world.is_over());
    assert_eq!(counts(&world.extensions, "stream-a", "stream_ended"), [1, 0, 1]);
    assert_eq!(counts(&world.extensions, "stream-b", "stream_ended"), [1, 1, 0]);
    assert_eq!(
        counts(&world.extensions, "stream-c", "post_invocation"),
        [1, 1, 0]
    );
    let ended = counts(&world.extensions, "stream-c", "stream_ended");
    assert_eq!(ended, [1, 0, 0], "it runs although the post hook failed");
}

#[tokio::test]
async fn a_body_that_is_not_sent_is_complete() {
    let world = World::new("bodyless", &[("stream-a", "")], None);
    let sender = world.streams(204);
    world.call().await;
    assert!(sender.is_closed());
    assert!(world.noted().contains(&"ended a Complete 0 -".to_owned()));
    assert!(world.is_over());
}

#[tokio::test]
async fn a_reader_that_knows_the_length_does_not_ask_for_the_end() {
    let world = World::new("length", &[("stream-a", "")], None);
    let body = http_body_util::Full::new(Bytes::from_static(b"12345")).map_err(|never| match never {});
    world.returns(200, Body::Stream(BodyStream::new(body)));
    let mut frames = world.frames().await;
    next(&mut frames).await;
    drop(frames);
    assert!(world.noted().contains(&"ended a Complete 5 -".to_owned()));
}

#[tokio::test]
async fn a_stream_that_is_read_already() {
    let world = World::new("read already", &[("stream-a", "")], None);
    let (_sender, frames) = unbounded_channel();
    let stream = BodyStream::new(Channel {
        frames,
        label: "read already",
    });
    drop(stream.take());
    world.returns(200, Body::Stream(stream));
    world.call().await;
    let expected = "ended a Failed 0 StreamError: the stream has been read already";
    assert!(
        world.noted().contains(&expected.to_owned()),
        "{:?}",
        world.noted()
    );
}
