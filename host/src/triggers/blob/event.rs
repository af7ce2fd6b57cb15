//! What a function gets of a blob that starts it, and the message about one that it cannot handle.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use funcdock_storage::{BlobItem, BlobProperties};
use serde_json::json;

use super::receipt::{function_id, unquoted};
use crate::app::MessageEncoding;
use crate::model::schedule::{Timestamp, Zone};
use crate::model::{Event, EventData};

/// A version of a blob that starts a function.
pub(super) struct Cause<'a> {
    /// The function's name.
    pub(super) function: &'a str,
    /// The container's name.
    pub(super) container: &'a str,
    /// The blob, as it was listed.
    pub(super) item: &'a BlobItem,
}

impl Cause<'_> {
    /// Returns the blob's path: `container/name`.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.container, self.item.name)
    }

    /// Returns the event, with the metadata that the reference has and the texts that the pattern has captured. It has no
    /// content: the worker opens the blob. `url` is the blob's address.
    pub(super) fn event(
        &self,
        url: String,
        properties: &BlobProperties,
        captures: Vec<(String, String)>,
    ) -> Event {
        let path = self.path();
        let details = json!({
            "BlobType": self.item.blob_type,
            "ContentLength": properties.length,
            "ContentType": properties.content_type,
            "ETag": properties.etag,
            "LastModified": time(properties.last_modified),
            // The name in earlier versions of the reference, which the Python library looks for.
            "Length": properties.length,
        });
        let mut metadata: Vec<(String, EventData)> = [
            ("BlobTrigger", EventData::String(path.clone())),
            ("Uri", EventData::String(url)),
            ("Properties", EventData::Json(details.to_string())),
            (
                "Metadata",
                EventData::Json(json!(properties.metadata).to_string()),
            ),
            ("ETag", EventData::String(properties.etag.clone())),
        ]
        .map(|(name, data)| (name.to_owned(), data))
        .into();
        for (name, text) in captures {
            // What the app names wins, as in the reference.
            metadata.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
            metadata.push((name, EventData::String(text)));
        }
        Event {
            function: self.function.to_owned(),
            data: EventData::String(path),
            metadata,
            ..Event::default()
        }
    }

    /// Returns the message for the poison queue.
    pub(super) fn poison_message(&self, encoding: MessageEncoding) -> String {
        let text = json!({
            "Type": "BlobTrigger",
            "FunctionId": function_id(self.function),
            "BlobType": self.item.blob_type,
            "ContainerName": self.container,
            "BlobName": self.item.name,
            "ETag": unquoted(&self.item.etag),
        })
        .to_string();
        match encoding {
            MessageEncoding::None => text,
            MessageEncoding::Base64 => STANDARD.encode(text),
        }
    }
}

/// Returns a time as the reference writes it: in UTC.
fn time(time: SystemTime) -> Option<String> {
    Timestamp::try_from(time)
        .ok()
        .map(|time| Zone::utc().local_text(time))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::Value;

    use super::*;

    fn item() -> BlobItem {
        BlobItem {
            name: "2024/a.png".to_owned(),
            etag: "\"0x1\"".to_owned(),
            size: 5,
            last_modified: UNIX_EPOCH + Duration::from_secs(60),
            blob_type: "BlockBlob".to_owned(),
        }
    }

    fn cause(item: &BlobItem) -> Cause<'_> {
        Cause {
            function: "Resize",
            container: "images",
            item,
        }
    }

    #[test]
    fn an_event_has_the_path_and_the_metadata_of_the_reference() {
        let properties = BlobProperties {
            etag: "\"0x1\"".to_owned(),
            length: 5,
            last_modified: UNIX_EPOCH + Duration::from_secs(60),
            content_type: Some("image/png".to_owned()),
            metadata: HashMap::from([("author".to_owned(), "Ada".to_owned())]),
        };
        let captures =
            [("name", "a"), ("URI", "mine")].map(|(name, text)| (name.to_owned(), text.to_owned()));
        let item = item();
        let event = cause(&item).event("https://x/images/a.png".to_owned(), &properties, captures.into());
        assert_eq!(event.function, "Resize");
        assert_eq!(event.data, EventData::String("images/2024/a.png".to_owned()));
        let found = |name: &str| -> Vec<EventData> {
            let same = event
                .metadata
                .iter()
                .filter(|(known, _)| known.eq_ignore_ascii_case(name));
            same.map(|(_, data)| data.clone()).collect()
        };
        let text = |text: &str| vec![EventData::String(text.to_owned())];
        assert_eq!(found("BlobTrigger"), text("images/2024/a.png"));
        assert_eq!(found("name"), text("a"));
        assert_eq!(found("Uri"), text("mine"), "a name of the pattern wins");
        assert_eq!(found("ETag"), text("\"0x1\""));
        assert_eq!(
            found("Metadata"),
            [EventData::Json("{\"author\":\"Ada\"}".to_owned())]
        );
        let [EventData::Json(details)] = &found("Properties")[..] else {
            panic!("{event:?}")
        };
        let details: Value = serde_json::from_str(details).expect("JSON");
        assert_eq!(details["ContentLength"], 5);
        assert_eq!(details["Length"], 5);
        assert_eq!(details["LastModified"], "1970-01-01T00:01:00+00:00");
    }

    #[test]
    fn a_poison_message_names_the_version() {
        let item = item();
        let plain = cause(&item).poison_message(MessageEncoding::None);
        let message: Value = serde_json::from_str(&plain).expect("JSON");
        assert_eq!(
            message,
            json!({
                "Type": "BlobTrigger", "FunctionId": "Host.Functions.Resize", "BlobType": "BlockBlob",
                "ContainerName": "images", "BlobName": "2024/a.png", "ETag": "0x1",
            })
        );
        let encoded = cause(&item).poison_message(MessageEncoding::Base64);
        assert_eq!(STANDARD.decode(encoded).expect("base64"), plain.as_bytes());
    }
}
