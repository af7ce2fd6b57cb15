//! The file exporter: OTLP's JSON, one batch a line, in a file that is put aside when it is full.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::AnyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_sdk::Resource;
use prost::Message;
use prost::bytes::Buf;

use super::envelope::Envelope;
use super::json::not_finite;
use super::retry::Closing;
use super::{Batch, Delivery, ExportError, Exporter};
use crate::settings::FileTarget;
use crate::signal::Signal;

/// Appends batches to a file of JSON lines. Full, it becomes `<name>.1`, what was that becomes `<name>.2`, and so on.
pub(super) struct Lines {
    path: PathBuf,
    /// The file is put aside before it grows beyond this, unless a single batch does.
    max_bytes: u64,
    keep: usize,
    envelope: Envelope,
    /// `None` before the first batch, and after trouble.
    open: Option<Open>,
}

/// The file, and its length, which ends a line.
struct Open {
    file: File,
    length: u64,
}

impl Lines {
    /// Nothing is opened before the first batch, so that a file that cannot be written costs spans, and no start.
    pub(super) fn new(path: PathBuf, target: &FileTarget, resource: &Resource) -> Self {
        Lines {
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
        keep_every_number(&mut request);
        let mut line = serde_json::to_vec(&request).map_err(io::Error::from)?;
        line.push(b'\n');
        Ok(line)
    }

    fn append(&mut self, line: &[u8]) -> Result<(), FileError> {
        let mut open = match self.open.take().filter(|open| open.is_at(&self.path)) {
            Some(open) => open,
            None => Open::at(&self.path)?,
        };
        if open.can_be_put_aside() && open.length > 0 && open.length + line.len() as u64 > self.max_bytes {
            self.put_aside()?;
            open = Open::at(&self.path)?;
        }
        // After an error it is opened anew, which also removes what was written of the line.
        open.append(line)
            .map_err(|error| FileError::new("write to", &self.path, error))?;
        self.open = Some(open);
        Ok(())
    }

    /// Renames the file, and those that were put aside before, as far as there is no gap. The oldest goes.
    fn put_aside(&self) -> Result<(), FileError> {
        let free = (1..=self.keep).find(|times| !self.aside(*times).exists());
        for times in (0..free.unwrap_or(self.keep)).rev() {
            let (from, to) = (self.aside(times), self.aside(times + 1));
            fs::rename(&from, to).map_err(|error| FileError::new("put aside", &from, error))?;
        }
        if self.keep == 0 {
            fs::remove_file(&self.path).map_err(|error| FileError::new("remove", &self.path, error))?;
        }
        Ok(())
    }

    /// The name of a file that was put aside so many times.
    fn aside(&self, times: usize) -> PathBuf {
        let mut name = OsString::from(&self.path);
        if times > 0 {
            name.push(format!(".{times}"));
        }
        name.into()
    }
}

impl Exporter for Lines {
    fn export(&mut self, batch: &Batch, _: &Closing) -> Result<Delivery, ExportError> {
        let line = self.line(batch)?;
        self.append(&line)?;
        Ok(Delivery::default())
    }
}

impl Open {
    /// Opens the file for this process alone, makes it and its folder where there is none, and removes a line at its end
    /// that somebody began and did not finish.
    fn at(path: &Path) -> Result<Self, FileError> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| FileError::new("make the folder", folder, error))?;
        }
        let open = || {
            let file = File::options().read(true).append(true).create(true).open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                // Some network drives know no locks.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::other("another process writes to it"));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
            Ok(file)
        };
        let mut file = open().map_err(|error| FileError::new("open", path, error))?;
        let length = repair(&mut file).map_err(|error| FileError::new("repair", path, error))?;
        Ok(Open { file, length })
    }

    /// A device, `/dev/stdout` say, takes lines without end.
    fn can_be_put_aside(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.is_file())
    }

    /// Whether this is still the file at the path: it may have been removed, or moved by somebody else.
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
            // The disk may be full. Where even this fails, the next that opens the file repairs it.
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

/// What cannot be done with a file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {cause}", path.display())]
pub(crate) struct FileError {
    action: &'static str,
    path: PathBuf,
    #[source]
    cause: io::Error,
}

impl FileError {
    fn new(action: &'static str, path: &Path, cause: io::Error) -> Self {
        FileError {
            action,
            path: path.to_owned(),
            cause,
        }
    }
}

/// JSON has neither NaN nor infinity, and opentelemetry-proto writes null for them; as texts they are kept.
fn keep_every_number(request: &mut ExportTraceServiceRequest) {
    let scopes = request
        .resource_spans
        .iter_mut()
        .flat_map(|of| &mut of.scope_spans);
    for span in scopes.flat_map(|scope| &mut scope.spans) {
        let of_events = span.events.iter_mut().flat_map(|event| &mut event.attributes);
        let attributes = span.attributes.iter_mut().chain(of_events);
        attributes
            .filter_map(|pair| pair.value.as_mut())
            .for_each(spell_out);
    }
}

fn spell_out(any: &mut AnyValue) {
    match &mut any.value {
        Some(Value::DoubleValue(number)) if !number.is_finite() => {
            any.value = Some(Value::StringValue(not_finite(*number).to_owned()));
        }
        Some(Value::ArrayValue(list)) => list.values.iter_mut().for_each(spell_out),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
