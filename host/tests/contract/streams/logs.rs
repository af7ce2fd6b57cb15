//! The log records of streams that are not complete.

use std::io::Write;

use tracing::level_filters::LevelFilter;

use super::*;

/// What is logged on this thread.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines since the last time that it was asked.
    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        String::from_utf8(bytes).expect("text")
    }
}

#[tokio::test]
async fn a_stream_that_is_not_complete_is_logged_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_max_level(LevelFilter::DEBUG)
        .with_ansi(false)
        .finish();
    let _default = tracing::subscriber::set_default(subscriber);
    let world = World::new("logs", &[], None);
    let streams = async || {
        let sender = world.streams(200);
        let mut frames = world.frames().await;
        sender.send(data("one")).expect("it is read");
        next(&mut frames).await;
        log.take();
        (sender, frames)
    };

    let (sender, mut frames) = streams().await;
    sender.send(Err(error())).expect("it is read");
    next(&mut frames).await;
    drop(frames);
    let logged = log.take();
    let expected = "the function raised ValueError: no after 3 bytes of a streamed response";
    assert!(
        logged.contains("ERROR funcdock::pipeline") && logged.contains(expected),
        "{logged}"
    );
    assert!(logged.contains("Traceback"), "{logged}");
    assert_eq!(logged.lines().count(), 1, "{logged}");

    let (_sender, frames) = streams().await;
    drop(frames);
    let logged = log.take();
    let expected = "the client left after 3 bytes of a streamed response";
    assert!(
        logged.contains("DEBUG funcdock::pipeline") && logged.contains(expected),
        "{logged}"
    );

    let (sender, mut frames) = streams().await;
    drop(sender);
    next(&mut frames).await;
    assert_eq!(log.take(), "", "a complete stream is not worth a record");

    let (_sender, mut frames) = streams().await;
    world.pipeline.cancel();
    next(&mut frames).await;
    let logged = log.take();
    let expected = "given up: the worker stops after 3 bytes of a streamed response";
    assert!(
        logged.contains("WARN funcdock::pipeline") && logged.contains(expected),
        "{logged}"
    );
}
