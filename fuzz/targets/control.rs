//! Frames and messages of the control channel, in both directions.

#![no_main]

use std::io::Write;
use std::os::unix::net::UnixStream;

use funcdock::control::{supervisor_end, worker_end};
use libfuzzer_sys::fuzz_target;
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_io().build().expect("a runtime");
}

/// Returns a socket from which these bytes can be read, then the end.
fn with(bytes: &[u8]) -> UnixStream {
    let (ours, mut theirs) = UnixStream::pair().expect("a socket pair");
    theirs.set_nonblocking(true).expect("set");
    // What does not fit into the socket is cut.
    let _ = theirs.write_all(bytes);
    ours
}

fuzz_target!(|input: (bool, &[u8])| {
    let (has_frames, bytes) = input;
    // Without a length of its own the input is one message.
    let frame = match has_frames {
        true => bytes.to_vec(),
        false => [&(bytes.len() as u32).to_le_bytes(), bytes].concat(),
    };
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (_sender, mut receiver) = supervisor_end(with(&frame)).expect("an end");
            while let Ok(Some(message)) = receiver.recv().await {
                let text = format!("{message:?}");
                assert!(!text.is_empty());
            }
            let (_sender, mut receiver) = worker_end(with(&frame)).expect("an end");
            if receiver.recv_start().await.is_ok() {
                while let Ok(Some(_)) = receiver.recv().await {}
            }
        });
    });
});
