//! The webhook that Event Grid sends events of blobs to, in a worker: puts a message for each blob that a function is to be
//! called for into a queue of the default storage account, as Azure's host does.
//!
//! Nothing is kept in the host: what was answered with success is in the queue, and whatever was not is sent again by Event
//! Grid. How requests look is in the HTTP trigger (`admin/blob_events.rs`), what is in them in `events`.

mod events;

use std::sync::Arc;
use std::time::Duration;

use funcdock_storage::{Queue, StorageError};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use super::message::BlobMessage;
use super::receipt;
use crate::app::{App, AppSettings, MessageEncoding};
use crate::bindings::Connections;
use crate::model::expression::BlobPattern;
use crate::model::{BindingSettings, BlobSource, FunctionDefinition};
use crate::pipeline::LoadedFunction;
use crate::triggers::events::host_id;
use events::WrittenBlob;

pub(crate) use events::EventsError;

/// The path of the webhook.
const PATH: &str = "/runtime/webhooks/blobs";

/// The name of the system key that opens it.
pub(crate) const KEY_NAME: &str = "blobs_extension";

/// How many messages are sent at once: a request may have thousands of events.
const SENT_AT_ONCE: usize = 32;

/// How long the sending may take: Event Grid waits for 30 seconds.
const LONGEST: Duration = Duration::from_secs(25);

/// The start of ids of functions, which Azure's URLs have.
const ID_START: &str = "Host.Functions.";

/// Returns the path of the webhook for the function of this name, without a key.
pub(super) fn path(function: &str) -> String {
    format!("{PATH}?functionName={}", receipt::function_id(function))
}

/// Returns the name of the queue that the messages of an app wait in.
pub(super) fn queue_name(host_id: &str) -> String {
    format!("azure-webjobs-blobtrigger-{host_id}")
}

/// Takes events of blobs.
#[derive(Debug)]
pub(crate) struct BlobWebhook {
    functions: Vec<Subscriber>,
    /// The queue, or why there is none.
    queue: Result<Queue, String>,
}

/// A function that Event Grid sends events for.
#[derive(Debug)]
pub(crate) struct Subscriber {
    name: String,
    path: BlobPattern,
}

/// Why a request with events fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebhookError {
    /// The query has no name of a function.
    #[error("expected the name of a function in the query: {PATH}?functionName=Host.Functions.NAME")]
    NoName,
    /// There is no such function.
    #[error(
        "there is no function {0:?} with a blob trigger whose source is \"EventGrid\"; correct functionName in the URL of the \
         event subscription, or the function's \"source\""
    )]
    NoFunction(String),
    /// The body is not as expected.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// The default storage account cannot be used.
    #[error("the events cannot be recorded, send them again later: {0}")]
    Unavailable(String),
}

impl BlobWebhook {
    /// Returns the webhook of an app with these functions. Nothing is sent.
    pub(crate) fn new(app: &App, functions: &[Arc<LoadedFunction>]) -> Self {
        let functions: Vec<_> = functions
            .iter()
            .filter_map(|function| Subscriber::of(&function.definition))
            .collect();
        let settings = AppSettings::of_process(app);
        let name = queue_name(&host_id(app, &settings));
        let connection = Connections::new(settings).get("");
        let queue = connection.map_err(|error| error.to_string());
        let queue = queue.and_then(|connection| connection.queue(&name).map_err(|error| error.to_string()));
        BlobWebhook { functions, queue }
    }

    /// Whether it serves any function.
    pub(crate) fn has_functions(&self) -> bool {
        !self.functions.is_empty()
    }

