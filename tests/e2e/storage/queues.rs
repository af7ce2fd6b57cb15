//! Messages on their way through a queue.

use std::time::{Duration, SystemTime};

use funcdock_storage::StorageError;
use funcdock_tests::Azurite;

use crate::storage::{connect, queue};

const MINUTE: Duration = Duration::from_secs(60);
/// Dates of the service have seconds, and its clock is that of this machine.
const TOLERANCE: Duration = Duration::from_secs(30);

fn assert_near(actual: SystemTime, expected: SystemTime, what: &str) {
    let difference = actual
        .duration_since(expected)
        .unwrap_or_else(|earlier| earlier.duration());
    assert!(difference < TOLERANCE, "{what} is off by {difference:?}");
}

#[tokio::test]
async fn a_message_has_all_fields() {
    let azurite = Azurite::account();
    let queue = queue(&azurite).await;
    assert!(!queue.create_if_missing().await.expect("Azurite does it"));
    assert_eq!(queue.receive(32, MINUTE).await, Ok(vec![]));
    let now = SystemTime::now();
    let sent = queue
        .send("hello", Some(Duration::from_secs(3600)), None)
        .await
        .expect("Azurite does it");
    assert_eq!(queue.approximate_length().await, Ok(1));
    let messages = queue.receive(1, MINUTE).await.expect("Azurite does it");
    let [message] = messages.as_slice() else {
        panic!("{messages:?}");
    };
    assert_eq!(message.text, "hello");
    assert_eq!(message.id, sent.id);
    assert_ne!(message.pop_receipt, sent.pop_receipt);
    assert_eq!(message.dequeue_count, 1);
    assert_near(message.inserted, now, "inserted");
    assert_near(message.expires, now + Duration::from_secs(3600), "expires");
    assert_near(message.next_visible, now + MINUTE, "next_visible");
    queue
        .delete(&message.id, &message.pop_receipt)
        .await
        .expect("Azurite does it");
    assert_eq!(queue.approximate_length().await, Ok(0));
}

#[tokio::test]
async fn a_message_is_hidden_while_somebody_has_it() {
    let azurite = Azurite::account();
    let queue = queue(&azurite).await;
    for text in ["1", "2", "3"] {
        queue.send(text, None, None).await.expect("Azurite does it");
    }
    let first = queue
        .receive(2, Duration::from_secs(1))
        .await
        .expect("Azurite does it");
    assert_eq!(first.len(), 2);
    let rest = queue.receive(32, MINUTE).await.expect("Azurite does it");
    assert_eq!(rest.len(), 1);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let mut again = queue.receive(32, MINUTE).await.expect("Azurite does it");
    again.sort_by(|a, b| a.text.cmp(&b.text));
    let texts: Vec<&str> = again.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["1", "2"]);
    assert!(
        again.iter().all(|message| message.dequeue_count == 2),
        "{again:?}"
    );

    // The receipts of the first time are void.
    let error = queue
        .delete(&first[0].id, &first[0].pop_receipt)
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::PreconditionFailed(_)), "{error:?}");
    assert!(error.to_string().contains("PopReceiptMismatch"), "{error}");
    let error = queue
        .update(&first[0].id, &first[0].pop_receipt, MINUTE, None)
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::PreconditionFailed(_)), "{error:?}");

    let message = &again[0];
    queue
        .delete(&message.id, &message.pop_receipt)
        .await
        .expect("Azurite does it");
    let error = queue
        .delete(&message.id, &message.pop_receipt)
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::NotFound(_)), "{error:?}");
    assert_eq!(error.code(), Some("MessageNotFound"));
    assert!(error.to_string().contains(&message.id), "{error}");
}

