//! The id of an invocation.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

/// The id of an invocation: a UUID, unless the trigger has ids of another kind. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvocationId {
    /// The usual kind.
    Uuid(Uuid),
    /// Any text.
    Text(Arc<str>),
}

impl InvocationId {
    /// Returns a random id.
    pub fn random() -> Self {
        InvocationId::Uuid(Uuid::new_v4())
    }
}

impl From<&str> for InvocationId {
    fn from(text: &str) -> Self {
        match Uuid::try_parse(text) {
            // Others are written in another way, and must stay so.
            Ok(id)
                if text.len() == uuid::fmt::Hyphenated::LENGTH
                    && !text.bytes().any(|it| it.is_ascii_uppercase()) =>
            {
                InvocationId::Uuid(id)
            }
            _ => InvocationId::Text(text.into()),
        }
    }
}

impl From<Uuid> for InvocationId {
    fn from(id: Uuid) -> Self {
        InvocationId::Uuid(id)
    }
}

impl fmt::Display for InvocationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvocationId::Uuid(id) => id.hyphenated().fmt(f),
            InvocationId::Text(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shown_as_it_came() {
        for text in [
            "0f8fad5b-d9cb-469f-a165-70867728950e",
            "0F8FAD5B-D9CB-469F-A165-70867728950E",
            "{0f8fad5b-d9cb-469f-a165-70867728950e}",
            "0f8fad5bd9cb469fa16570867728950e",
            "call-7",
            "",
        ] {
            assert_eq!(InvocationId::from(text).to_string(), text);
        }
    }
}
