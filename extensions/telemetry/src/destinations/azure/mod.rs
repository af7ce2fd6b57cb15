//! Azure Monitor: Application Insights' envelopes, posted to the ingestion endpoint's `/v2.1/track`.

mod data;
mod dependency;
mod envelope;
mod exception;
mod items;
mod record;
mod schema;

use std::collections::BTreeSet;
use std::io;

use opentelemetry_sdk::Resource;
use serde::Deserialize;

use crate::credentials::Credentials;
use crate::export::{Batch, Delivery, ExportError, Exporter, RejectionLog, ShutdownSignal};
use crate::settings::{ConnectionString, HttpTarget};
use crate::signal::Signal;
use crate::transport::{Again, Client, Failure, Protocol, Response};
use envelope::Identity;
use items::Items;

const PROTOCOL: Protocol = Protocol {
    content_type: "application/json",
    // 402 is a used-up quota: further attempts help only if the service says when.
    is_busy: |status, pause| match status.as_u16() {
        402 => pause.is_some(),
        408 | 429 | 439 | 500 | 502 | 503 | 504 => true,
        _ => false,
    },
    // From the global endpoint to a region's. The key is in the body, and the headers are not secret.
    follows_redirects: true,
};

/// Sends batches to an Application Insights resource.
pub(super) struct AzureMonitor {
    /// Spans or log records.
    signal: Signal,
    client: Client,
    identity: Identity,
    rejections: RejectionLog,
}

/// The service's response to a batch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Track {
    errors: Vec<ItemError>,
}

/// Why the service did not take one item.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ItemError {
    index: usize,
    status_code: u16,
    message: String,
}

/// The progress of a batch: what is left, and what was lost.
struct Progress<'a> {
    items: &'a Items,
    /// The items that are not sent yet.
    pending: Vec<usize>,
    /// The spans or records that lost an item.
    lost: BTreeSet<usize>,
    /// Why the first item was lost.
    reason: String,
}

impl AzureMonitor {
    /// # Errors
    /// The certificates or the key of `target` cannot be used.
    pub(super) fn new(
        signal: Signal,
        connection: &ConnectionString,
        target: &HttpTarget,
        resource: &Resource,
    ) -> Result<Self, ureq::Error> {
        let key = &connection.instrumentation_key;
        Ok(AzureMonitor {
            signal,
            client: Client::new(target, &PROTOCOL)?.hiding(key),
            identity: Identity::new(key, resource),
            rejections: RejectionLog::new(signal, Credentials::default()),
        })
    }

    fn items(&self, batch: &Batch) -> Result<Items, ExportError> {
        let items = if self.signal == Signal::Logs {
            let records = batch.log_records().map_err(io::Error::other)?;
            Items::of_records(&records, &self.identity)
        } else {
            let spans = batch.spans().map_err(io::Error::other)?;
            Items::of(&spans, &self.identity)
        };
        Ok(items.map_err(io::Error::from)?)
    }
}

impl Exporter for AzureMonitor {
    fn export(&mut self, batch: &Batch, closing: &ShutdownSignal) -> Result<Delivery, ExportError> {
        let items = self.items(batch)?;
        let mut progress = Progress::new(&items);
        let result = self.client.attempts(closing, |left| {
            let json = items.body(&progress.pending);
            let body = self.client.body(&json, &[]).map_err(Failure::never)?;
            let response = self.client.post(&body, left)?;
            progress.advance(&response)
        });
        if let Err(error) = result {
            if progress.is_untouched() {
                return Err(error);
            }
            // A part of the batch has arrived.
            progress.give_up(&error.to_string());
        }
        let reason = self.client.for_message(progress.reason.as_bytes());
        let rejected = progress.lost.len();
        self.rejections.log("Application Insights", rejected, &reason);
        Ok(Delivery { rejected })
    }
}

impl<'a> Progress<'a> {
    fn new(items: &'a Items) -> Self {
        Progress {
            items,
            pending: (0..items.len()).collect(),
            lost: BTreeSet::new(),
            reason: String::new(),
        }
    }

    /// Whether nothing has arrived yet, and nothing was refused.
    fn is_untouched(&self) -> bool {
        self.pending.len() == self.items.len()
    }

    /// Applies a response, which says which of the pending items did not arrive.
    fn advance(&mut self, response: &Response) -> Result<(), Failure> {
        let (again, refused) = Track::of(response).sort(&self.pending);
        for (item, error) in refused {
            self.lose(&[item], &format!("{} {}", error.status_code, error.message));
        }
        self.pending = again;
        match self.pending.len() {
            0 => Ok(()),
            pending => Err(Failure {
                error: ExportError::Partial { pending },
                again: Again::Busy(response.retry_after),
            }),
        }
    }

    /// Counts all pending items as lost.
    fn give_up(&mut self, reason: &str) {
        let pending = std::mem::take(&mut self.pending);
        self.lose(&pending, reason);
    }

    fn lose(&mut self, items: &[usize], reason: &str) {
        if self.lost.is_empty() {
            reason.clone_into(&mut self.reason);
        }
        self.lost
            .extend(items.iter().map(|item| self.items.source_of(*item)));
    }
}

impl Track {
    /// Reads a response of success; an unreadable one has no errors.
    fn of(response: &Response) -> Track {
        serde_json::from_slice(&response.body).unwrap_or_default()
    }

    /// Returns the sent items that may be taken later, and those that are refused.
    fn sort(self, sent: &[usize]) -> (Vec<usize>, Vec<(usize, ItemError)>) {
        let mut again = BTreeSet::new();
        let mut refused = Vec::new();
        for error in self.errors {
            match sent.get(error.index) {
                Some(item) if matches!(error.status_code, 408 | 429 | 439 | 500 | 503) => {
                    again.insert(*item);
                }
                Some(item) => refused.push((*item, error)),
                // An error of an item that was not sent.
                None => {}
            }
        }
        (again.into_iter().collect(), refused)
    }
}

#[cfg(test)]
mod tests;
