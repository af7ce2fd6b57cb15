//! Answers requests about keys, as Azure's key management API does.

use http::header::CACHE_CONTROL;
use http::{HeaderValue, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::route::{KeyAction, KeyOwner, KeysRoute};
use crate::keys::{Key, KeyFolder, KeyList, KeysError, MASTER};
use crate::triggers::http::responses::{self, ResponseBody};

const NO_KEY: &str = "there is no key of this name\n";

/// The body of a request that sets a key.
#[derive(Deserialize)]
struct Wanted {
    value: String,
}

/// Answers a request. Does not block.
pub(super) async fn answer(folder: KeyFolder, request: KeysRoute, body: &[u8]) -> Response<ResponseBody> {
    let value = match &request.action {
        KeyAction::Put(_) => match serde_json::from_slice::<Wanted>(body) {
            // A header can carry it.
            Ok(Wanted { value })
                if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                Some(value)
            }
            _ => {
                return responses::plain(
                    StatusCode::BAD_REQUEST,
                    "expected a body such as {\"name\": \"shop\", \"value\": \"a long secret\"}; POST without a body makes a \
                     random value\n",
                );
            }
        },
        _ => None,
    };
    let changed = tokio::task::spawn_blocking(move || act(&folder, &request, value));
    match changed.await {
        Ok(Ok(mut response)) => {
            let no_store = HeaderValue::from_static("no-store");
            response.headers_mut().insert(CACHE_CONTROL, no_store);
            response
        }
        Ok(Err(error @ (KeysError::DeleteMaster | KeysError::HostName))) => {
            responses::plain(StatusCode::BAD_REQUEST, format!("{error}\n"))
        }
        Ok(Err(error)) => {
            tracing::error!("{error}");
            responses::plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the keys cannot be read or written; see the log\n",
            )
        }
        // The panic is printed.
        Err(_) => responses::plain(StatusCode::INTERNAL_SERVER_ERROR, "see the log\n"),
    }
}

fn act(
    folder: &KeyFolder,
    request: &KeysRoute,
    value: Option<String>,
) -> Result<Response<ResponseBody>, KeysError> {
    let list = match &request.owner {
        KeyOwner::Host => KeyList::Host,
        KeyOwner::System => KeyList::System,
        KeyOwner::Function(name) => KeyList::Function(name),
    };
    let no_key = || responses::plain(StatusCode::NOT_FOUND, NO_KEY);
    Ok(match &request.action {
        KeyAction::List => {
            let keys: Vec<Value> = folder.list(list)?.iter().map(shown).collect();
            responses::json(&json!({ "keys": keys }))
        }
        KeyAction::Get(name) => {
            let found = match list {
                KeyList::Host if name.eq_ignore_ascii_case(MASTER) => folder.master()?,
                _ => {
                    let mut keys = folder.list(list)?.into_iter();
                    keys.find(|key| key.name.eq_ignore_ascii_case(name))
                }
            };
            found.map_or_else(no_key, |key| responses::json(&shown(&key)))
        }
        KeyAction::Put(name) | KeyAction::Renew(name) => {
            let changed = folder.set(list, name, value)?;
            let mut response = responses::json(&shown(&changed.key));
            if changed.is_new {
                *response.status_mut() = StatusCode::CREATED;
            }
            response
        }
        KeyAction::Delete(name) => match folder.delete(list, name)? {
            true => responses::no_content(),
            false => no_key(),
        },
    })
}

fn shown(key: &Key) -> Value {
    json!({ "name": key.name, "value": key.value })
}
