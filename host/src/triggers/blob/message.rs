//! Messages about versions of blobs, with the members of the reference: those of the queue that Event Grid's events wait in,
//! and those of the poison queue.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::event::BlobVersion;
use super::receipt::{function_id, unquoted};
use crate::app::MessageEncoding;

/// The only type of message.
const TYPE: &str = "BlobTrigger";

/// A message about a version of a blob for a function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BlobMessage {
    #[serde(rename = "Type", default)]
    kind: String,
    /// The function, as [`function_id`] writes it.
    pub(super) function_id: String,
    #[serde(default)]
    blob_type: String,
    /// The container's name.
    pub(super) container_name: String,
    blob_name: String,
    /// Without quotes when it is written.
    #[serde(rename = "ETag", default)]
    etag: String,
}

/// A message that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("it is not a message about a blob: {0}")]
pub(super) struct MessageError(String);

impl BlobMessage {
    /// Returns the message about this version of a blob in this container, for this function.
    pub(super) fn new(function: &str, container: &str, version: &BlobVersion) -> Self {
        BlobMessage {
            kind: TYPE.to_owned(),
            function_id: function_id(function),
            blob_type: version.blob_type.clone(),
            container_name: container.to_owned(),
            blob_name: version.name.clone(),
            etag: unquoted(&version.etag).to_owned(),
        }
    }

    /// Reads a message, which may be in base64.
    ///
    /// # Errors
    /// It is not JSON, or lacks a member.
    pub(super) fn parse(text: &str) -> Result<Self, MessageError> {
        // A JSON object is never base64.
        let decoded = STANDARD.decode(text.trim());
        let json = decoded.as_deref().unwrap_or(text.as_bytes());
        serde_json::from_slice(json).map_err(|error| MessageError(error.to_string()))
    }

    /// Returns the text of the message in a queue with this encoding.
    pub(super) fn text(&self, encoding: MessageEncoding) -> String {
        // A struct of texts has no map that JSON could not have.
        let text = serde_json::json!(self).to_string();
        match encoding {
            MessageEncoding::None => text,
            MessageEncoding::Base64 => STANDARD.encode(text),
        }
    }

    /// Returns the version that it is about.
    pub(super) fn version(&self) -> BlobVersion {
        BlobVersion {
            name: self.blob_name.clone(),
            etag: format!("\"{}\"", unquoted(&self.etag)),
            blob_type: self.blob_type.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn version() -> BlobVersion {
        BlobVersion {
            name: "2024/ä.png".to_owned(),
            etag: "\"0x1\"".to_owned(),
            blob_type: "BlockBlob".to_owned(),
        }
    }

    #[test]
    fn a_message_has_the_members_of_the_reference() {
        let message = BlobMessage::new("Resize", "images", &version());
        let plain = message.text(MessageEncoding::None);
        let json: Value = serde_json::from_str(&plain).expect("JSON");
        assert_eq!(
            json,
            json!({
                "Type": "BlobTrigger", "FunctionId": "Host.Functions.Resize", "BlobType": "BlockBlob",
                "ContainerName": "images", "BlobName": "2024/ä.png", "ETag": "0x1",
            })
        );
        let encoded = message.text(MessageEncoding::Base64);
        assert_eq!(STANDARD.decode(&encoded).expect("base64"), plain.as_bytes());
        for text in [plain, encoded] {
            let read = BlobMessage::parse(&text).expect("valid");
            assert_eq!(read, message);
            assert_eq!(read.version(), version());
        }
    }

    #[test]
    fn messages_of_the_reference_have_etags_in_quotes_or_without() {
        for etag in [r#""\"0x1\"""#, r#""0x1""#] {
            let text = format!(
                r#"{{"Type": "BlobTrigger", "FunctionId": "Host.Functions.Resize", "BlobType": "BlockBlob",
                    "ContainerName": "images", "BlobName": "2024/ä.png", "ETag": {etag}}}"#
            );
            let read = BlobMessage::parse(&text).expect("valid");
            assert_eq!(read.version(), version(), "{etag}");
        }
    }

    #[test]
    fn other_messages_are_errors() {
        for (text, expected) in [
            ("plain text", "expected value"),
            ("[1]", "invalid type: integer `1`"),
            ("{}", "missing field `FunctionId`"),
            ("aMOk", "expected value"),
        ] {
            let error = BlobMessage::parse(text).expect_err("refused").to_string();
            assert!(
                error.starts_with("it is not a message about a blob: ") && error.contains(expected),
                "{error}"
            );
        }
    }
}
