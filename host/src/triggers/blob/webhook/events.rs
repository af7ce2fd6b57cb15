//! Reads the events that Event Grid sends, in its own schema and in that of CloudEvents 1.0.

use std::net::IpAddr;

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::Value;

use super::super::event::BlobVersion;

/// The only type of event that counts. A subscription without a filter has others, too.
const BLOB_CREATED: &str = "Microsoft.Storage.BlobCreated";

/// The type of the event with which Event Grid checks a webhook.
const VALIDATION: &str = "Microsoft.EventGrid.SubscriptionValidationEvent";

/// The container of blobs whose URLs name none.
const ROOT: &str = "$root";

/// A body that is not as expected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EventsError {
    /// It is not JSON, or neither an event nor a list of events.
    #[error(
        "the body is not valid: {0}; expected a JSON array of events in the Event Grid schema, or an event or an array of \
         events in the schema of CloudEvents 1.0"
    )]
    Body(String),
    /// An event is not as expected.
    #[error("event {index} is not valid: {detail}")]
    Event {
        /// Its number, from 1.
        index: usize,
        /// What was expected, and what was found.
        detail: String,
    },
    /// There is no code.
    #[error(
        "the body is not valid: expected a JSON array with one event of the type \"{VALIDATION}\", whose data has a text \
         \"validationCode\""
    )]
    Validation,
}

/// A blob that was written.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WrittenBlob {
    /// The container's name.
    pub(super) container: String,
    pub(super) version: BlobVersion,
}

/// The data of an event of [`BLOB_CREATED`].
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlobCreated {
    url: String,
    #[serde(default)]
    e_tag: String,
    #[serde(default)]
    blob_type: String,
}

/// Returns the code in the event with which Event Grid checks a webhook.
///
/// # Errors
/// [`EventsError::Validation`].
pub(super) fn validation_code(body: &[u8]) -> Result<String, EventsError> {
    let json: Value = serde_json::from_slice(body).map_err(|_| EventsError::Validation)?;
    let code = json.pointer("/0/data/validationCode").and_then(Value::as_str);
    code.map(str::to_owned).ok_or(EventsError::Validation)
}

/// Reads events. One that does not say that a blob was written is `None`.
///
/// # Errors
/// The body, or one of its events, is not as expected.
pub(super) fn read(body: &[u8]) -> Result<Vec<Option<WrittenBlob>>, EventsError> {
    let json: Value = serde_json::from_slice(body).map_err(|error| EventsError::Body(error.to_string()))?;
    let events = match json {
        Value::Array(events) => events,
        // CloudEvents come one by one, unless the subscription says otherwise.
        Value::Object(_) => vec![json],
        _ => {
            return Err(EventsError::Body(
                "it is neither an object nor an array".to_owned(),
            ));
        }
    };
    let events = events.into_iter().enumerate();
    events
        .map(|(index, event)| {
            event_of(&event).map_err(|detail| EventsError::Event {
                index: index + 1,
                detail,
            })
        })
        .collect()
}

/// Reads one event. The error says what is wrong.
fn event_of(event: &Value) -> Result<Option<WrittenBlob>, String> {
    let is_cloud_event = event.get("specversion").is_some();
    let member = if is_cloud_event { "type" } else { "eventType" };
    let kind = event.get(member).and_then(Value::as_str).ok_or_else(|| {
        format!(
            "expected an object with a text {member:?} ({})",
            if is_cloud_event {
                "CloudEvents 1.0, as it has \"specversion\""
            } else {
                "the Event Grid schema, as it has no \"specversion\""
            }
        )
    })?;
    if kind != BLOB_CREATED {
        tracing::debug!("an event of the type {kind:?} is dropped: only {BLOB_CREATED} counts");
        return Ok(None);
    }
    let data = event.get("data").unwrap_or(&Value::Null);
    let created = BlobCreated::deserialize(data)
        .map_err(|error| format!("its \"data\" is not that of {BLOB_CREATED}: {error}"))?;
    let (container, name) = place(&created.url).ok_or_else(|| {
        format!(
            "data.url: expected the URL of a blob, such as \"https://ACCOUNT.blob.core.windows.net/CONTAINER/NAME\", found {:?}",
            created.url
        )
    })?;
    Ok(Some(WrittenBlob {
        container,
        version: BlobVersion {
            name,
            etag: created.e_tag,
            blob_type: created.blob_type,
        },
    }))
}

/// Returns the container and the name of the blob with this URL.
fn place(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    if !(scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")) {
        return None;
    }
    let (authority, path) = rest.split_once('/')?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = match has_account_in_path(authority) {
        true => path.split_once('/')?.1,
        false => path,
    };
    let (container, name) = path.split_once('/').unwrap_or((ROOT, path));
    let decoded = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    let (container, name) = (decoded(container)?, decoded(name)?);
    (!container.is_empty() && !name.is_empty()).then_some((container, name))
}

