//! Leases of blobs.

use std::time::Duration;

use bytes::Bytes;
use funcdock_storage::{Conditions, StorageError, Upload};
use funcdock_tests::Azurite;

use crate::storage::container;

const FIRST: &str = "11111111-1111-4111-8111-111111111111";
const SECOND: &str = "22222222-2222-4222-8222-222222222222";

#[tokio::test]
async fn one_client_at_a_time_has_the_lease() {
    let azurite = Azurite::account();
    let container = container(&azurite).await;
    let blob = container.blob("lock").expect("a valid name");
    let short = Some(Duration::from_secs(15));
    let error = blob
        .acquire_lease(short, None)
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::NotFound(_)), "{error:?}");
    blob.upload(Bytes::new(), &Upload::default())
        .await
        .expect("Azurite does it");

    assert_eq!(
        blob.acquire_lease(short, Some(FIRST))
            .await
            .expect("Azurite does it"),
        FIRST
    );
    // As a request that is repeated does.
    assert_eq!(
        blob.acquire_lease(short, Some(FIRST))
            .await
            .expect("Azurite does it"),
        FIRST
    );
    let error = blob
        .acquire_lease(short, Some(SECOND))
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::Conflict(_)), "{error:?}");
    assert_eq!(error.code(), Some("LeaseAlreadyPresent"));

    // Without the lease, nothing can be changed.
    let error = blob
        .upload(Bytes::from_static(b"x"), &Upload::default())
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::PreconditionFailed(_)), "{error:?}");
    let with_lease = Conditions {
        lease: Some(FIRST.to_owned()),
        ..Conditions::default()
    };
    let how = Upload {
        conditions: with_lease.clone(),
        ..Upload::default()
    };
    blob.upload(Bytes::from_static(b"y"), &how)
        .await
        .expect("Azurite does it");
    let mut blocks = blob.upload_blocks(how).expect("valid metadata");
    blocks
        .write(Bytes::from_static(b"z"))
        .await
        .expect("Azurite does it");
    blocks.commit().await.expect("Azurite does it");
    blob.renew_lease(FIRST).await.expect("Azurite does it");
    for error in [
        blob.renew_lease(SECOND).await.expect_err("it is not possible"),
        blob.release_lease(SECOND).await.expect_err("it is not possible"),
    ] {
        assert!(matches!(error, StorageError::PreconditionFailed(_)), "{error:?}");
    }

    blob.release_lease(FIRST).await.expect("Azurite does it");
    let second = blob.acquire_lease(None, None).await.expect("Azurite does it");
    let error = blob.renew_lease(FIRST).await.expect_err("it is not possible");
    assert!(matches!(error, StorageError::PreconditionFailed(_)), "{error:?}");
    blob.release_lease(&second).await.expect("Azurite does it");
    blob.delete(&Conditions::default())
        .await
        .expect("Azurite does it");
}
