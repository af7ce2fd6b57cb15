//! A file: OTLP's JSON, one batch a line. A full file is renamed, and a new one begins.
//!
//! The file is locked while a batch is written, so that several processes may append to it: a worker and its successor do.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_sdk::Resource;
use prost::Message;
use prost::bytes::Buf;

use super::envelope::Envelope;
use crate::encode::json::not_finite;
use crate::export::{Batch, Delivery, ExportError, Exporter, FileError, ShutdownSignal};
use crate::settings::FileTarget;
use crate::signal::Signal;

/// The time that another process may keep the file locked.
const LOCKED: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 5000 });

/// The time between two attempts to lock it.
const PAUSE: Duration = Duration::from_millis(5);

/// Appends batches to a file of JSON lines. A full file becomes `<name>.1`, the former `<name>.1` becomes `<name>.2`, and so
/// on.
pub(super) struct LinesFile {
    path: PathBuf,
    /// The file is renamed before it grows beyond this, unless it has a single batch.
    max_bytes: u64,
    keep: usize,
    envelope: Envelope,
    /// `None` before the first batch, and after an error.
    open: Option<OpenFile>,
}

/// The open file, and its length after our last line.
struct OpenFile {
    file: File,
    length: u64,
}

impl LinesFile {
    /// Opens nothing before the first batch, so that an unwritable file costs spans, and does not prevent the start.
    pub(super) fn new(path: PathBuf, target: &FileTarget, resource: &Resource) -> Self {
        LinesFile {
            path,
            max_bytes: target.max_bytes,
            keep: target.keep,
            envelope: Envelope::new(Signal::Traces, resource),
            open: None,
        }
    }

    fn line(&self, batch: &Batch) -> Result<Vec<u8>, ExportError> {
        let start = self.envelope.around(batch.encoded().len());
        let encoded = Buf::chain(&start[..], batch.encoded());
        let mut request = ExportTraceServiceRequest::decode(encoded).map_err(io::Error::other)?;
        replace_non_finite(&mut request);
        let mut line = serde_json::to_vec(&request).map_err(io::Error::from)?;
        line.push(b'\n');
        Ok(line)
    }

    fn append(&mut self, line: &[u8]) -> Result<(), FileError> {
        loop {
            let mut open = match self.open.take() {
                Some(open) => open,
                None => OpenFile::at(&self.path)?,
            };
            open.lock()
                .map_err(|error| FileError::new("lock", &self.path, error))?;
            if !open.is_at(&self.path) {
                // Another process, or somebody, has put it aside meanwhile.
                continue;
            }
            open.catch_up()
                .map_err(|error| FileError::new("repair", &self.path, error))?;
            if open.can_be_renamed() && open.length > 0 && open.length + line.len() as u64 > self.max_bytes {
                self.rotate()?;
                continue;
            }
            // After an error it is opened again.
            open.append(line)
                .and_then(|()| open.unlock())
                .map_err(|error| FileError::new("write to", &self.path, error))?;
            self.open = Some(open);
            return Ok(());
        }
    }

    /// Renames the file and the renamed ones up to the first gap. The oldest is removed.
    fn rotate(&self) -> Result<(), FileError> {
        let free = (1..=self.keep).find(|times| !self.rotated(*times).exists());
        for times in (0..free.unwrap_or(self.keep)).rev() {
            let (from, to) = (self.rotated(times), self.rotated(times + 1));
            fs::rename(&from, to).map_err(|error| FileError::new("put aside", &from, error))?;
        }
        if self.keep == 0 {
            fs::remove_file(&self.path).map_err(|error| FileError::new("remove", &self.path, error))?;
        }
        Ok(())
    }

    /// Returns the name of a file that was renamed so many times.
    fn rotated(&self, times: usize) -> PathBuf {
        let mut name = OsString::from(&self.path);
        if times > 0 {
            name.push(format!(".{times}"));
        }
        name.into()
    }
}

impl Exporter for LinesFile {
    fn export(&mut self, batch: &Batch, _: &ShutdownSignal) -> Result<Delivery, ExportError> {
        let line = self.line(batch)?;
        self.append(&line)?;
        Ok(Delivery::default())
    }
}

impl OpenFile {
    /// Opens the file. Creates it and its folder if they are missing.
    fn at(path: &Path) -> Result<Self, FileError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| FileError::new("make the folder", folder, error))?;
        }
        let file = File::options().read(true).append(true).create(true).open(path);
        let file = file.map_err(|error| FileError::new("open", path, error))?;
        Ok(OpenFile { file, length: 0 })
    }

    /// Locks the file against other processes, which hold it for one batch.
    fn lock(&self) -> io::Result<()> {
        let deadline = Instant::now() + LOCKED;
        loop {
            match self.file.try_lock() {
                Ok(()) => return Ok(()),
                // Some network drives do not support locks.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(());
                }
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::other("another process has locked it"));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn unlock(&self) -> io::Result<()> {
        match self.file.unlock() {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads what others have appended, and removes an unfinished line at the end. Locked.
    fn catch_up(&mut self) -> io::Result<()> {
        let length = self.file.seek(SeekFrom::End(0))?;
        if length != self.length {
            self.length = repair(&mut self.file)?;
        }
        Ok(())
    }

    /// Whether it is a file that can be full; a device such as `/dev/stdout` is not.
    fn can_be_renamed(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.is_file())
    }

    /// Whether this is still the file at the path: somebody may have removed or renamed it.
    fn is_at(&self, path: &Path) -> bool {
        let same = || {
            let (own, there) = (self.file.metadata()?, fs::metadata(path)?);
            io::Result::Ok((own.dev(), own.ino()) == (there.dev(), there.ino()))
        };
        same().unwrap_or(false)
    }

    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let result = self.file.write_all(line);
        match &result {
            Ok(()) => self.length += line.len() as u64,
            // The disk may be full. If even this fails, the next opening repairs the file.
            Err(_) => drop(self.file.set_len(self.length)),
        }
        result
    }
}

/// Cuts the file after its last line break, and returns its length.
fn repair(file: &mut File) -> io::Result<u64> {
    const BLOCK: u64 = 4096;
    let length = file.seek(SeekFrom::End(0))?;
    let mut end = length;
    let mut block = Vec::with_capacity(BLOCK as usize);
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        block.resize((end - start) as usize, 0);
        file.read_exact(&mut block)?;
        if let Some(at) = block.iter().rposition(|byte| *byte == b'\n') {
            end = start + at as u64 + 1;
            break;
        }
        end = start;
    }
    if end < length {
        tracing::warn!("a line that was not finished is removed from the end of the file of spans");
        file.set_len(end)?;
    }
    Ok(end)
}

/// Replaces NaN and infinities, which JSON does not have and opentelemetry-proto writes as null, by texts.
fn replace_non_finite(request: &mut ExportTraceServiceRequest) {
    let scopes = request
        .resource_spans
        .iter_mut()
        .flat_map(|of| &mut of.scope_spans);
    for span in scopes.flat_map(|scope| &mut scope.spans) {
        let of_events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
        let attributes = span.attributes.iter_mut().chain(of_events);
        attributes
            .filter_map(|pair| pair.value.as_mut())
            .for_each(replace_in_value);
    }
}

fn replace_in_value(any: &mut AnyValue) {
    match &mut any.value {
        Some(Value::DoubleValue(number)) if !number.is_finite() => {
            any.value = Some(Value::StringValue(not_finite(*number).to_owned()));
        }
        Some(Value::ArrayValue(list)) => list.values.iter_mut().for_each(replace_in_value),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
