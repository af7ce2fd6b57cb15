//! A call whose response is streamed goes on until its stream ends: hooks, states, permits and deadlines.

use std::time::Duration;

use bytes::Bytes;
use funcdock::model::{Body, BodyError, BodyStream, Exception, Frames};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc::unbounded_channel;

use crate::support::{DEADLINE, counts, noted};
use world::{Channel, World};

mod extensions;
mod world;

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
