//! How much one span may hold.

/// The most that a span keeps; what is beyond is dropped and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The number of attributes.
    pub attributes: usize,
    /// The length of a text, in characters; longer ones are cut.
    pub value_length: usize,
    /// The number of events.
    pub events: usize,
}

impl Default for Limits {
    /// As OpenTelemetry's SDKs have it.
    fn default() -> Self {
        Limits {
            attributes: 128,
            value_length: usize::MAX,
            events: 128,
        }
    }
}

impl Limits {
    /// Returns the beginning of a text, as long as the limit allows.
    #[inline]
    pub(crate) fn cut<'a>(&self, text: &'a str) -> &'a str {
        // Each character takes a byte or more.
        if text.len() <= self.value_length {
            return text;
        }
        let end = text.char_indices().nth(self.value_length);
        end.map_or(text, |(at, _)| &text[..at])
    }
}
