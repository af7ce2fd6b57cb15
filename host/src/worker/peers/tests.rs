//! Questions and replies, with the test as the supervisor.

use std::os::unix::net::UnixStream;

use super::*;
use crate::control::{Flushed, Receiver, supervisor_end, worker_end};

/// Long enough for any machine.
const LONG: Duration = Duration::from_secs(20);

const FLUSHED: Reply = Reply::Flush(Flushed::Asked(Vec::new()));
const BUSY: Reply = Reply::Flush(Flushed::Busy);

/// Returns open peers, and the supervisor's end of their channel.
fn peers() -> (Arc<Peers>, Receiver<WorkerMessage>) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    let (sender, _) = worker_end(ours).expect("the worker's end");
    let (_, receiver) = supervisor_end(theirs).expect("the supervisor's end");
    let sender = Arc::new(tokio::sync::Mutex::new(sender));
    let peers = Arc::new(Peers::new(Handle::current(), sender, true));
    peers.open();
    (peers, receiver)
}

async fn receive(receiver: &mut Receiver<WorkerMessage>) -> WorkerMessage {
    let received = tokio::time::timeout(LONG, receiver.recv()).await;
    received
        .expect("in time")
        .expect("a message")
        .expect("not the end")
}

/// Asks in a task; returns the question's id.
async fn ask(
    peers: &Arc<Peers>,
    receiver: &mut Receiver<WorkerMessage>,
    timeout: Duration,
) -> (u64, tokio::task::JoinHandle<Vec<(u32, Reply)>>) {
    let asking = Arc::clone(peers);
    let asking = tokio::spawn(async move { asking.ask(Question::Flush, timeout).await });
    match receive(receiver).await {
        WorkerMessage::PeerRequest {
            id,
            question: Question::Flush,
        } => (id, asking),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_workers_that_get_the_question_are_waited_for() {
    let (peers, mut receiver) = peers();
    let (id, asking) = ask(&peers, &mut receiver, LONG).await;
    // A reply may arrive before the count.
    peers.deliver(id, PeerEvent::Reply(2, BUSY));
    peers.deliver(id, PeerEvent::Count(3));
    peers.deliver(id + 1, PeerEvent::Reply(0, FLUSHED));
    peers.deliver(id, PeerEvent::Reply(0, Reply::Failed));
    peers.deliver(id, PeerEvent::Reply(1, FLUSHED));
    assert_eq!(asking.await.expect("no panic"), [(2, BUSY), (1, FLUSHED)]);
    assert!(peers.state().pending.is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn a_worker_that_is_late_is_left_out() {
    let (peers, mut receiver) = peers();
    let (id, asking) = ask(&peers, &mut receiver, Duration::from_millis(50)).await;
    peers.deliver(id, PeerEvent::Count(2));
    peers.deliver(id, PeerEvent::Reply(1, FLUSHED));
    assert_eq!(asking.await.expect("no panic"), [(1, FLUSHED)]);
    peers.deliver(id, PeerEvent::Reply(0, FLUSHED));

    let (_, asking) = ask(&peers, &mut receiver, LONG).await;
    asking.abort();
    assert!(asking.await.expect_err("given up").is_cancelled());
    assert!(peers.state().pending.is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn a_question_that_reaches_no_worker_has_no_reply() {
    let none: [(u32, Reply); 0] = [];
    let (peers, mut receiver) = peers();
    // The supervisor does not pass the question on.
    let (_, asking) = ask(&peers, &mut receiver, Duration::from_millis(50)).await;
    assert_eq!(asking.await.expect("no panic"), none, "not passed on");
    // This worker begins to drain while it asks, and after that.
    let (_, asking) = ask(&peers, &mut receiver, LONG).await;
    peers.close();
    assert_eq!(asking.await.expect("no panic"), none, "drains meanwhile");
    assert_eq!(peers.ask(Question::Flush, LONG).await, none, "not open");
    // No other worker is ready: nobody is waited for.
    peers.open();
    let (id, asking) = ask(&peers, &mut receiver, LONG).await;
    peers.deliver(id, PeerEvent::Count(0));
    assert_eq!(asking.await.expect("no panic"), none, "no other is ready");
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_are_made_and_waited_for() {
    let (peers, mut receiver) = peers();
    let gate = Arc::new(std::sync::Barrier::new(2));
    let closed = Arc::clone(&gate);
    peers.set_responder(move |question| match question {
        Question::Metrics | Question::Health => panic!("on purpose"),
        Question::Extensions => Reply::Metrics("x".repeat(crate::control::MAX_FRAME)),
        Question::Flush => {
            closed.wait();
            FLUSHED
        }
    });
    for (id, question) in [(7, Question::Metrics), (8, Question::Extensions)] {
        peers.reply_to(1, id, question);
        let failed = WorkerMessage::PeerReply {
            asker: 1,
            id,
            reply: Reply::Failed,
        };
        assert_eq!(receive(&mut receiver).await, failed, "{question:?}");
    }
    peers.wait_until_answered(LONG);
    peers.reply_to(2, 9, Question::Flush);
    peers.wait_until_answered(Duration::from_millis(10));
    assert_eq!(peers.state().replying, 1, "it waits at the gate");
    gate.wait();
    peers.wait_until_answered(LONG);
    assert_eq!(peers.state().replying, 0);
    let flushed = WorkerMessage::PeerReply {
        asker: 2,
        id: 9,
        reply: FLUSHED,
    };
    assert_eq!(receive(&mut receiver).await, flushed);
}
