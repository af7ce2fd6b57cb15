//! Where the values of expressions come from.

use std::borrow::Cow;
use std::time::SystemTime;

use serde_json::{Map, Value};

/// The values of one call that expressions can name: the trigger's metadata, the properties of its JSON message, route
/// parameters.
pub trait Values {
    /// Returns the value of this name, whatever the case of its letters.
    fn value(&self, name: &str) -> Option<BindingValue<'_>>;

    /// Returns the names of all values, for messages.
    fn names(&self) -> Vec<Cow<'_, str>>;
}

/// A value that an expression can name.
#[derive(Debug, Clone, PartialEq)]
pub enum BindingValue<'a> {
    /// Text; it has no properties, even if it is JSON.
    Text(Cow<'a, str>),
    /// JSON, whose properties a dotted path can name.
    Json(Cow<'a, Value>),
}

/// What `{sys.…}`, `{DateTime}` and `{rand-guid}` stand for in one call.
#[derive(Debug, Clone, Copy)]
pub struct SystemValues<'a> {
    /// The function's name: `{sys.methodname}`.
    pub function: &'a str,
    /// The time of the call: `{DateTime}` and `{sys.utcnow}`.
    pub now: SystemTime,
}

/// The properties of a JSON object.
impl Values for Map<String, Value> {
    fn value(&self, name: &str) -> Option<BindingValue<'_>> {
        property(self, name).map(|value| BindingValue::Json(Cow::Borrowed(value)))
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.keys().map(|name| Cow::Borrowed(name.as_str())).collect()
    }
}

/// Names and texts, as [`BlobPattern::match_blob`](super::BlobPattern::match_blob) returns them.
impl Values for [(String, String)] {
    fn value(&self, name: &str) -> Option<BindingValue<'_>> {
        self.iter()
            .find(|(key, _)| eq_ignore_case(key, name))
            .map(|(_, text)| BindingValue::Text(Cow::Borrowed(text)))
    }

    fn names(&self) -> Vec<Cow<'_, str>> {
        self.iter()
            .map(|(name, _)| Cow::Borrowed(name.as_str()))
            .collect()
    }
}

/// Returns the property of this name. One with the same case goes before others.
pub(super) fn property<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    let other_case = || object.iter().find(|(key, _)| eq_ignore_case(key, name));
    object.get(name).or_else(|| other_case().map(|(_, value)| value))
}

/// Whether the names are the same apart from the case of their letters.
pub(super) fn eq_ignore_case(one: &str, other: &str) -> bool {
    let lower = |text: &str| text.to_lowercase();
    one.eq_ignore_ascii_case(other) || (!(one.is_ascii() && other.is_ascii()) && lower(one) == lower(other))
}
