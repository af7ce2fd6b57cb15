//! A body that one side writes while the other reads it: what a function makes while the server sends it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::{BodyError, BodyStream};

/// The number of bytes that may wait for the reader; a writer that has written more waits.
const ROOM: usize = 64 << 10;

/// Writes a body. The stream ends with an error if the writer is dropped before [`end`](Self::end).
pub struct BodyWriter(Arc<Shared>);

/// The reader is gone, so that nobody gets what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderGone;

struct Shared {
    state: Mutex<State>,
    /// Signals a writer that waits on its thread.
    progress: Condvar,
    /// Called when a writer that found no room should look again: there is room, or the reader is gone.
    on_progress: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct State {
    parts: VecDeque<Bytes>,
    /// The number of bytes in `parts`.
    waiting: usize,
    /// How it ended, for the writer.
    end: Option<Result<(), BodyError>>,
    /// The number of bytes of the whole body, if it is known.
    length: Option<u64>,
    reader: Option<Waker>,
    reader_gone: bool,
    /// The writer found no room.
    wants_room: bool,
}

/// Makes a body. `length` is the number of its bytes, if it is known. `on_progress` is called on the reader's thread,
/// after a [`write`](BodyWriter::write) that found no room, when there is room or the reader is gone; it must not block.
pub fn body_writer(
    length: Option<u64>,
    on_progress: impl Fn() + Send + Sync + 'static,
) -> (BodyWriter, BodyStream) {
    let state = State {
        length,
        ..State::default()
    };
    let shared = Arc::new(Shared {
        state: Mutex::new(state),
        progress: Condvar::new(),
        on_progress: Box::new(on_progress),
    });
    (BodyWriter(Arc::clone(&shared)), BodyStream::new(Reader(shared)))
}

impl BodyWriter {
    /// Adds bytes, whether there is room or not; returns whether there is room for more. From any thread.
    ///
    /// # Errors
    /// The reader is gone.
    pub fn write(&self, bytes: Bytes) -> Result<bool, ReaderGone> {
        let mut state = self.0.lock();
        if state.reader_gone {
            return Err(ReaderGone);
        }
        let mut reader = None;
        // An empty frame says nothing.
        if !bytes.is_empty() {
            state.waiting += bytes.len();
            state.parts.push_back(bytes);
            reader = state.reader.take();
        }
        let has_room = state.waiting < ROOM;
        // Another writer may still want room.
        state.wants_room |= !has_room;
        drop(state);
        wake(reader);
        Ok(has_room)
    }

    /// Whether there is room.
    ///
    /// # Errors
    /// The reader is gone.
    pub fn has_room(&self) -> Result<bool, ReaderGone> {
        let state = self.0.lock();
        match state.reader_gone {
            true => Err(ReaderGone),
            false => Ok(state.waiting < ROOM),
        }
    }