    /// Returns the function of this name or id, which is compared without case.
    ///
    /// # Errors
    /// There is none, or it has no such trigger.
    pub(crate) fn function(&self, name: Option<&str>) -> Result<&Subscriber, WebhookError> {
        let name = name.filter(|name| !name.is_empty()).ok_or(WebhookError::NoName)?;
        let has_start = name
            .get(..ID_START.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(ID_START));
        let bare = if has_start { &name[ID_START.len()..] } else { name };
        let found = self
            .functions
            .iter()
            .find(|function| function.name.eq_ignore_ascii_case(bare));
        found.ok_or_else(|| WebhookError::NoFunction(bare.to_owned()))
    }

    /// Returns the code with which Event Grid checks that the function wants its events.
    ///
    /// # Errors
    /// [`WebhookError::Events`] if the body does not have it.
    pub(crate) fn validate(&self, function: &Subscriber, body: &[u8]) -> Result<String, WebhookError> {
        let code = events::validation_code(body)?;
        tracing::info!("function {:?}: Event Grid has checked its webhook", function.name);
        Ok(code)
    }

    /// Puts a message into the queue for each event in this body that the function is to be called for.
    ///
    /// # Errors
    /// The body is not as expected, and none was put; or storage does not take them all.
    pub(crate) async fn record(&self, function: &Subscriber, body: &[u8]) -> Result<(), WebhookError> {
        let messages: Vec<_> = events::read(body)?
            .into_iter()
            .filter_map(|event| function.message(event))
            .collect();
        if messages.is_empty() {
            return Ok(());
        }
        let unavailable = |reason: String| {
            tracing::error!(
                "function {:?}: events of blobs cannot be recorded, and Event Grid is asked to send them again: {reason}",
                function.name
            );
            WebhookError::Unavailable(reason)
        };
        let queue = self
            .queue
            .as_ref()
            .map_err(|reason| unavailable(reason.clone()))?;
        let sent = stream::iter(messages)
            .map(|message| async move { queue.send_or_create(&message).await.map(drop) })
            .buffer_unordered(SENT_AT_ONCE)
            .try_collect::<()>();
        match tokio::time::timeout(LONGEST, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(unavailable(StorageError::to_string(&error))),
            Err(_) => Err(unavailable(format!(
                "the queue {:?} does not answer within {LONGEST:?}",
                queue.name()
            ))),
        }
    }
}

impl Subscriber {
    fn of(definition: &FunctionDefinition) -> Option<Self> {
        match &definition.trigger()?.settings {
            BindingSettings::BlobTrigger(blob) if blob.source == BlobSource::EventGrid => Some(Subscriber {
                name: definition.name.clone(),
                path: blob.path.clone(),
            }),
            _ => None,
        }
    }

    /// Returns the message for an event; `None` if the function is not called for it.
    fn message(&self, event: Option<WrittenBlob>) -> Option<String> {
        let WrittenBlob { container, version } = event?;
        if self.path.container() != container || self.path.match_blob(&version.name).is_none() {
            tracing::debug!(
                "function {:?}: an event of the blob \"{container}/{}\" is dropped, as its path does not match",
                self.name,
                version.name
            );
            return None;
        }
        let message = BlobMessage::new(&self.name, &container, &version);
        // Whatever the app's own queues have: hosts with other settings read it, too.
        Some(message.text(MessageEncoding::Base64))
    }
}

/// For the target in `fuzz/`: reads these bytes as events and as the text of a message, and asserts that what an event says comes
/// through the queue.
pub(crate) fn fuzz(bytes: &[u8]) {
    for WrittenBlob { container, version } in events::read(bytes).into_iter().flatten().flatten() {
        let text = BlobMessage::new("f", &container, &version).text(MessageEncoding::Base64);
        let read =
            BlobMessage::parse(&text).map(|message| (message.container_name.clone(), message.version()));
        let same = read.as_ref().is_ok_and(|(read_container, read)| {
            *read_container == container
                && read.name == version.name
                && receipt::unquoted(&read.etag) == receipt::unquoted(&version.etag)
        });
        assert!(same, "{version:?} became {read:?}");
    }
    let _ = BlobMessage::parse(&String::from_utf8_lossy(bytes));
}
