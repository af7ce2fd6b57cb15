//! A file of lines that a thread of its own writes, so that no call waits for the disk. A file that is full is renamed.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::Duration;

use funcdock_extension_api::{Counter, Result};

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
    pub(crate) fn open(path: PathBuf, max_bytes: u64, keep: u32, lost: Counter) -> Result<Self> {
        let mut file = Rotating::open(path, max_bytes, keep)?;
        // If more lines than this wait for the disk, others are lost.
        let (queue, messages) = mpsc::sync_channel(10_000);
        // It ends when the extension is dropped.
        let write = move || {
            for message in messages {
                match message {
                    Message::Line(line) => {
                        if let Err(error) = file.write(&line) {
                            lost.add(1);
                            tracing::error!("{}: a record is lost: {error}", file.path.display());
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
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.lost.add(1);
        }
    }

    pub(crate) fn flush(&self, deadline: Duration) -> Result<()> {
        let (answer, written) = mpsc::sync_channel(1);
        self.queue.send(Message::Flush(answer))?;
        Ok(written.recv_timeout(deadline)?)
    }
}

struct Rotating {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
    keep: u32,
}

impl Rotating {
    fn open(path: PathBuf, max_bytes: u64, keep: u32) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(&path)?;
        let bytes = file.metadata()?.len();
        Ok(Rotating {
            path,
            file,
            bytes,
            max_bytes,
            keep,
        })
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        if self.bytes >= self.max_bytes {
            let old = |number: u32| format!("{}.{number}", self.path.display());
            for number in (1..self.keep).rev() {
                if fs::exists(old(number))? {
                    fs::rename(old(number), old(number + 1))?;
                }
            }
            fs::rename(&self.path, old(1))?;
            *self = Rotating::open(self.path.clone(), self.max_bytes, self.keep)?;
        }
        self.file.write_all(format!("{line}\n").as_bytes())?;
        self.bytes += line.len() as u64 + 1;
        Ok(())
    }
}
