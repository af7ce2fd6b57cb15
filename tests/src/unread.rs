//! A pipe that nobody reads, and that is full.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use nix::sys::stat::Mode;
use tempfile::TempDir;

/// A full pipe with a path, for [`App::log_to`](crate::App::log_to) and [`App::stdout_to`](crate::App::stdout_to).
#[derive(Debug)]
pub struct UnreadPipe {
    folder: TempDir,
    end: File,
}

/// What fills it.
const FILLER: &[u8] = b"....\n";

impl UnreadPipe {
    /// Makes one, and fills it.
    pub fn full() -> Self {
        let folder = TempDir::with_prefix("funcdock-pipe-").expect("a temporary folder");
        let path = folder.path().join("pipe");
        nix::unistd::mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).expect("a pipe in the folder");
        let mut options = File::options();
        // A reader that is there, whoever writes.
        options.read(true).write(true).custom_flags(nix::libc::O_NONBLOCK);
        let mut end = options.open(path).expect("both ends of the pipe");
        for filler in [FILLER.repeat(100), FILLER.to_vec(), b"\n".to_vec()] {
            while end.write(&filler).is_ok() {}
        }
        UnreadPipe { folder, end }
    }

    /// Its path.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("pipe")
    }

    /// Reads what is in the pipe now, with what filled it, and appends it to `text`.
    pub fn read_into(&mut self, text: &mut String) {
        let mut bytes = [0; 1 << 16];
        loop {
            match self.end.read(&mut bytes) {
                Ok(length) => text.push_str(&String::from_utf8_lossy(&bytes[..length])),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}");
                    return;
                }
            }
        }
    }
}
