//! Where headers are read from.

/// The headers of a request.
pub trait Carrier {
    /// Returns `traceparent` and `tracestate`, each as one text; empty ones stand for headers that are absent or that
    /// cannot be trusted.
    fn trace_context(&self) -> (&str, &str);

    /// Returns the first value of this name, which is in lower case.
    fn get(&self, name: &str) -> Option<&[u8]>;

    /// Returns all values of this name, in order.
    fn all(&self, name: &str) -> impl Iterator<Item = &[u8]>;
}

/// Headers from a list that has each name once.
pub struct HeaderList(Vec<(String, String)>);

impl HeaderList {
    /// Takes names in any case.
    pub fn new(headers: impl IntoIterator<Item = (String, String)>) -> Self {
        let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
        HeaderList(headers.into_iter().map(lower).collect())
    }
}

impl Carrier for HeaderList {
    fn trace_context(&self) -> (&str, &str) {
        let text = |name| {
            let header = self.0.iter().find(|(known, _)| known == name);
            header.map_or("", |(_, value)| value.as_str())
        };
        (text("traceparent"), text("tracestate"))
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let headers = self.0.iter().filter(move |(known, _)| known == name);
        headers.map(|(_, value)| value.as_bytes())
    }
}
