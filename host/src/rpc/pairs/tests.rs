//! Pairs of calls and requests.

use std::future::{pending, ready};
use std::sync::Arc;

use super::*;

/// Lets all other tasks run as far as they can.
async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn either_may_come_first() {
    let pairs = Arc::new(Pairs::default());
    let offering = {
        let pairs = Arc::clone(&pairs);
        tokio::spawn(async move { pairs.offer("a", 1, pending()).await })
    };
    settle().await;
    assert_eq!(pairs.len(), 1);
    assert_eq!(pairs.take("a", pending()).await, Ok(1));
    assert_eq!(offering.await.expect("no panic"), Ok(()));
    let taking = {
        let pairs = Arc::clone(&pairs);
        tokio::spawn(async move { pairs.take("b", pending()).await })
    };
    settle().await;
    assert_eq!(pairs.len(), 1);
    assert_eq!(pairs.offer("b", 2, pending()).await, Ok(()));
    assert_eq!(taking.await.expect("no panic"), Ok(2));
    assert_eq!(pairs.len(), 0);
}

#[tokio::test]
async fn nobody_waits_for_more_than_its_time() {
    let pairs = Pairs::default();
    assert_eq!(pairs.offer("a", 1, ready(())).await, Err((1, NoPair::Alone)));
    assert_eq!(pairs.take("a", ready(())).await, Err(NoPair::Alone));
    assert_eq!(pairs.len(), 0);
}

#[tokio::test]
async fn one_of_a_kind_waits_under_an_id() {
    let pairs = Arc::new(Pairs::default());
    let offering = {
        let pairs = Arc::clone(&pairs);
        tokio::spawn(async move { pairs.offer("a", 1, pending()).await })
    };
    settle().await;
    assert_eq!(pairs.offer("a", 2, pending()).await, Err((2, NoPair::Twice)));
    assert_eq!(
        pairs.take("a", pending()).await,
        Ok(1),
        "the first is still there"
    );
    assert_eq!(offering.await.expect("no panic"), Ok(()));
    let taking = {
        let pairs = Arc::clone(&pairs);
        tokio::spawn(async move { pairs.take("b", pending()).await })
    };
    settle().await;
    assert_eq!(pairs.take("b", pending()).await, Err(NoPair::Twice));
    assert_eq!(pairs.offer("b", 3, pending()).await, Ok(()));
    assert_eq!(taking.await.expect("no panic"), Ok(3), "the first is still there");
    assert_eq!(pairs.len(), 0);
}

#[tokio::test]
async fn who_leaves_waits_no_more() {
    let pairs = Arc::new(Pairs::<u32>::default());
    let taking = {
        let pairs = Arc::clone(&pairs);
        tokio::spawn(async move { pairs.take("a", pending()).await })
    };
    settle().await;
    taking.abort();
    assert!(taking.await.is_err());
    assert_eq!(pairs.len(), 0);
    let offering = {
        let pairs = Arc::clone(&pairs);
        tokio::spawn(async move { pairs.offer("a", 1, pending()).await })
    };
    settle().await;
    assert_eq!(pairs.len(), 1, "the request that has left does not get it");
    offering.abort();
    assert!(offering.await.is_err());
    assert_eq!(pairs.len(), 0);
}
