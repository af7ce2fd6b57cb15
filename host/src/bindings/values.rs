//! The values of a call that binding expressions can name.

use std::borrow::Cow;
use std::sync::OnceLock;

use form_urlencoded::parse;
use serde_json::{Map, Value};

use crate::model::expression::{BindingValue, Values};
use crate::model::{Body, Data, HttpRequest, Invocation};

/// The values of a call. Made when the first expression needs them: most paths have none.
pub(super) struct CallValues<'a> {
    invocation: &'a Invocation,
    made: OnceLock<Map<String, Value>>,
}

impl<'a> CallValues<'a> {
    /// Returns the values of this call.
    pub(super) fn of(invocation: &'a Invocation) -> Self {
        CallValues {
            invocation,
            made: OnceLock::new(),
        }
    }

    fn all(&self) -> &Map<String, Value> {
        self.made.get_or_init(|| {
            let mut all = Map::new();
            let metadata = self.invocation.all_metadata().iter();
            all.extend(metadata.filter_map(|(name, data)| Some((name.clone(), json(data)?))));
            // The properties of a message go before what the service says of it, as in Azure's host.
            match self.invocation.trigger() {
                Data::Request(request) => of_request(request, &mut all),
                Data::String(text) | Data::Json(text) => of_json(text.as_bytes(), &mut all),
                Data::Bytes(bytes) => of_json(bytes, &mut all),
                _ => {}
            }
            all
        })
    }
}

impl Values for CallValues<'_> {
    fn value(&self, name: &str) -> Option<BindingValue<'_>> {
        self.all().value(name)
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.all().names()
    }
}

/// Adds the values of a request, the later ones of which win: the properties of its body, its query, the parameters of its
/// route; and all of the query and the headers by one name each.
fn of_request(request: &HttpRequest, all: &mut Map<String, Value>) {
    if let Body::Bytes(bytes) = &request.body {
        of_json(bytes, all);
    }
    let query = request.uri.query().unwrap_or_default();
    let pairs = parse(query.as_bytes()).map(|(name, value)| (name.into_owned(), value.into_owned().into()));
    // A key is nothing for the name of a blob.
    let query: Map<String, Value> = pairs
        .filter(|(name, _)| !name.eq_ignore_ascii_case("code"))
        .collect();
    let headers = request.headers.iter().filter_map(|(name, value)| {
        let text = value.to_str().ok()?;
        Some((name.as_str().to_owned(), text.into()))
    });
    let headers: Map<String, Value> = headers.collect();
    set(all, query.clone());
    let parameters = request.route_params.iter();
    set(
        all,
        parameters.map(|(name, value)| (name.clone(), value.as_str().into())),
    );
    all.insert("query".to_owned(), query.into());
    all.insert("headers".to_owned(), headers.into());
}

/// Adds the properties of a JSON object; nothing for anything else.
fn of_json(text: &[u8], all: &mut Map<String, Value>) {
    if let Ok(Value::Object(object)) = serde_json::from_slice(text) {
        set(all, object);
    }
}

/// Sets values, each in the place of one whose name differs in the case of its letters only.
fn set(all: &mut Map<String, Value>, values: impl IntoIterator<Item = (String, Value)>) {
    for (name, value) in values {
        let lower = name.to_lowercase();
        all.retain(|known, _| known.to_lowercase() != lower);
        all.insert(name, value);
    }
}

fn json(data: &Data) -> Option<Value> {
    match data {
        Data::String(text) => Some(text.as_str().into()),
        Data::Json(text) => serde_json::from_str(text).ok(),
        Data::Int(number) => Some((*number).into()),
        Data::Double(number) => Some((*number).into()),
        _ => None,
    }
}
