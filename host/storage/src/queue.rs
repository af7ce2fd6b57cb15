//! Queues and their messages.

mod xml;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use azure_core::http::headers::HeaderName;
use azure_core::http::{RequestContent, StatusCode};
use azure_storage_queue::models::{
    QueueClientGetPropertiesResultHeaders, QueueClientReceiveMessagesOptions, QueueClientSendMessageOptions,
    QueueClientUpdateMessageOptions, ReceivedMessage,
};
use azure_storage_queue::{QueueClient, QueueServiceClient};

use crate::error::{StorageError, Target};
use crate::names;

/// The longest time for which a message can be hidden.
const MAX_VISIBILITY: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The most messages that one request receives.
const MAX_MESSAGES: i32 = 32;
const POP_RECEIPT: HeaderName = HeaderName::from_static("x-ms-popreceipt");
const NEXT_VISIBLE: HeaderName = HeaderName::from_static("x-ms-time-next-visible");

/// A queue. Cheap to clone.
///
/// Requests that fail on the way are repeated (see [`Limits`](crate::Limits)), although the service may have carried
/// them out: a message may be sent twice, messages may be hidden by a response that was lost, and the deletion of a
/// deleted message is [`StorageError::NotFound`].
#[derive(Clone)]
pub struct Queue {
    client: Arc<QueueClient>,
    target: Target,
    name: Arc<str>,
}

/// A message that was received, and is hidden from others until it becomes visible again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The id that the service gave it.
    pub id: String,
    /// Allows to update or delete the message, until somebody else receives it.
    pub pop_receipt: String,
    /// The text as it is in the queue: base64 is not decoded.
    pub text: String,
    /// How often the message was received, with this time.
    pub dequeue_count: u32,
    /// When it was sent.
    pub inserted: SystemTime,
    /// When the service deletes it; the year 9999 if never.
    pub expires: SystemTime,
    /// When it becomes visible to others again.
    pub next_visible: SystemTime,
}

/// Allows to update or delete a message that was sent or updated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageReceipt {
    /// The message's id.
    pub id: String,
    /// The latest receipt: only this one is valid.
    pub pop_receipt: String,
    /// When the message becomes visible.
    pub next_visible: SystemTime,
}

impl Queue {
    /// Checks the name. Nothing is sent.
    pub(crate) fn new(
        name: &str,
        service: &QueueServiceClient,
        target: Target,
    ) -> Result<Self, StorageError> {
        names::check_queue_name(name)?;
        let client = service.queue_client(name).map_err(|error| target.error(&error))?;
        Ok(Queue {
            client: client.into(),
            target,
            name: name.into(),
        })
    }

    /// The queue's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates the queue unless it exists. Returns whether it was created.
    ///
    /// # Errors
    ///
    /// See [`StorageError`].
    pub async fn create_if_missing(&self) -> Result<bool, StorageError> {
        match self.client.create(None).await {
            Ok(response) => Ok(response.status() == StatusCode::Created),
            Err(error) => match self.target.error(&error) {
                // It exists with other metadata.
                error if error.code() == Some("QueueAlreadyExists") => Ok(false),
                error => Err(error),
            },
        }
    }

    /// Adds a message, as it is. It expires after seven days unless told otherwise; [`Duration::MAX`] means never. With a
    /// delay, the message becomes visible only after it. Both are rounded up to seconds.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidInput`] if the text has a character that XML cannot carry (encode it as base64 then), or
    /// the delay is longer than seven days; else see [`StorageError`].
    pub async fn send(
        &self,
        text: &str,
        time_to_live: Option<Duration>,
        visibility_delay: Option<Duration>,
    ) -> Result<MessageReceipt, StorageError> {
        let body = RequestContent::from_str(&xml::message(text)?);
        let options = QueueClientSendMessageOptions {
            message_time_to_live: time_to_live.map(|time| match time {
                Duration::MAX => -1,
                time => seconds(time),
            }),
            visibility_timeout: visibility_delay
                .map(|delay| visibility(delay, Duration::ZERO))
                .transpose()?,
            ..QueueClientSendMessageOptions::default()
        };
        let sent = self.client.send_message(body, Some(options)).await;
        let sent = sent
            .and_then(|response| response.into_model()?.into_message())
            .map_err(|error| self.target.error(&error))?;
        let missing = |what| self.target.incomplete(what);
        Ok(MessageReceipt {
            id: sent.message_id.ok_or_else(|| missing("MessageId"))?,
            pop_receipt: sent.pop_receipt.ok_or_else(|| missing("PopReceipt"))?,
            next_visible: sent
                .time_next_visible
                .ok_or_else(|| missing("TimeNextVisible"))?
                .into(),
        })
    }

    /// Adds a message as [`send`](Self::send) does, and makes the queue if it is missing.
    ///
    /// # Errors
    ///
    /// As [`Queue::send`].
    pub async fn send_or_create(&self, text: &str) -> Result<MessageReceipt, StorageError> {
        match self.send(text, None, None).await {
            Err(StorageError::NotFound(_)) => {
                self.create_if_missing().await?;
                self.send(text, None, None).await
            }
            sent => sent,
        }
    }