    /// Blocks until there is room.
    ///
    /// # Errors
    /// The reader is gone.
    pub fn wait_for_room(&self) -> Result<(), ReaderGone> {
        let mut state = self.0.lock();
        while state.waiting >= ROOM && !state.reader_gone {
            state.wants_room = true;
            let waited = self.0.progress.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        match state.reader_gone {
            true => Err(ReaderGone),
            false => Ok(()),
        }
    }

    /// Ends the body: it is complete.
    pub fn end(&self) {
        self.end_with(Ok(()));
    }

    /// Ends the body early, with this error for the reader.
    pub fn fail(&self, error: BodyError) {
        self.end_with(Err(error));
    }

    fn end_with(&self, end: Result<(), BodyError>) {
        let mut state = self.0.lock();
        if state.end.is_none() {
            state.end = Some(end);
        }
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        self.fail("the writer of the body has ended before the body".into());
    }
}

/// Wakes the reader, if it waits. Not under the lock: it may run on this thread.
fn wake(reader: Option<Waker>) {
    if let Some(reader) = reader {
        reader.wake();
    }
}

impl Shared {
    /// Locks the state. No code that holds the lock can panic half-way.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a writer that wants room look again.
    fn wake_writer(&self, mut state: MutexGuard<'_, State>) {
        let wants_room = std::mem::take(&mut state.wants_room);
        drop(state);
        if wants_room {
            self.progress.notify_one();
            (self.on_progress)();
        }
    }
}

/// The frames of the body.
struct Reader(Arc<Shared>);

impl http_body::Body for Reader {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut state = self.0.lock();
        if let Some(part) = state.parts.pop_front() {
            state.waiting -= part.len();
            // With hysteresis, so that the writer does not wake for each part.
            if state.waiting <= ROOM / 2 {
                self.0.wake_writer(state);
            }
            return Poll::Ready(Some(Ok(Frame::data(part))));
        }
        match &mut state.end {
            Some(Ok(())) => Poll::Ready(None),
            Some(failed) => {
                let failed = std::mem::replace(failed, Ok(()));
                Poll::Ready(failed.err().map(Err))
            }
            None => {
                state.reader = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.lock();
        state.parts.is_empty() && matches!(state.end, Some(Ok(())))
    }

    fn size_hint(&self) -> SizeHint {
        let state = self.0.lock();
        state.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.reader_gone = true;
        let parts = std::mem::take(&mut state.parts);
        state.waiting = 0;
        // A writer that does not want room wakes as well: it may wait for this.
        state.wants_room |= state.end.is_none();
        self.0.wake_writer(state);
        // Not under the lock: bytes may have an owner that runs code.
        drop(parts);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn written() -> (BodyWriter, BodyStream, Arc<AtomicU32>) {
        let woken = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&woken);
        let (writer, stream) = body_writer(None, move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        (writer, stream, woken)
    }

    fn next(frames: &mut super::super::Frames) -> Poll<Option<Result<Bytes, String>>> {
        let polled = frames
            .as_mut()
            .poll_frame(&mut Context::from_waker(Waker::noop()));
        polled.map(|frame| {
            frame.map(|frame| {
                let frame = frame.map_err(|error| error.to_string())?;
                frame.into_data().map_err(|_| "not data".to_owned())
            })
        })
    }

    #[test]
    fn parts_arrive_in_order_until_the_end() {
        let (writer, stream, woken) = written();
        let mut frames = stream.take().expect("its only reader");
        assert_eq!(next(&mut frames), Poll::Pending);
        for part in ["a", "", "b"] {
            assert_eq!(writer.write(part.into()), Ok(true));
        }
        writer.end();
        drop(writer);
        assert_eq!(next(&mut frames), Poll::Ready(Some(Ok("a".into()))));
        assert_eq!(next(&mut frames), Poll::Ready(Some(Ok("b".into()))));
        assert_eq!(next(&mut frames), Poll::Ready(None));
        assert_eq!(woken.load(Ordering::Relaxed), 0, "there was always room");
    }

    #[test]
    fn a_body_that_fails_ends_with_the_error_after_what_was_written() {
        let (writer, stream, _) = written();
        let mut frames = stream.take().expect("its only reader");
        writer.write("a".into()).expect("there is a reader");
        drop(writer);
        assert_eq!(next(&mut frames), Poll::Ready(Some(Ok("a".into()))));
        let error = "the writer of the body has ended before the body".to_owned();
        assert_eq!(next(&mut frames), Poll::Ready(Some(Err(error))));
        assert_eq!(next(&mut frames), Poll::Ready(None));
    }

    #[test]
    fn a_writer_without_room_wakes_when_there_is_some() {
        let (writer, stream, woken) = written();
        let mut frames = stream.take().expect("its only reader");
        let part = Bytes::from(vec![0; ROOM / 2]);
        assert_eq!(writer.write(part.clone()), Ok(true));
        assert_eq!(writer.write(part.clone()), Ok(false));
        assert_eq!(writer.has_room(), Ok(false));
        assert!(next(&mut frames).is_ready());
        assert_eq!((woken.load(Ordering::Relaxed), writer.has_room()), (1, Ok(true)));
        assert!(next(&mut frames).is_ready());
        assert_eq!(woken.load(Ordering::Relaxed), 1, "it woke already");
    }

    #[test]
    fn a_writer_that_waits_on_its_thread_goes_on() {
        let (writer, stream, _) = written();
        let mut frames = stream.take().expect("its only reader");
        writer.write(vec![0; ROOM].into()).expect("there is a reader");
        let waiting = std::thread::spawn(move || (writer.wait_for_room(), writer));
        assert!(next(&mut frames).is_ready());
        let (waited, writer) = waiting.join().expect("no panic");
        assert_eq!(waited, Ok(()));
        writer.write(vec![0; ROOM].into()).expect("there is a reader");
        let waiting = std::thread::spawn(move || writer.wait_for_room());
        drop(frames);
        assert_eq!(waiting.join().expect("no panic"), Err(ReaderGone));
    }

    #[test]
    fn a_writer_learns_that_the_reader_is_gone() {
        let (writer, stream, woken) = written();
        drop(stream);
        assert_eq!(woken.load(Ordering::Relaxed), 1);
        assert_eq!(writer.write("a".into()), Err(ReaderGone));
    }
}
