//! A service that denies access, is not there, or comes back.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use funcdock_storage::{Limits, StorageError};
use funcdock_tests::Azurite;

use crate::{connect, connect_with, queue};

const WRONG_KEY: &str = "c2VjcmV0IHdyb25nIGtleSBvZiB0aGUgdGVzdHM=";

#[tokio::test]
async fn a_wrong_key_is_reported_and_not_shown() {
    let azurite = Azurite::start();
    let connection = connect(&azurite.connection_string_with_key(WRONG_KEY));
    let queue = connection.queue("orders").expect("a valid name");
    let container = connection.container("reports").expect("a valid name");
    let errors = [
        queue.create_if_missing().await.expect_err("it is not possible"),
        queue
            .receive(1, Duration::from_secs(1))
            .await
            .expect_err("it is not possible"),
        container
            .create_if_missing()
            .await
            .expect_err("it is not possible"),
        container
            .list("", None, None)
            .await
            .expect_err("it is not possible"),
        container
            .blob("a")
            .expect("a valid name")
            .properties()
            .await
            .expect_err("it is not possible"),
        container
            .blob("a")
            .expect("a valid name")
            .download()
            .await
            .expect_err("it is not possible"),
    ];
    for error in errors {
        assert!(matches!(error, StorageError::Unauthorized(_)), "{error:?}");
        let text = format!("{error} {error:?} {connection:?} {queue:?}");
        // The blob service and the queue service of Azurite name it differently.
        assert!(
            ["AuthorizationFailure", "AuthenticationFailed"].contains(&error.code().unwrap_or_default()),
            "{text}"
        );
        assert!(
            text.contains("check that AccountName and AccountKey belong together"),
            "{text}"
        );
        assert!(!text.contains(WRONG_KEY) && !text.contains("SharedKey"), "{text}");
    }
}

#[tokio::test]
async fn a_missing_queue_is_named() {
    let azurite = Azurite::start();
    let connection = connect(&azurite.connection_string());
    assert!(connection.is_emulator());
    let address = format!("127.0.0.1:{}", azurite.queue_port());
    assert_eq!(
        connection.description(),
        format!("the storage emulator at {address}")
    );
    let error = connection
        .queue("nothing")
        .expect("a valid name")
        .receive(1, Duration::from_secs(1))
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::NotFound(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        format!("queue 'nothing' of the storage emulator at {address} does not exist (QueueNotFound)")
    );
}

#[tokio::test]
async fn a_service_that_is_gone_is_reported_soon_and_found_again() {
    let mut azurite = Azurite::start();
    let queue = queue(&azurite).await;
    queue.send("kept", None, None).await.expect("Azurite does it");
    azurite.stop();
    let start = Instant::now();
    let error = queue
        .receive(1, Duration::from_secs(1))
        .await
        .expect_err("it is not possible");
    let took = start.elapsed();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let address = format!("127.0.0.1:{}", azurite.queue_port());
    assert!(error.to_string().contains(&address), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");

    azurite.start_again();
    let message = queue
        .receive(1, Duration::from_secs(60))
        .await
        .expect("Azurite does it")
        .remove(0);
    assert_eq!(message.text, "kept");
    azurite.kill();
    let error = queue.approximate_length().await.expect_err("it is not possible");
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    azurite.start_again();
    // What survives a kill is Azurite's matter; that it answers is what counts.
    queue.create_if_missing().await.expect("Azurite does it");
}

#[tokio::test]
async fn a_service_that_is_silent_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let limits = Limits {
        retries: 1,
        retry_delay: Duration::from_millis(10),
        try_timeout: Duration::from_millis(200),
        ..Limits::default()
    };
    let account = "AccountName=silent00;AccountKey=c2VjcmV0";
    let connection = connect_with(&format!("{account};QueueEndpoint=http://{address}"), limits);
    let start = Instant::now();
    let error = connection
        .queue("orders")
        .expect("a valid name")
        .send("x", None, None)
        .await
        .expect_err("it is not possible");
    let took = start.elapsed();
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("timed out after 200ms"), "{error}");
    assert!(
        took >= Duration::from_millis(400) && took < Duration::from_secs(5),
        "{took:?}"
    );
    drop(listener);
}
