//! The content of messages: their encoding, and what a function gets.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use funcdock_storage::Message;
use serde::Deserialize;

use crate::app::MessageEncoding;
use crate::model::schedule::{Timestamp, Zone};
use crate::model::{Event, EventData};

/// A message that cannot be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not in base64; set \"messageEncoding\": \"none\" in extensions.queues of host.json if messages are plain text, or \
     have their sender encode them"
)]
pub(super) struct NotBase64;

/// Returns the event of a message, with the metadata that the reference has.
pub(super) fn event(
    function: &str,
    message: &Message,
    encoding: MessageEncoding,
) -> Result<Event, NotBase64> {
    let body = match encoding {
        MessageEncoding::None => EventData::String(message.text.clone()),
        MessageEncoding::Base64 => {
            let bytes = STANDARD.decode(message.text.trim()).map_err(|_| NotBase64)?;
            match String::from_utf8(bytes) {
                Ok(text) => EventData::String(text),
                Err(error) => EventData::Bytes(error.into_bytes()),
            }
        }
    };
    let text = |text: &str| EventData::String(text.to_owned());
    let metadata = [
        (
            "QueueTrigger",
            match &body {
                EventData::String(body) => text(body),
                _ => text(&message.text),
            },
        ),
        ("Id", text(&message.id)),
        ("DequeueCount", EventData::Int(message.dequeue_count.into())),
        ("InsertionTime", time(message.inserted)),
        ("ExpirationTime", time(message.expires)),
        ("NextVisibleTime", time(message.next_visible)),
        ("PopReceipt", text(&message.pop_receipt)),
    ];
    Ok(Event {
        function: function.to_owned(),
        trace: producer(&body),
        data: body,
        metadata: metadata.map(|(name, data)| (name.to_owned(), data)).to_vec(),
        ..Event::default()
    })
}

/// Returns the trace context of the producer, if the message is a JSON object that has it, as CloudEvents do.
fn producer(body: &EventData) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Traced {
        traceparent: String,
        #[serde(default)]
        tracestate: String,
    }
    match body {
        EventData::String(text) if text.contains("traceparent") => {
            let traced: Traced = serde_json::from_str(text).ok()?;
            Some((traced.traceparent, traced.tracestate))
        }
        _ => None,
    }
}

/// Returns a time as the reference writes it: in UTC.
fn time(time: SystemTime) -> EventData {
    EventData::String(
        Timestamp::try_from(time).map_or_else(|_| String::new(), |time| Zone::utc().local_text(time)),
    )
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn message(text: &str) -> Message {
        Message {
            id: "7".to_owned(),
            pop_receipt: "receipt".to_owned(),
            text: text.to_owned(),
            dequeue_count: 2,
            inserted: UNIX_EPOCH + Duration::from_secs(60),
            expires: UNIX_EPOCH + Duration::from_secs(120),
            next_visible: UNIX_EPOCH + Duration::from_secs(90),
        }
    }

    #[test]
    fn a_message_is_text_or_bytes_with_its_metadata() {
        let read = |text: &str, encoding| event("f", &message(text), encoding).expect("valid");
        let text = read("aMOk", MessageEncoding::Base64);
        assert_eq!(text.data, EventData::String("hä".to_owned()));
        let metadata = |name: &str| {
            text.metadata
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, data)| data.clone())
        };
        assert_eq!(metadata("QueueTrigger"), Some(EventData::String("hä".to_owned())));
        assert_eq!(metadata("DequeueCount"), Some(EventData::Int(2)));
        assert_eq!(
            metadata("InsertionTime"),
            Some(EventData::String("1970-01-01T00:01:00+00:00".to_owned()))
        );
        assert_eq!(
            read("/w==", MessageEncoding::Base64).data,
            EventData::Bytes(vec![0xff])
        );
        assert_eq!(
            read("/w==", MessageEncoding::None).data,
            EventData::String("/w==".to_owned())
        );
        let traced = read(r#"{"traceparent": "00-1", "other": 1}"#, MessageEncoding::None);
        assert_eq!(traced.trace, Some(("00-1".to_owned(), String::new())));
        assert_eq!(text.trace, None);
        assert_eq!(
            event("f", &message("plain text"), MessageEncoding::Base64),
            Err(NotBase64)
        );
    }
}
