//! A file of lines that a thread of its own writes, so that no call waits for the disk. A file that is full is renamed.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::Duration;

use funcdock_extension_api::{Counter, Result};
use rolling_file::{RollingConditionBasic, RollingFileAppender};

pub(crate) struct LineFile {
    queue: SyncSender<Message>,
    lost: Counter,
}

enum Message {
    Line(String),
    /// Asks for an answer when all lines before it are written.
    Flush(SyncSender<()>),
}

impl LineFile {
    /// Opens the file for appending. When it has `max_bytes`, it becomes `<name>.1`, that becomes `<name>.2`, up to `keep`.
    /// Where that fails, the file grows.
    pub(crate) fn open(path: PathBuf, max_bytes: u64, keep: usize, lost: Counter) -> Result<Self> {
        let full = RollingConditionBasic::new().max_size(max_bytes);
        // Without a buffer a line is in the file, or reported as lost, as soon as `write_all` returns.
        let mut file = RollingFileAppender::new_with_buffer_capacity(&path, full, keep, 0)?;
        // If more lines than this wait for the disk, others are lost.
        let (queue, messages) = mpsc::sync_channel(10_000);
        // It ends when the extension is dropped.
        let write = move || {
            for message in messages {
                match message {
                    Message::Line(line) => {
                        if let Err(error) = file.write_all(line.as_bytes()) {
                            lost.add(1);
                            tracing::error!("{}: a record is lost: {error}", path.display());
                        }
                    }
                    // Nobody may wait any more.
                    Message::Flush(answer) => drop(answer.send(())),
                }
            }
        };
        thread::Builder::new().name("audit".to_owned()).spawn(write)?;
        Ok(LineFile { queue, lost })
    }

    /// Leaves the line to the thread. It is lost, and counted, if that has too many already.
    pub(crate) fn append(&self, line: String) {
        if self.queue.try_send(Message::Line(line + "\n")).is_err() {
            self.lost.add(1);
        }
    }

    pub(crate) fn flush(&self, deadline: Duration) -> Result<()> {
        let (answer, written) = mpsc::sync_channel(1);
        self.queue.send(Message::Flush(answer))?;
        Ok(written.recv_timeout(deadline)?)
    }
}
