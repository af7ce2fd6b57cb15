//! A service that denies access, is not there, or comes back.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use bytes::Bytes;
use funcdock_storage::{Limits, StorageError, Upload};
use funcdock_tests::Azurite;

use crate::storage::{connect, connect_with, queue};

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

/// An account's signature for everything until the year 2099: what Python's `hmac` makes of the emulator's public key and
/// the text `devstoreaccount1\nrwdlacup\nbq\nsco\n\n2099-01-01T00:00:00Z\n\n\n2023-11-03\n\n`.
const SIGNATURE: &str = "sv=2023-11-03&ss=bq&srt=sco&sp=rwdlacup&se=2099-01-01T00%3A00%3A00Z&sig=lrRs45FAK%2BkhgN1jZOjIfNGTrhKPKoOhcnj6kj1%2BBCo%3D";

#[tokio::test]
async fn a_shared_access_signature_authorizes_and_a_wrong_one_does_not() {
    let azurite = Azurite::start();
    let with = |signature: &str| {
        connect(&format!(
            "BlobEndpoint=http://127.0.0.1:{}/devstoreaccount1/;QueueEndpoint=http://127.0.0.1:{}/devstoreaccount1;SharedAccessSignature={signature}",
            azurite.blob_port(),
            azurite.queue_port()
        ))
    };
    let connection = with(SIGNATURE);
    let queue = connection.queue("orders").expect("a valid name");
    queue.create_if_missing().await.expect("Azurite does it");
    queue.send("a+b c", None, None).await.expect("Azurite does it");
    let messages = queue
        .receive(1, Duration::from_secs(60))
        .await
        .expect("Azurite does it");
    assert_eq!(messages[0].text, "a+b c");
    queue
        .delete(&messages[0].id, &messages[0].pop_receipt)
        .await
        .expect("Azurite does it");
    let container = connection.container("reports").expect("a valid name");
    container.create_if_missing().await.expect("Azurite does it");
    let blob = container.blob("a/b c").expect("a valid name");
    let content = Bytes::from_static(b"content");
    blob.upload(content, &Upload::default())
        .await
        .expect("Azurite does it");
    assert_eq!(blob.download().await.expect("Azurite does it"), "content");
    assert_eq!(
        container
            .list("a/", None, None)
            .await
            .expect("Azurite does it")
            .items
            .len(),
        1
    );

    let connection = with(&SIGNATURE.replace("lrRs45", "AAAAAA"));
    let queue = connection.queue("orders").expect("a valid name");
    let error = queue
        .send("x", None, None)
        .await
        .expect_err("the signature is wrong");
    assert!(matches!(error, StorageError::Unauthorized(_)), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("check that the shared access signature has not expired"),
        "{error}"
    );
    assert!(
        !format!("{error} {error:?} {connection:?} {queue:?}").contains("AAAAAA"),
        "{error:?}"
    );
}
