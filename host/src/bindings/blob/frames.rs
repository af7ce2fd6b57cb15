//! The bytes of a blob as a stream that a function reads.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use funcdock_storage::{Download, StorageError};
use http_body::{Body, Frame};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::model::{BodyError, Frames};

/// The chunks of a download. The one that came with the download is there; the others are fetched from when the first is
/// read, by a task of the worker's runtime: the reader may be any thread.
pub(super) struct BlobFrames {
    state: State,
    /// The number of bytes that are still to come.
    left: u64,
    runtime: Handle,
}

enum State {
    NotBegun(Option<Box<Download>>),
    Reading(mpsc::Receiver<Result<Bytes, StorageError>>),
}

impl BlobFrames {
    /// Returns the frames of this download. Called within the worker's runtime.
    pub(super) fn new(download: Download) -> Self {
        BlobFrames {
            left: download.properties().length,
            state: State::NotBegun(Some(Box::new(download))),
            runtime: Handle::current(),
        }
    }
}

impl Body for BlobFrames {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            match &mut self.state {
                State::NotBegun(download) => {
                    let Some(download) = download.take() else {
                        return Poll::Ready(None);
                    };
                    // One chunk is fetched while another is read.
                    let (sender, receiver) = mpsc::channel(1);
                    self.runtime.spawn(fetch(*download, sender));
                    self.state = State::Reading(receiver);
                }
                State::Reading(receiver) => {
                    let chunk = ready!(receiver.poll_recv(context));
                    return Poll::Ready(match chunk {
                        Some(Ok(bytes)) => {
                            self.left = self.left.saturating_sub(bytes.len() as u64);
                            Some(Ok(Frame::data(bytes)))
                        }
                        Some(Err(error)) => Some(Err(error.into())),
                        // The task was ended with the worker: a part must not look like the whole.
                        None if self.left > 0 => Some(Err("the worker ends".into())),
                        None => None,
                    });
                }
            }
        }
    }
}

/// Sends the chunks, until the reader has gone.
async fn fetch(mut download: Download, chunks: mpsc::Sender<Result<Bytes, StorageError>>) {
    loop {
        let chunk = download.next_chunk().await.transpose();
        let Some(chunk) = chunk else { return };
        let is_last = chunk.is_err();
        if chunks.send(chunk).await.is_err() || is_last {
            return;
        }
    }
}

/// Returns the next data of a stream; none at its end.
pub(super) async fn next(frames: &mut Frames) -> Option<Result<Bytes, BodyError>> {
    loop {
        let frame = poll_fn(|context| frames.as_mut().poll_frame(context)).await?;
        match frame {
            Ok(frame) => match frame.into_data() {
                Ok(data) => return Some(Ok(data)),
                // Trailers have no place here.
                Err(_) => continue,
            },
            Err(error) => return Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads frames of which `sent` bytes come, and `left` were announced.
    async fn read(sent: &'static [u8], announced: u64) -> Vec<Result<Bytes, String>> {
        let (sender, receiver) = mpsc::channel(1);
        sender
            .send(Ok(Bytes::from_static(sent)))
            .await
            .expect("there is room");
        // As when the task ends that fetches the rest.
        drop(sender);
        let mut frames: Frames = Box::pin(BlobFrames {
            state: State::Reading(receiver),
            left: announced,
            runtime: Handle::current(),
        });
        let mut read = Vec::new();
        while let Some(data) = next(&mut frames).await {
            let failed = data.is_err();
            read.push(data.map_err(|error| error.to_string()));
            if failed {
                break;
            }
        }
        read
    }

    #[tokio::test]
    async fn a_part_of_a_blob_does_not_look_like_all_of_it() {
        let part = || Ok(Bytes::from_static(b"part"));
        assert_eq!(read(b"part", 4).await, [part()]);
        assert_eq!(
            read(b"part", 5).await,
            [part(), Err("the worker ends".to_owned())]
        );
    }
}
