//! Headers of tests.

use super::{Caller, Carrier, HeaderList, Propagators};

/// Headers as a host reads them.
pub(super) struct Headers {
    trace_context: (String, String),
    all: Vec<(String, Vec<u8>)>,
}

impl Headers {
    pub(super) fn of(headers: &[(&str, &str)]) -> Self {
        Headers::of_bytes(
            headers
                .iter()
                .map(|(name, value)| (*name, value.as_bytes().to_vec())),
        )
    }

    pub(super) fn of_bytes<'a>(headers: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Self {
        let lower = |(name, value): (&str, Vec<u8>)| (name.to_ascii_lowercase(), value);
        let all: Vec<_> = headers.into_iter().map(lower).collect();
        let texts = |name: &str| -> Vec<_> {
            let values = all.iter().filter(|(known, _)| known == name);
            values
                .map(|(_, value)| String::from_utf8_lossy(value).into_owned())
                .collect()
        };
        let trace_context = match &texts("traceparent")[..] {
            [traceparent] => (traceparent.clone(), texts("tracestate").join(",")),
            _ => Default::default(),
        };
        Headers { trace_context, all }
    }
}

impl Carrier for Headers {
    fn trace_context(&self) -> (&str, &str) {
        (&self.trace_context.0, &self.trace_context.1)
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let headers = self.all.iter().filter(move |(known, _)| known == name);
        headers.map(|(_, value)| value.as_slice())
    }
}

/// Headers as function code gives them.
pub(super) fn given(headers: &[(&str, &str)]) -> HeaderList {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    HeaderList::new(headers.iter().map(owned))
}

/// Returns the caller that these headers name, in the default formats, without empty headers.
pub(crate) fn caller(headers: &[(&str, &str)]) -> Caller {
    let mut headers = headers.to_vec();
    headers.retain(|(_, value)| !value.is_empty());
    Propagators::default().extract(&Headers::of(&headers), |_| {})
}
