//! Writes a line of JSON about every call: who, what, how it ended, and what the function notes with
//! `context.audit.note("paid", {"amount": 3})`. Of a streamed response it is written when the headers are ready.
//!
//! ```json
//! "workerExtensions": { "audit": { "settings": { "folder": "/var/log/shop", "redact": ["email"] } } }
//! ```

mod file;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use funcdock_extension_api::{
    AppInfo, Counter, Documented, Extension, Flow, Invocation, Outcome, Result, extension, methods,
};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Deserialize, Documented)]
struct Settings {
    /// Where each worker has its file, audit-<worker>.jsonl. The folder is made if it is not there.
    folder: PathBuf,
    /// A file that has this many bytes is renamed; 10 MiB by default.
    #[serde(default = "ten_mebibytes")]
    max_bytes: u64,
    /// How many renamed files there are at most: 1 unless more are wanted.
    #[serde(default)]
    keep: usize,
    /// The fields of notes and the query parameters whose values nobody is to see.
    #[serde(default)]
    redact: Vec<String>,
}

fn ten_mebibytes() -> u64 {
    10 << 20
}

struct Audit {
    file: file::LineFile,
    redact: Vec<String>,
    records: Counter,
}

/// What functions see as `context.audit`: clones share the notes.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<Json>>>);

#[methods]
impl Notes {
    /// Adds a note to the record of this call.
    fn note(&self, text: String, fields: Option<BTreeMap<String, Json>>) {
        let note = json!({ "text": text, "fields": fields.unwrap_or_default() });
        self.0.lock().push(note);
    }
}

#[extension(after = ["token-auth"], sets(audit: Notes))]
impl Extension for Audit {
    type Settings = Settings;
    type State = Notes;

    fn init(settings: Settings, app: &AppInfo<'_>) -> Result<Self> {
        fs::create_dir_all(&settings.folder)?;
        let name = format!("audit-{}.jsonl", app.worker_index());
        let path = settings.folder.join(name);
        let lost = app.counter("lost_total", "Records that could not be written.", &[])?;
        Ok(Audit {
            file: file::LineFile::open(path, settings.max_bytes, settings.keep, lost)?,
            redact: settings.redact,
            records: app.counter("records_total", "Calls that were recorded.", &[])?,
        })
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Notes>> {
        let notes = Notes::default();
        call.set_attribute("audit", notes.clone())?;
        Ok(Flow::Continue(notes))
    }

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        notes: &mut Notes,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        let mut notes = std::mem::take(&mut *notes.0.lock());
        for note in &mut notes {
            note["fields"] = self.redacted(note["fields"].take());
        }
        let mut record = json!({
            "time": humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            "invocation": call.id(),
            "trace": call.trace_context().trace_id(),
            "function": call.function().name(),
            "ended": format!("{:?}", outcome.kind()),
            "milliseconds": call.elapsed().as_secs_f64() * 1000.0,
            "user": call.attribute("user").and_then(|user| user.to::<Json>().ok()),
            "notes": notes,
        });
        if let Some(request) = call.http_request() {
            record["request"] = json!({
                "method": request.method(),
                "path": request.path(),
                "query": self.redacted(request.query_parameters().collect()),
                "status": outcome.status(),
            });
        }
        self.records.add(1);
        self.file.append(record.to_string());
        Ok(())
    }

    fn flush(&self, deadline: Duration) -> Result<()> {
        self.file.flush(deadline)
    }
}

impl Audit {
    fn redacted(&self, mut fields: Json) -> Json {
        for name in &self.redact {
            if let Some(value) = fields.get_mut(name) {
                *value = "***".into();
            }
        }
        fields
    }
}

#[cfg(test)]
mod tests;
