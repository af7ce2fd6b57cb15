//! The records of this library's extensions: a line of JSON for each hook, in one file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use funcdock_extension_api::{Error, ErrorKind, Result};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Settings of every extension here.
#[derive(Deserialize)]
pub(crate) struct Settings {
    file: PathBuf,
    #[serde(default)]
    pub(crate) label: String,
}

impl Settings {
    /// Checks the settings, for `configure`.
    pub(crate) fn check(&self) -> Result<()> {
        write(&mut self.open()?, &self.label, "configure", json!({}))?;
        if self.label == "refused" {
            return Err(Error::new(ErrorKind::Value, "label: \"refused\" is refused"));
        }
        Ok(())
    }

    fn open(&self) -> Result<File> {
        Ok(OpenOptions::new().create(true).append(true).open(&self.file)?)
    }
}

fn write(file: &mut File, label: &str, hook: &str, mut record: Json) -> Result<()> {
    record["hook"] = hook.into();
    record["label"] = label.into();
    record["main"] = on_main_thread()?.into();
    // In one piece: other instances and the app write into the same file.
    let line = format!("{record}\n");
    Ok(file.write_all(line.as_bytes())?)
}

/// The file that an instance writes to. It is dropped last of the instance, and records that.
pub(crate) struct Record {
    label: String,
    file: Mutex<File>,
}

impl Record {
    pub(crate) fn open(settings: Settings) -> Result<Self> {
        let file = Mutex::new(settings.open()?);
        let label = settings.label;
        Ok(Record { label, file })
    }

    pub(crate) fn write(&self, hook: &str, record: Json) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut file, &self.label, hook, record)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let _ = self.write("drop", json!({}));
    }
}

/// Whether this thread is the process's first: its task has the process's number.
fn on_main_thread() -> Result<bool> {
    let thread = std::fs::read_link("/proc/thread-self")?;
    let thread = thread.to_string_lossy();
    let mut parts = thread.split('/');
    Ok(parts.next() == parts.next_back())
}

/// Counts the states that hooks made, and those that were dropped.
pub(crate) struct States {
    made: AtomicU64,
    dropped: AtomicU64,
}

impl States {
    pub(crate) const NONE: States = States {
        made: AtomicU64::new(0),
        dropped: AtomicU64::new(0),
    };

    pub(crate) fn make(&'static self) -> Token {
        self.made.fetch_add(1, Ordering::SeqCst);
        Token(self)
    }

    pub(crate) fn counts(&self) -> [u64; 2] {
        [&self.made, &self.dropped].map(|count| count.load(Ordering::SeqCst))
    }
}

/// Part of a state: counts its end.
pub(crate) struct Token(&'static States);

impl Drop for Token {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}
