//! Blobs that fit into memory: contents, metadata, conditions, listings.

use std::collections::HashMap;
use std::time::SystemTime;

use bytes::Bytes;
use funcdock_storage::{Conditions, StorageError, Upload};
use funcdock_tests::Azurite;

use crate::storage::container;

#[tokio::test]
async fn a_blob_comes_back_as_it_was_with_its_properties() {
    let azurite = Azurite::account();
    let container = container(&azurite).await;
    assert!(!container.create_if_missing().await.expect("Azurite does it"));
    let blob = container.blob("2024/ä report #1?.txt").expect("a valid name");
    let how = Upload {
        content_type: Some("text/plain; charset=utf-8".to_owned()),
        metadata: HashMap::from([
            ("author".to_owned(), "Ada Lovelace".to_owned()),
            ("a_b".to_owned(), "1".to_owned()),
            ("a1".to_owned(), "2".to_owned()),
        ]),
        conditions: Conditions::default(),
    };
    let etag = blob
        .upload(Bytes::from_static(b"0123456789"), &how)
        .await
        .expect("Azurite does it");
    assert_eq!(blob.download().await.expect("Azurite does it"), "0123456789");
    assert_eq!(blob.download_range(3, 4).await.expect("Azurite does it"), "3456");
    assert_eq!(blob.download_range(8, 100).await.expect("Azurite does it"), "89");
    assert_eq!(blob.download_range(3, 0).await.expect("Azurite does it"), "");
    assert_eq!(blob.download_range(10, 1).await.expect("Azurite does it"), "");

    let properties = blob.properties().await.expect("Azurite does it");
    assert_eq!(properties.etag, etag);
    assert_eq!(properties.length, 10);
    assert_eq!(
        properties.content_type.as_deref(),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(properties.metadata, how.metadata);
    let age = SystemTime::now()
        .duration_since(properties.last_modified)
        .unwrap_or_default();
    assert!(age.as_secs() < 30, "{age:?}");
    assert_eq!(
        blob.open().await.expect("Azurite does it").properties().length,
        10
    );

    let metadata = HashMap::from([("state".to_owned(), "done".to_owned())]);
    blob.set_metadata(&metadata, &Conditions::default())
        .await
        .expect("Azurite does it");
    let changed = blob.properties().await.expect("Azurite does it");
    assert_eq!(changed.metadata, metadata);
    assert_ne!(changed.etag, etag);

    blob.delete(&Conditions::default())
        .await
        .expect("Azurite does it");
    let error = blob.download().await.expect_err("it is not possible");
    assert!(matches!(error, StorageError::NotFound(_)), "{error:?}");
    assert_eq!(error.code(), Some("BlobNotFound"));
    let error = blob.properties().await.expect_err("it is not possible");
    assert!(matches!(error, StorageError::NotFound(_)), "{error:?}");
    let error = blob
        .delete(&Conditions::default())
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::NotFound(_)), "{error:?}");
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    let azurite = Azurite::account();
    let container = container(&azurite).await;
    let blob = container.blob("empty").expect("a valid name");
    blob.upload(Bytes::new(), &Upload::default())
        .await
        .expect("Azurite does it");
    assert_eq!(blob.download().await.expect("Azurite does it"), "");
    let mut download = blob.open().await.expect("Azurite does it");
    assert_eq!(download.properties().length, 0);
    assert_eq!(download.next_chunk().await, Ok(None));

    let upload = blob.upload_blocks(Upload::default()).expect("valid metadata");
    upload.commit().await.expect("Azurite does it");
    assert_eq!(blob.properties().await.expect("Azurite does it").length, 0);
}

#[tokio::test]
async fn conditions_decide_about_writing() {
    let azurite = Azurite::account();
    let container = container(&azurite).await;
    let blob = container.blob("state.json").expect("a valid name");
    let only_new = Upload {
        conditions: Conditions {
            if_missing: true,
            ..Conditions::default()
        },
        ..Upload::default()
    };
    let etag = blob
        .upload(Bytes::from_static(b"1"), &only_new)
        .await
        .expect("Azurite does it");
    let error = blob
        .upload(Bytes::from_static(b"2"), &only_new)
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::Conflict(_)), "{error:?}");
    assert_eq!(error.code(), Some("BlobAlreadyExists"));
    let mut blocks = blob.upload_blocks(only_new).expect("valid metadata");
    blocks
        .write(Bytes::from_static(b"3"))
        .await
        .expect("Azurite does it");
    let error = blocks.commit().await.expect_err("it is not possible");
    assert!(matches!(error, StorageError::Conflict(_)), "{error:?}");

    let only_that = |etag: &str| Conditions {
        if_match: Some(etag.to_owned()),
        ..Conditions::default()
    };
    let how = Upload {
        conditions: only_that(&etag),
        ..Upload::default()
    };
    blob.upload(Bytes::from_static(b"4"), &how)
        .await
        .expect("Azurite does it");
    let error = blob
        .upload(Bytes::from_static(b"5"), &how)
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::PreconditionFailed(_)), "{error:?}");
    let error = blob
        .delete(&only_that(&etag))
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::PreconditionFailed(_)), "{error:?}");
    let error = blob
        .set_metadata(&HashMap::new(), &only_that(&etag))
        .await
        .expect_err("it is not possible");
    assert!(matches!(error, StorageError::PreconditionFailed(_)), "{error:?}");
    assert_eq!(blob.download().await.expect("Azurite does it"), "4");
}

#[tokio::test]
async fn a_listing_comes_in_pages() {
    let azurite = Azurite::account();
    let container = container(&azurite).await;
    let names = [
        "in/a b.txt",
        "in/b&<c>.txt",
        "in/c+d%20.txt",
        "in/ä.txt",
        "in/z/1",
        "out/1",
    ];
    let mut etags = HashMap::new();
    for (size, name) in names.iter().enumerate() {
        let blob = container.blob(name).expect("a valid name");
        let content = Bytes::from(vec![0; size]);
        etags.insert(
            *name,
            blob.upload(content, &Upload::default())
                .await
                .expect("Azurite does it"),
        );
    }
    let mut found = Vec::new();
    let mut next = None;
    let mut pages = 0;
    loop {
        let page = container
            .list("in/", next.as_deref(), Some(2))
            .await
            .expect("Azurite does it");
        assert!(page.items.len() <= 2);
        pages += 1;
        found.extend(page.items);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(pages, 3);
    let mut listed: Vec<&str> = found.iter().map(|item| item.name.as_str()).collect();
    listed.sort_unstable();
    let mut expected = names[..5].to_vec();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    for item in &found {
        let size = names
            .iter()
            .position(|name| *name == item.name)
            .expect("one of those that were uploaded");
        assert_eq!(item.size, size as u64, "{item:?}");
        assert_eq!(item.etag, etags[item.name.as_str()], "{item:?}");
        // The name in the listing leads to the blob.
        let blob = container.blob(&item.name).expect("a valid name");
        assert_eq!(
            blob.properties().await.expect("Azurite does it").last_modified,
            item.last_modified
        );
    }
    assert_eq!(
        container
            .list("", None, None)
            .await
            .expect("Azurite does it")
            .items
            .len(),
        6
    );
    assert_eq!(
        container
            .list("none/", None, None)
            .await
            .expect("Azurite does it")
            .items,
        []
    );
    assert!(container.list("", None, Some(0)).await.is_err());
}