    /// Receives up to `max` messages (1 to 32), and hides them from others for `visibility` (one second to seven days).
    /// Returns none if there are none: the service does not wait.
    ///
    /// # Errors
    ///
    /// [`StorageError::InvalidInput`] if an argument is out of its range; else see [`StorageError`].
    pub async fn receive(
        &self,
        max: usize,
        visibility_timeout: Duration,
    ) -> Result<Vec<Message>, StorageError> {
        let number = i32::try_from(max)
            .ok()
            .filter(|max| (1..=MAX_MESSAGES).contains(max))
            .ok_or_else(|| {
                StorageError::InvalidInput(format!(
                    "cannot receive {max} messages at once; expected 1 to {MAX_MESSAGES}"
                ))
            })?;
        let options = QueueClientReceiveMessagesOptions {
            number_of_messages: Some(number),
            visibility_timeout: Some(visibility(visibility_timeout, Duration::from_secs(1))?),
            ..QueueClientReceiveMessagesOptions::default()
        };
        let messages = self
            .client
            .receive_messages(Some(options))
            .await
            .and_then(|response| response.into_model())
            .map_err(|error| self.target.error(&error))?;
        let messages = messages.items.unwrap_or_default();
        messages
            .into_iter()
            .map(|message| self.message(message))
            .collect()
    }

    fn message(&self, message: ReceivedMessage) -> Result<Message, StorageError> {
        let missing = |what| self.target.incomplete(what);
        Ok(Message {
            id: message.message_id.ok_or_else(|| missing("MessageId"))?,
            pop_receipt: message.pop_receipt.ok_or_else(|| missing("PopReceipt"))?,
            text: message.message_text.unwrap_or_default(),
            dequeue_count: message
                .dequeue_count
                .and_then(|count| u32::try_from(count).ok())
                .ok_or_else(|| missing("valid DequeueCount"))?,
            inserted: message
                .insertion_time
                .ok_or_else(|| missing("InsertionTime"))?
                .into(),
            expires: message
                .expiration_time
                .ok_or_else(|| missing("ExpirationTime"))?
                .into(),
            next_visible: message
                .time_next_visible
                .ok_or_else(|| missing("TimeNextVisible"))?
                .into(),
        })
    }

    /// Hides a message for a further time from now (zero to seven days), and replaces its text if there is one. Returns
    /// the receipt that replaces `pop_receipt`.
    ///
    /// # Errors
    ///
    /// [`StorageError::PreconditionFailed`] if somebody else received or updated the message since,
    /// [`StorageError::NotFound`] if it was deleted, [`StorageError::InvalidInput`] as for [`Queue::send`].
    pub async fn update(
        &self,
        id: &str,
        pop_receipt: &str,
        visibility_timeout: Duration,
        text: Option<&str>,
    ) -> Result<MessageReceipt, StorageError> {
        let target = self.target.inner(&format!("message '{id}'"));
        let body = text.map(xml::message).transpose()?;
        let options = QueueClientUpdateMessageOptions {
            queue_message: body.map(|body| RequestContent::from_str(&body)),
            ..QueueClientUpdateMessageOptions::default()
        };
        let timeout = visibility(visibility_timeout, Duration::ZERO)?;
        let response = self
            .client
            .update_message(id, pop_receipt, timeout, Some(options))
            .await
            .map_err(|error| target.error(&error))?;
        let headers = response.headers();
        let next_visible = headers
            .get_optional_str(&NEXT_VISIBLE)
            .and_then(|date| httpdate::parse_http_date(date).ok());
        Ok(MessageReceipt {
            id: id.to_owned(),
            pop_receipt: headers
                .get_optional_str(&POP_RECEIPT)
                .ok_or_else(|| target.incomplete("x-ms-popreceipt"))?
                .to_owned(),
            next_visible: next_visible.ok_or_else(|| target.incomplete("valid x-ms-time-next-visible"))?,
        })
    }

    /// Deletes a message.
    ///
    /// # Errors
    ///
    /// [`StorageError::PreconditionFailed`] if somebody else received or updated the message since,
    /// [`StorageError::NotFound`] if it was deleted.
    pub async fn delete(&self, id: &str, pop_receipt: &str) -> Result<(), StorageError> {
        let deleted = self.client.delete_message(id, pop_receipt, None).await;
        deleted
            .map(drop)
            .map_err(|error| self.target.inner(&format!("message '{id}'")).error(&error))
    }

    /// The number of messages, also of those that are hidden. It is never too low, and may be too high.
    ///
    /// # Errors
    ///
    /// See [`StorageError`].
    pub async fn approximate_length(&self) -> Result<u64, StorageError> {
        let properties = self.client.get_properties(None).await;
        properties
            .and_then(|response| response.approximate_messages_count())
            .map_err(|error| self.target.error(&error))?
            .and_then(|count| u64::try_from(count).ok())
            .ok_or_else(|| self.target.incomplete("number of messages"))
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Queue").field(&self.name).finish()
    }
}

/// Checks for how long a message is to be hidden.
fn visibility(time: Duration, min: Duration) -> Result<i32, StorageError> {
    if (min..=MAX_VISIBILITY).contains(&time) {
        return Ok(seconds(time));
    }
    Err(StorageError::InvalidInput(format!(
        "a message cannot be hidden for {time:?}; expected {min:?} to seven days"
    )))
}

/// Whole seconds, rounded up.
fn seconds(time: Duration) -> i32 {
    let rounded = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    i32::try_from(rounded).unwrap_or(i32::MAX)
}