#[tokio::test]
async fn an_update_hides_a_message_for_longer_and_replaces_its_text() {
    let azurite = Azurite::account();
    let queue = queue(&azurite).await;
    queue.send("old", None, None).await.expect("Azurite does it");
    let message = queue
        .receive(1, Duration::from_secs(1))
        .await
        .expect("Azurite does it")
        .remove(0);
    let now = SystemTime::now();
    let updated = queue
        .update(&message.id, &message.pop_receipt, MINUTE, None)
        .await
        .expect("Azurite does it");
    assert_eq!(updated.id, message.id);
    assert_near(updated.next_visible, now + MINUTE, "next_visible");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(queue.receive(1, MINUTE).await, Ok(vec![]));

    // The first update kept the text; the second one replaces it, and makes the message visible.
    let updated = queue
        .update(&message.id, &updated.pop_receipt, Duration::ZERO, None)
        .await
        .expect("Azurite does it");
    let received = queue.receive(1, MINUTE).await.expect("Azurite does it").remove(0);
    assert_eq!((received.text.as_str(), received.dequeue_count), ("old", 2));
    assert_ne!(received.pop_receipt, updated.pop_receipt);
    queue
        .update(&received.id, &received.pop_receipt, Duration::ZERO, Some("<new>"))
        .await
        .expect("Azurite does it");
    let received = queue.receive(1, MINUTE).await.expect("Azurite does it").remove(0);
    assert_eq!((received.text.as_str(), received.dequeue_count), ("<new>", 3));
}

#[tokio::test]
async fn a_message_may_become_visible_later() {
    let azurite = Azurite::account();
    let queue = queue(&azurite).await;
    queue
        .send("later", Some(Duration::MAX), Some(Duration::from_secs(2)))
        .await
        .expect("Azurite does it");
    assert_eq!(queue.receive(1, MINUTE).await, Ok(vec![]));
    tokio::time::sleep(Duration::from_millis(3100)).await;
    let message = queue.receive(1, MINUTE).await.expect("Azurite does it").remove(0);
    assert_eq!(message.text, "later");
    let years = message
        .expires
        .duration_since(SystemTime::now())
        .expect("it is in the future")
        .as_secs()
        / (365 * 86400);
    assert!(
        years > 50,
        "a message that never expires, expires in {years} years"
    );
}

#[tokio::test]
async fn any_text_that_xml_can_carry_comes_back_as_it_was() {
    let azurite = Azurite::account();
    let queue = queue(&azurite).await;
    let texts = [
        "<&>\"'",
        "]]> <![CDATA[x]]> <!-- x --> <?x?> &lt; &#1; &amp;amp;",
        "  spaces around  ",
        "lines\nof\r\ntext\r\twith tabs\t",
        "\u{1F600} ä \u{FFFD} \u{10FFFF} \u{7F}",
        "{\"json\": [1, \"\\u0001\"]}",
        "aGVsbG8=",
    ];
    for text in texts {
        queue.send(text, None, None).await.expect("Azurite does it");
        let message = queue.receive(1, MINUTE).await.expect("Azurite does it").remove(0);
        assert_eq!(message.text, text);
        queue
            .delete(&message.id, &message.pop_receipt)
            .await
            .expect("Azurite does it");
    }
    let long = "ä<".repeat(8 * 1024);
    queue.send(&long, None, None).await.expect("Azurite does it");
    let message = queue.receive(1, MINUTE).await.expect("Azurite does it").remove(0);
    assert!(message.text == long);
}

#[tokio::test]
async fn what_xml_cannot_carry_is_refused_before_it_is_sent() {
    let azurite = Azurite::account();
    let queue = queue(&azurite).await;
    let error = queue
        .send("<&>\u{1}", None, None)
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::InvalidInput(_)), "{error:?}");
    assert!(
        error.to_string().contains("U+0001 (character 4 of the text)"),
        "{error}"
    );
    assert_eq!(queue.approximate_length().await, Ok(0));
}

#[tokio::test]
async fn arguments_out_of_their_range_are_refused() {
    let azurite = Azurite::account();
    let connection = connect(&azurite.connection_string());
    let queue = connection.queue("orders").expect("a valid name");
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    for (max, visibility) in [
        (0, MINUTE),
        (33, MINUTE),
        (1, Duration::ZERO),
        (1, week + Duration::from_millis(1)),
    ] {
        let error = queue
            .receive(max, visibility)
            .await
            .expect_err("it is not possible");
        assert!(matches!(error, StorageError::InvalidInput(_)), "{error:?}");
    }
    let error = connection.queue("Orders").expect_err("it is not possible");
    assert!(
        error
            .to_string()
            .starts_with("'Orders' is not a valid queue name"),
        "{error}"
    );
}
