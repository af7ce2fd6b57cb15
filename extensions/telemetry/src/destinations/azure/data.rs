//! Attributes as fields of Application Insights, and its limits of lengths.

use std::borrow::Cow;
use std::collections::BTreeMap;

use opentelemetry_proto::tonic::common::v1::KeyValue;

use crate::encode::json::text;

/// The limits of Application Insights, in characters.
pub(super) const MAX_NAME: usize = 1024;
pub(super) const MAX_MESSAGE: usize = 32768;
const MAX_PROPERTY_KEY: usize = 150;
pub(super) const MAX_PROPERTY: usize = 8192;

/// What a telemetry item holds besides its fields.
pub(super) type Properties<'a> = BTreeMap<Cow<'a, str>, Cow<'a, str>>;

/// The attributes of a span, an event or a log record. Those that become fields are taken out; the rest are properties.
pub(super) struct Attributes<'a> {
    pairs: &'a [KeyValue],
    taken: Vec<bool>,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(pairs: &'a [KeyValue]) -> Self {
        Attributes {
            pairs,
            taken: vec![false; pairs.len()],
        }
    }

    /// Returns the first of these that has a value, as text, and keeps it.
    pub(super) fn get(&self, keys: &[&str]) -> Option<Cow<'a, str>> {
        self.find(keys).map(|(_, value)| value)
    }

    /// Takes out the first of these that has a value, as text.
    pub(super) fn take(&mut self, keys: &[&str]) -> Option<Cow<'a, str>> {
        let (index, value) = self.find(keys)?;
        self.taken[index] = true;
        Some(value)
    }

    /// Returns the attributes that were not taken.
    pub(super) fn into_properties(self) -> Properties<'a> {
        let left = self.pairs.iter().zip(&self.taken).filter(|(_, taken)| !**taken);
        left.filter_map(|(pair, _)| {
            let value = text(pair.value.as_ref())?;
            Some((cut(&pair.key, MAX_PROPERTY_KEY), cut_text(value, MAX_PROPERTY)))
        })
        .collect()
    }

    fn find(&self, keys: &[&str]) -> Option<(usize, Cow<'a, str>)> {
        keys.iter().find_map(|key| {
            let index = self.pairs.iter().position(|pair| pair.key == *key)?;
            let value = text(self.pairs[index].value.as_ref())?;
            (!value.is_empty()).then_some((index, value))
        })
    }
}

/// Cuts a text to this number of characters.
pub(super) fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    match text.char_indices().nth(limit) {
        Some((end, _)) => Cow::Borrowed(&text[..end]),
        None => Cow::Borrowed(text),
    }
}

/// As [`cut`], for a text that may be owned.
pub(super) fn cut_text(text: Cow<'_, str>, limit: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => cut(text, limit),
        Cow::Owned(text) => Cow::Owned(cut(&text, limit).into_owned()),
    }
}
