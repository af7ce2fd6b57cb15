//! What a function gets of a blob that starts it.

use std::time::SystemTime;

use funcdock_storage::BlobProperties;
use serde_json::json;

use crate::model::schedule::{Timestamp, Zone};
use crate::model::{Event, EventData};

/// A version of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BlobVersion {
    /// The blob's name in the container, with slashes.
    pub(super) name: String,
    /// The etag of this version, in quotes.
    pub(super) etag: String,
    /// `BlockBlob`, `PageBlob` or `AppendBlob`.
    pub(super) blob_type: String,
}

/// A version of a blob that starts a function.
pub(super) struct Cause<'a> {
    /// The function's name.
    pub(super) function: &'a str,
    /// The container's name.
    pub(super) container: &'a str,
    /// The version.
    pub(super) version: &'a BlobVersion,
}

impl Cause<'_> {
    /// Returns the blob's path: `container/name`.
    pub(super) fn path(&self) -> String {
        format!("{}/{}", self.container, self.version.name)
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
            "BlobType": self.version.blob_type,
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
        let version = BlobVersion {
            name: "2024/a.png".to_owned(),
            etag: "\"0x1\"".to_owned(),
            blob_type: "BlockBlob".to_owned(),
        };
        let cause = Cause {
            function: "Resize",
            container: "images",
            version: &version,
        };
        let event = cause.event("https://x/images/a.png".to_owned(), &properties, captures.into());
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
}
