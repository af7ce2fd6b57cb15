//! Puts messages into queues.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::account::Account;
use super::error::BindingProblem;
use super::values::CallValues;
use crate::app::MessageEncoding;
use crate::model::Data;
use crate::model::expression::{SystemValues, Template};

/// The longest message that the service takes, in bytes.
const LONGEST: usize = 64 * 1024;

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
        // All of them first: one that cannot be sent keeps back the others, which would be sent again with the next attempt.
        for message in self.messages(data)? {
            queue.send_or_create(&message).await?;
        }
        Ok(())
    }

    /// Returns the messages as they are sent, in their order.
    fn messages(&self, data: &Data) -> Result<Vec<String>, BindingProblem> {
        let one = |message: &[u8]| Ok(vec![self.encoded(message)?]);
        match data {
            Data::String(text) | Data::Json(text) => one(text.as_bytes()),
            Data::Bytes(bytes) => one(bytes),
            Data::Int(number) => one(number.to_string().as_bytes()),
            Data::Double(number) if number.is_finite() => one(number.to_string().as_bytes()),
            Data::Strings(texts) => texts.iter().map(|text| self.encoded(text.as_bytes())).collect(),
            Data::ByteStrings(messages) => messages.iter().map(|message| self.encoded(message)).collect(),
            Data::Request(_) | Data::Response(_) => Err(BindingProblem::NoBytes("an HTTP message")),
            Data::Stream(_) | Data::Blob(_) => Err(BindingProblem::NoBytes("a stream")),
            Data::Ints(_) | Data::Doubles(_) => Err(BindingProblem::NoBytes("numbers")),
            Data::Double(_) => Err(BindingProblem::NoBytes("a number that JSON does not have")),
            Data::Reference(_) | Data::References(_) => Err(BindingProblem::NoBytes("a reference")),
            Data::None => Ok(Vec::new()),
        }
    }

    fn encoded(&self, message: &[u8]) -> Result<String, BindingProblem> {
        let text = match self.encoding {
            MessageEncoding::Base64 => STANDARD.encode(message),
            MessageEncoding::None => {
                let text = std::str::from_utf8(message).map_err(|_| BindingProblem::NotText)?;
                text.to_owned()
            }
        };
        if text.len() > LONGEST {
            return Err(BindingProblem::TooLong(text.len()));
        }
        Ok(text)
    }
}
