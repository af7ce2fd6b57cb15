//! Questions and answers, with the test as the supervisor.

use std::os::unix::net::UnixStream;

use super::*;
use crate::control::{Receiver, supervisor_end, worker_end};

/// Long enough for any machine.
const LONG: Duration = Duration::from_secs(20);

/// Peers that are open, and what the supervisor hears of them.
fn peers() -> (Arc<Peers>, Receiver<WorkerMessage>) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    let (sender, _) = worker_end(ours).expect("the worker's end");
    let (_, receiver) = supervisor_end(theirs).expect("the supervisor's end");
    let sender = Arc::new(tokio::sync::Mutex::new(sender));
    let peers = Arc::new(Peers::new(Handle::current(), sender));
    peers.open();
    (peers, receiver)
}

async fn heard(receiver: &mut Receiver<WorkerMessage>) -> WorkerMessage {
    let heard = tokio::time::timeout(LONG, receiver.recv()).await;
    heard.expect("in time").expect("a message").expect("not the end")
}

/// Starts to ask; returns the question's id.
async fn ask(
    peers: &Arc<Peers>,
    receiver: &mut Receiver<WorkerMessage>,
    patience: Duration,
) -> (u64, tokio::task::JoinHandle<Answers>) {
    let asking = Arc::clone(peers);
    let asking = tokio::spawn(async move { asking.ask(Question::Flush, patience).await });
    match heard(receiver).await {
        WorkerMessage::Ask {
            id,
            question: Question::Flush,
        } => (id, asking),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_that_are_asked_are_waited_for() {
    let (peers, mut receiver) = peers();
    let (id, asking) = ask(&peers, &mut receiver, LONG).await;
    // An answer may be faster than the count.
    peers.hear(id, Heard::Told(2, Reply::Flush(false)));
    peers.hear(id, Heard::Asked(3));
    peers.hear(id + 1, Heard::Told(0, Reply::Flush(true)));
    peers.hear(id, Heard::Told(0, Reply::Failed));
    peers.hear(id, Heard::Told(1, Reply::Flush(true)));
    let expected = Answers {
        replies: vec![(2, Reply::Flush(false)), (1, Reply::Flush(true))],
        missing: 1,
    };
    assert_eq!(asking.await.expect("no panic"), expected);
    assert!(peers.state().asked.is_empty(), "nothing is left behind");
}

#[tokio::test]
async fn who_does_not_answer_is_missing() {
    let (peers, mut receiver) = peers();
    let (id, asking) = ask(&peers, &mut receiver, Duration::from_millis(50)).await;
    peers.hear(id, Heard::Asked(2));
    peers.hear(id, Heard::Told(1, Reply::Flush(true)));
    let answers = asking.await.expect("no panic");
    assert_eq!((answers.replies.len(), answers.missing), (1, 1));
    peers.hear(id, Heard::Told(0, Reply::Flush(true)));

    let (_, asking) = ask(&peers, &mut receiver, LONG).await;
    asking.abort();
    assert!(asking.await.expect_err("given up").is_cancelled());
    assert!(peers.state().asked.is_empty(), "as if it had never been asked");
}

#[tokio::test]
async fn a_worker_that_drains_asks_nobody() {
    let (peers, mut receiver) = peers();
    let (_, asking) = ask(&peers, &mut receiver, LONG).await;
    peers.close();
    assert_eq!(asking.await.expect("no panic"), Answers::default());
    assert_eq!(peers.ask(Question::Flush, LONG).await, Answers::default());
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_are_answered_and_waited_for() {
    let (peers, mut receiver) = peers();
    let gate = Arc::new(std::sync::Barrier::new(2));
    let closed = Arc::clone(&gate);
    peers.answer_by(move |question| match question {
        Question::Metrics => panic!("on purpose"),
        Question::Extensions => Reply::Metrics("x".repeat(crate::control::MAX_FRAME)),
        Question::Flush => {
            closed.wait();
            Reply::Flush(true)
        }
    });
    for (id, question) in [(7, Question::Metrics), (8, Question::Extensions)] {
        peers.answer(1, id, question);
        let failed = WorkerMessage::Answered {
            asker: 1,
            id,
            reply: Reply::Failed,
        };
        assert_eq!(heard(&mut receiver).await, failed, "{question:?}");
    }
    peers.wait_until_answered(LONG);
    peers.answer(2, 9, Question::Flush);
    peers.wait_until_answered(Duration::from_millis(10));
    assert_eq!(peers.state().answering, 1, "it waits at the gate");
    gate.wait();
    peers.wait_until_answered(LONG);
    assert_eq!(peers.state().answering, 0);
    let flushed = WorkerMessage::Answered {
        asker: 2,
        id: 9,
        reply: Reply::Flush(true),
    };
    assert_eq!(heard(&mut receiver).await, flushed);
}
