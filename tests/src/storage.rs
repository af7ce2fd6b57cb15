//! The content of a storage account, for tests that are not asynchronous.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use funcdock_storage::{Connection, StorageError, Upload};
use tokio::runtime::{Builder, Runtime};

use crate::{Azurite, wait_for};

/// The account of an emulator.
pub struct Storage {
    runtime: Runtime,
    connection: Connection,
}

impl Storage {
    /// Returns the account of this emulator.
    pub fn of(azurite: &Azurite) -> Self {
        let string = azurite.connection_string();
        let connection =
            Connection::from_settings("", |name| (name == "AzureWebJobsStorage").then(|| string.clone()));
        Storage {
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            connection: connection.expect("a valid connection string"),
        }
    }

    /// Writes a blob, with its container if it is missing. Returns its etag.
    pub fn put_blob(&self, container: &str, name: &str, content: &[u8]) -> String {
        self.put_blob_as(container, name, content, "application/octet-stream", &[])
    }

    /// Writes a blob with this content type and metadata. Returns its etag.
    pub fn put_blob_as(
        &self,
        container: &str,
        name: &str,
        content: &[u8],
        kind: &str,
        metadata: &[(&str, &str)],
    ) -> String {
        let metadata = metadata
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let how = Upload {
            content_type: Some(kind.to_owned()),
            metadata: HashMap::from_iter(metadata),
            ..Upload::default()
        };
        let written = self.runtime.block_on(async {
            let container = self.connection.container(container)?;
            container.create_if_missing().await?;
            container.blob(name)?.upload(content.to_vec().into(), &how).await
        });
        written.expect("written")
    }

    /// Returns the content of a blob; `None` if it does not exist.
    pub fn blob(&self, container: &str, name: &str) -> Option<Vec<u8>> {
        let read = self.runtime.block_on(async {
            let container = self.connection.container(container)?;
            container.blob(name)?.download().await
        });
        match read {
            Err(StorageError::NotFound(_)) => None,
            read => Some(read.expect("read").into()),
        }
    }

    /// Returns the names of the blobs in a container that begin with `prefix`, sorted. Without the container, none.
    pub fn blobs(&self, container: &str, prefix: &str) -> Vec<String> {
        let listed = self.runtime.block_on(async {
            let container = self.connection.container(container)?;
            let mut names = Vec::new();
            let mut next = None;
            loop {
                let page = container.list(prefix, next.as_deref(), None).await?;
                names.extend(page.items.into_iter().map(|item| item.name));
                next = page.next;
                if next.is_none() {
                    return Ok(names);
                }
            }
        });
        match listed {
            Err(StorageError::NotFound(_)) => Vec::new(),
            listed => listed.expect("listed"),
        }
    }

    /// Puts a message in base64 into a queue, which is made if it is missing.
    pub fn send(&self, queue: &str, message: &[u8]) {
        self.send_text(queue, &STANDARD.encode(message));
    }

    /// Puts a message into a queue as it is.
    pub fn send_text(&self, queue: &str, text: &str) {
        let sent = self.runtime.block_on(async {
            let queue = self.connection.queue(queue)?;
            queue.create_if_missing().await?;
            queue.send(text, None, None).await
        });
        sent.expect("sent");
    }

    /// Takes at least `count` messages out of a queue, waiting for them; returns their bytes in the order of the queue.
    pub fn take(&self, queue: &str, count: usize) -> Vec<Vec<u8>> {
        let mut taken = Vec::new();
        let enough = wait_for(|| {
            taken.extend(self.take_now(queue));
            (taken.len() >= count).then_some(())
        });
        assert!(enough.is_some(), "{count} messages in {queue:?}, found {taken:?}");
        taken
            .into_iter()
            .map(|text| STANDARD.decode(text).expect("base64"))
            .collect()
    }

    /// Takes up to 32 messages out of a queue, as they are. Without the queue, none.
    pub fn take_now(&self, queue: &str) -> Vec<String> {
        let taken = self.runtime.block_on(async {
            let queue = self.connection.queue(queue)?;
            let messages = queue.receive(32, Duration::from_secs(60)).await?;
            for message in &messages {
                queue.delete(&message.id, &message.pop_receipt).await?;
            }
            Ok(messages.into_iter().map(|message| message.text).collect())
        });
        match taken {
            Err(StorageError::NotFound(_)) => Vec::new(),
            taken => taken.expect("taken"),
        }
    }

    /// Returns the number of messages in a queue, those in work among them. Without the queue, 0.
    pub fn length(&self, queue: &str) -> u64 {
        let length = self.runtime.block_on(async {
            let queue = self.connection.queue(queue)?;
            queue.approximate_length().await
        });
        match length {
            Err(StorageError::NotFound(_)) => 0,
            length => length.expect("counted"),
        }
    }
}