/// Whether the first step of paths is the name of the account, as with the emulator: in the cloud, it is in the host's name.
fn has_account_in_path(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let host = host.trim_matches(['[', ']']);
    host.parse::<IpAddr>().is_ok() || !host.contains('.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grid(kind: &str, url: &str) -> Value {
        json!({
            "id": "1", "topic": "/subscriptions/x", "subject": "/blobServices/default/containers/samples/blobs/a",
            "eventType": kind, "eventTime": "2026-11-30T10:00:00Z", "dataVersion": "", "metadataVersion": "1",
            "data": { "api": "PutBlob", "eTag": "0x1", "blobType": "BlockBlob", "contentLength": 5, "url": url },
        })
    }

    fn cloud(kind: &str, url: &str) -> Value {
        json!({
            "specversion": "1.0", "id": "1", "source": "/subscriptions/x", "type": kind, "time": "2026-11-30T10:00:00Z",
            "data": { "api": "PutBlob", "eTag": "0x1", "blobType": "BlockBlob", "contentLength": 5, "url": url },
        })
    }

    const URL: &str = "https://account.blob.core.windows.net/samples/a%20b/%C3%A4.txt";

    fn written() -> Option<WrittenBlob> {
        Some(WrittenBlob {
            container: "samples".to_owned(),
            version: BlobVersion {
                name: "a b/ä.txt".to_owned(),
                etag: "0x1".to_owned(),
                blob_type: "BlockBlob".to_owned(),
            },
        })
    }

    fn read_json(body: &Value) -> Result<Vec<Option<WrittenBlob>>, EventsError> {
        read(body.to_string().as_bytes())
    }

    #[test]
    fn both_schemas_are_read_alone_and_in_batches() {
        let deleted = "Microsoft.Storage.BlobDeleted";
        for (body, expected) in [
            (json!([grid(BLOB_CREATED, URL)]), vec![written()]),
            (
                json!([
                    grid(BLOB_CREATED, URL),
                    grid(deleted, URL),
                    grid(BLOB_CREATED, URL)
                ]),
                vec![written(), None, written()],
            ),
            (cloud(BLOB_CREATED, URL), vec![written()]),
            (
                json!([cloud(deleted, URL), cloud(BLOB_CREATED, URL)]),
                vec![None, written()],
            ),
            (json!([]), vec![]),
        ] {
            assert_eq!(read_json(&body), Ok(expected), "{body}");
        }
    }

    #[test]
    fn the_urls_of_accounts_and_emulators_are_read() {
        for (url, expected) in [
            ("https://a.blob.core.windows.net/c/n", Some(("c", "n"))),
            ("https://a.dfs.core.windows.net/c/d/n.txt", Some(("c", "d/n.txt"))),
            ("https://files.example.com/c/n?versionid=1#x", Some(("c", "n"))),
            ("https://a.blob.core.windows.net/n", Some(("$root", "n"))),
            (
                "http://127.0.0.1:10000/devstoreaccount1/c/d/n.",
                Some(("c", "d/n.")),
            ),
            ("http://[::1]:10000/devstoreaccount1/c/n", Some(("c", "n"))),
            ("http://azurite:10000/devstoreaccount1/c/n%23", Some(("c", "n#"))),
            ("http://localhost/devstoreaccount1", None),
            ("https://a.blob.core.windows.net", None),
            ("https://a.blob.core.windows.net/c/", None),
            ("https://a.blob.core.windows.net/c/%FF", None),
            ("ftp://a.blob.core.windows.net/c/n", None),
            ("/c/n", None),
            ("", None),
        ] {
            let found = place(url);
            let found = found.as_ref().map(|(container, name)| (&**container, &**name));
            assert_eq!(found, expected, "{url}");
        }
    }

    #[test]
    fn what_is_not_valid_says_what_was_expected() {
        let mut no_url = grid(BLOB_CREATED, URL);
        no_url["data"] = json!({ "api": "PutBlob" });
        for (body, expected) in [
            (
                json!(1),
                "it is neither an object nor an array; expected a JSON array",
            ),
            (
                json!([1]),
                "event 1 is not valid: expected an object with a text \"eventType\"",
            ),
            (
                json!([grid(BLOB_CREATED, URL), {"specversion": "1.0"}]),
                "event 2 is not valid: expected an object with a text \"type\" (CloudEvents 1.0",
            ),
            (
                json!([no_url]),
                "event 1 is not valid: its \"data\" is not that of Microsoft.Storage.BlobCreated: missing field `url`",
            ),
            (
                json!([grid(BLOB_CREATED, "x")]),
                "data.url: expected the URL of a blob, such as",
            ),
        ] {
            let error = read_json(&body).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = read(b"[{").expect_err("refused").to_string();
        assert!(error.starts_with("the body is not valid: EOF"), "{error}");
    }

    #[test]
    fn the_validation_has_a_code() {
        let event = json!([{ "id": "1", "eventType": VALIDATION, "data": { "validationCode": "512d" } }]);
        assert_eq!(
            validation_code(event.to_string().as_bytes()),
            Ok("512d".to_owned())
        );
        for body in [
            "",
            "{}",
            "[]",
            r#"[{"data": {}}]"#,
            r#"[{"data": {"validationCode": 1}}]"#,
        ] {
            assert_eq!(
                validation_code(body.as_bytes()),
                Err(EventsError::Validation),
                "{body}"
            );
        }
    }
}
