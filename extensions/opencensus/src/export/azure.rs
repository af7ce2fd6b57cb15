//! The exporter for Azure Monitor: Application Insights' envelopes to the ingestion endpoint's `/v2.1/track`.

mod data;
mod dependency;
mod envelope;
mod schema;

use std::collections::BTreeSet;
use std::io;

use opentelemetry_sdk::Resource;
use serde::Deserialize;

use super::http::{Answer, Client, Protocol};
use super::retry::{Again, Closing, Failure};
use super::trouble::Rejections;
use super::{Batch, Delivery, ExportError, Exporter};
use crate::settings::{ConnectionString, HttpTarget};
use crate::signal::Signal;
use envelope::{Identity, Items};

const PROTOCOL: Protocol = Protocol {
    content_type: "application/json",
    // 402 is a quota that is used up: there is no use in asking again unless the service says when.
    is_busy: |status, asked| match status.as_u16() {
        402 => asked.is_some(),
        408 | 429 | 439 | 500 | 502 | 503 | 504 => true,
        _ => false,
    },
    // From the global endpoint to a region's. The key is in the body, and no header is secret.
    follows_redirects: true,
};

/// Sends batches to an Application Insights resource.
pub(super) struct AzureMonitor {
    client: Client,
    identity: Identity,
    rejections: Rejections,
}

/// What the service says of a batch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Track {
    errors: Vec<ItemError>,
}

/// Why one item was not taken.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ItemError {
    index: usize,
    status_code: u16,
    message: String,
}

/// What is left of a batch, and what was lost of it.
struct Progress<'a> {
    items: &'a Items,
    /// The items that are still to be sent.
    pending: Vec<usize>,
    /// The spans of which an item was refused.
    lost: BTreeSet<usize>,
    /// Why the first of them was.
    reason: String,
}

impl AzureMonitor {
    /// # Errors
    /// The certificates or the key of `target` cannot be used.
    pub(super) fn new(
        connection: &ConnectionString,
        target: &HttpTarget,
        resource: &Resource,
    ) -> Result<Self, ureq::Error> {
        let key = &connection.instrumentation_key;
        Ok(AzureMonitor {
            client: Client::new(target, &PROTOCOL)?.hiding(key),
            identity: Identity::new(key, resource),
            rejections: Rejections::new(Signal::Traces),
        })
    }
}

impl Exporter for AzureMonitor {
    fn export(&mut self, batch: &Batch, closing: &Closing) -> Result<Delivery, ExportError> {
        let spans = batch.spans().map_err(io::Error::other)?;
        let items = Items::of(&spans, &self.identity).map_err(io::Error::from)?;
        let mut progress = Progress::new(&items);
        let result = self.client.attempts(closing, |left| {
            let json = items.body(&progress.pending);
            let body = self.client.body(&json, &[]).map_err(Failure::never)?;
            let answer = self.client.post(&body, left)?;
            progress.advance(&answer)
        });
        if let Err(error) = result {
            if progress.is_at_begin() {
                return Err(error);
            }
            // Some of the batch has arrived.
            progress.give_up(&error.to_string());
        }
        let reason = self.client.shown(progress.reason.as_bytes());
        let rejected = progress.lost.len();
        self.rejections.mention("Application Insights", rejected, &reason);
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
    fn is_at_begin(&self) -> bool {
        self.pending.len() == self.items.len()
    }

    /// Takes notice of an answer, which says what of the pending items did not arrive.
    fn advance(&mut self, answer: &Answer) -> Result<(), Failure> {
        let (again, refused) = Track::of(answer).sort(&self.pending);
        for (item, error) in refused {
            self.lose(&[item], &format!("{} {}", error.status_code, error.message));
        }
        self.pending = again;
        match self.pending.len() {
            0 => Ok(()),
            pending => Err(Failure {
                error: ExportError::Partial { pending },
                again: Again::Busy(answer.retry_after),
            }),
        }
    }

    /// Nothing more of the batch is sent.
    fn give_up(&mut self, reason: &str) {
        let pending = std::mem::take(&mut self.pending);
        self.lose(&pending, reason);
    }

    fn lose(&mut self, items: &[usize], reason: &str) {
        if self.lost.is_empty() {
            reason.clone_into(&mut self.reason);
        }
        self.lost
            .extend(items.iter().map(|item| self.items.span_of(*item)));
    }
}

impl Track {
    /// An answer of success that cannot be read has nothing to complain of.
    fn of(answer: &Answer) -> Track {
        serde_json::from_slice(&answer.body).unwrap_or_default()
    }

    /// The items of those sent that may be taken later, and those that are refused.
    fn sort(self, sent: &[usize]) -> (Vec<usize>, Vec<(usize, ItemError)>) {
        let mut again = BTreeSet::new();
        let mut refused = Vec::new();
        for error in self.errors {
            match sent.get(error.index) {
                Some(item) if matches!(error.status_code, 408 | 429 | 439 | 500 | 503) => {
                    again.insert(*item);
                }
                Some(item) => refused.push((*item, error)),
                // It complains of what it was not sent.
                None => {}
            }
        }
        (again.into_iter().collect(), refused)
    }
}

#[cfg(test)]
mod tests;
