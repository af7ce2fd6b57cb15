//! For the tests of the formats.

use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::Registry;

use super::Format;
use super::records::Records;

/// Returns what `act` logs in this format.
pub(super) fn logged(format: Format, act: impl FnOnce()) -> String {
    let log = Arc::<Mutex<String>>::default();
    let sink = Arc::clone(&log);
    let records = Records::new(format, false, move |_, line, _| {
        sink.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
    });
    tracing::subscriber::with_default(Registry::default().with(records), act);
    log.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
