//! Blobs that are streamed, block by block and chunk by chunk.

use bytes::Bytes;
use funcdock_storage::{Blob, Conditions, StorageError, Upload};
use funcdock_tests::Azurite;

use crate::storage::container;

const MIB: usize = 1024 * 1024;
/// What one chunk may have.
const CHUNK: usize = 4 * MIB;

/// A byte of the content that depends on its position, so that a block in the wrong place is seen.
fn byte(position: usize) -> u8 {
    (position / 4093 % 251) as u8
}

fn content(start: usize, length: usize) -> Bytes {
    (start..start + length).map(byte).collect::<Vec<_>>().into()
}

/// Uploads this many bytes in pieces of an odd length.
async fn upload(blob: &Blob, length: usize) {
    let mut upload = blob.upload_blocks(Upload::default()).expect("valid metadata");
    let mut position = 0;
    while position < length {
        let piece = (MIB + 12_345).min(length - position);
        upload
            .write(content(position, piece))
            .await
            .expect("Azurite does it");
        position += piece;
    }
    upload.commit().await.expect("Azurite does it");
}

#[tokio::test]
async fn a_hundred_megabytes_go_up_and_down_in_chunks() {
    let azurite = Azurite::account();
    let container = container(&azurite).await;
    let blob = container.blob("large").expect("a valid name");
    let length = 100 * MIB + 17;
    upload(&blob, length).await;
    let mut download = blob.open().await.expect("Azurite does it");
    assert_eq!(download.properties().length, length as u64);
    let (mut position, mut chunks) = (0, 0);
    while let Some(chunk) = download.next_chunk().await.expect("Azurite does it") {
        assert!(chunk.len() <= CHUNK, "a chunk of {} bytes", chunk.len());
        let expected = content(position, chunk.len());
        assert!(chunk == expected, "the chunk at {position} differs");
        position += chunk.len();
        chunks += 1;
    }
    assert_eq!(position, length);
    assert_eq!(chunks, 26);
}

#[tokio::test]
async fn a_long_write_and_a_part_of_a_blob_span_blocks() {
    let azurite = Azurite::account();
    let container = container(&azurite).await;
    let blob = container.blob("medium").expect("a valid name");
    let length = 2 * CHUNK + 5;
    let mut blocks = blob.upload_blocks(Upload::default()).expect("valid metadata");
    blocks.write(content(0, 3)).await.expect("Azurite does it");
    blocks
        .write(content(3, length - 3))
        .await
        .expect("Azurite does it");
    blocks.commit().await.expect("Azurite does it");
    assert!(blob.download().await.expect("Azurite does it") == content(0, length));
    let part = blob
        .download_range(100, CHUNK as u64 + 100)
        .await
        .expect("Azurite does it");
    assert!(part == content(100, CHUNK + 100));

    // The same at once, which the SDK splits.
    let all = content(7, 33 * MIB);
    blob.upload(all.clone(), &Upload::default())
        .await
        .expect("Azurite does it");
    assert!(blob.download().await.expect("Azurite does it") == all);
}

#[tokio::test]
async fn nothing_is_visible_before_the_commit() {
    let azurite = Azurite::account();
    let container = container(&azurite).await;
    let blob = container.blob("late").expect("a valid name");
    let mut first = blob.upload_blocks(Upload::default()).expect("valid metadata");
    first.write(content(0, CHUNK)).await.expect("Azurite does it");
    assert!(matches!(blob.properties().await, Err(StorageError::NotFound(_))));
    drop(first);

    // Uploads at the same time do not mix.
    let mut second = blob.upload_blocks(Upload::default()).expect("valid metadata");
    let mut third = blob.upload_blocks(Upload::default()).expect("valid metadata");
    second.write(content(1, CHUNK)).await.expect("Azurite does it");
    third.write(content(2, CHUNK)).await.expect("Azurite does it");
    second.commit().await.expect("Azurite does it");
    assert!(blob.download().await.expect("Azurite does it") == content(1, CHUNK));
}

#[tokio::test]
async fn a_blob_that_changes_in_the_middle_is_an_error() {
    let azurite = Azurite::account();
    let container = container(&azurite).await;
    let blob = container.blob("changing").expect("a valid name");
    upload(&blob, 2 * CHUNK).await;
    let mut download = blob.open().await.expect("Azurite does it");
    assert!(download.next_chunk().await.expect("Azurite does it").is_some());
    upload(&blob, 2 * CHUNK).await;
    let error = download.next_chunk().await.expect_err("it is not possible");
    assert!(matches!(error, StorageError::PreconditionFailed(_)), "{error:?}");
    assert_eq!(error.code(), Some("ConditionNotMet"));

    let mut download = blob.open().await.expect("Azurite does it");
    assert!(download.next_chunk().await.expect("Azurite does it").is_some());
    blob.delete(&Conditions::default())
        .await
        .expect("Azurite does it");
    let error = download.next_chunk().await.expect_err("it is not possible");
    // Azure reports that the blob is missing, and Azurite that the condition does not hold.
    assert!(
        matches!(
            error,
            StorageError::NotFound(_) | StorageError::PreconditionFailed(_)
        ),
        "{error:?}"
    );
}
