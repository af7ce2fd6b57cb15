//! Puts messages into queues.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use funcdock_storage::{Queue, StorageError};

use super::account::Account;
use super::error::BindingProblem;
use super::values::CallValues;
use crate::app::MessageEncoding;
use crate::model::Data;
use crate::model::expression::{SystemValues, Template};

/// The queue of an output.
#[derive(Debug)]
pub(super) struct QueuePlace {
    pub(super) account: Account,
    pub(super) queue: Template,
    pub(super) encoding: MessageEncoding,
}

impl QueuePlace {
    /// Puts a message, or each of several, into the queue, which is made if it is missing.
    pub(super) async fn write(
        &self,
        data: &Data,
        values: &CallValues<'_>,
        system: &SystemValues<'_>,
    ) -> Result<(), BindingProblem> {
        let name = self.queue.expand(values, system)?;
        // The service has lower-case names only, and Azure's host makes them so.
        let queue = self.account.connection()?.queue(&name.to_lowercase())?;
        let send = async |message: &[u8]| send(&queue, &self.encoded(message)?).await;
        match data {
            Data::String(text) | Data::Json(text) => send(text.as_bytes()).await,
            Data::Bytes(bytes) => send(bytes).await,
            Data::Int(number) => send(number.to_string().as_bytes()).await,
            Data::Double(number) => send(number.to_string().as_bytes()).await,
            // In their order.
            Data::Strings(texts) => {
                for text in texts {
                    send(text.as_bytes()).await?;
                }
                Ok(())
            }
            Data::ByteStrings(messages) => {
                for message in messages {
                    send(message).await?;
                }
                Ok(())
            }
            Data::Request(_) | Data::Response(_) => Err(BindingProblem::NoBytes("an HTTP message")),
            Data::Stream(_) | Data::Blob(_) => Err(BindingProblem::NoBytes("a stream")),
            Data::Ints(_) | Data::Doubles(_) => Err(BindingProblem::NoBytes("numbers")),
            Data::None => Ok(()),
        }
    }

    fn encoded(&self, message: &[u8]) -> Result<String, BindingProblem> {
        match self.encoding {
            MessageEncoding::Base64 => Ok(STANDARD.encode(message)),
            MessageEncoding::None => {
                let text = std::str::from_utf8(message).map_err(|_| BindingProblem::NotText)?;
                Ok(text.to_owned())
            }
        }
    }
}

async fn send(queue: &Queue, text: &str) -> Result<(), BindingProblem> {
    match queue.send(text, None, None).await {
        Err(StorageError::NotFound(_)) => {
            queue.create_if_missing().await?;
            queue.send(text, None, None).await?;
        }
        sent => drop(sent?),
    }
    Ok(())
}
