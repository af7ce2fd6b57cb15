//! The path of a request, as templates are matched with it.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use percent_encoding::percent_decode_str;
use smallvec::SmallVec;

/// The path of a request. It is split and decoded once, when the first template needs it, however many there are.
pub struct RequestPath<'p> {
    /// As sent, without one slash at its start.
    raw: &'p str,
    decoded: OnceCell<DecodedPath<'p>>,
}

/// A path that is percent-decoded, segment by segment; bytes that are not UTF-8 become replacement characters.
pub(super) struct DecodedPath<'p> {
    text: Cow<'p, str>,
    /// Where the first segments are in the text: not more of them than any template needs.
    segments: SmallVec<[Range<usize>; 8]>,
}

impl<'p> RequestPath<'p> {
    /// Returns a path, which is percent-encoded and without the query.
    pub fn new(path: &'p str) -> Self {
        RequestPath {
            raw: path.strip_prefix('/').unwrap_or(path),
            decoded: OnceCell::new(),
        }
    }

    /// Returns the path as sent, without one slash at its start and one at its end.
    pub fn trimmed(&self) -> &'p str {
        match self.raw.strip_suffix('/') {
            Some(path) if !path.is_empty() => path,
            _ => self.raw,
        }
    }

    /// Returns the decoded path with its first segments, `most` of them when this is called first.
    pub(super) fn decoded(&self, most: usize) -> &DecodedPath<'p> {
        self.decoded.get_or_init(|| DecodedPath::new(self.raw, most))
    }
}

impl<'p> DecodedPath<'p> {
    fn new(raw: &'p str, most: usize) -> Self {
        let mut decoded = raw.contains('%').then(|| String::with_capacity(raw.len()));
        let mut segments = SmallVec::new();
        let mut at = 0;
        // One slash at the end does not separate anything.
        while at < raw.len() && segments.len() < most {
            let end = raw[at..].find('/').map_or(raw.len(), |slash| at + slash);
            segments.push(match &mut decoded {
                None => at..end,
                Some(decoded) => {
                    let start = decoded.len();
                    decoded.push_str(&decode(&raw[at..end]));
                    let segment = start..decoded.len();
                    if end < raw.len() {
                        decoded.push('/');
                    }
                    segment
                }
            });
            at = end + 1;
        }
        if let Some(decoded) = &mut decoded
            && at < raw.len()
        {
            decoded.push_str(&decode(&raw[at..]));
        }
        let text = decoded.map_or(Cow::Borrowed(raw), Cow::Owned);
        DecodedPath { text, segments }
    }

    /// Returns the segment with this number; `None` behind the end.
    pub(super) fn segment(&self, number: usize) -> Option<&str> {
        let range = self.segments.get(number)?;
        Some(&self.text[range.clone()])
    }

    /// Returns everything from the segment with this number on; nothing behind the end.
    pub(super) fn rest(&self, number: usize) -> &str {
        self.segments
            .get(number)
            .map_or("", |range| &self.text[range.start..])
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_split_as_far_as_templates_need_it() {
        let cases: [(&str, usize, &[&str], &str); 8] = [
            ("", 9, &[], ""),
            ("a/b/", 9, &["a", "b"], "b/"),
            ("a//b", 9, &["a", "", "b"], "/b"),
            ("a/b/c/d", 2, &["a", "b"], "b/c/d"),
            ("a%2Fb/c%20d/e%2Ff/", 9, &["a/b", "c d", "e/f"], "c d/e/f/"),
            ("%41/b/%43/%44", 2, &["A", "b"], "b/C/D"),
            ("%ff/%C3%A9", 9, &["\u{fffd}", "é"], "é"),
            ("a/%", 9, &["a", "%"], "%"),
        ];
        for (raw, most, segments, rest) in cases {
            let path = DecodedPath::new(raw, most);
            let found: Vec<_> = (0..=segments.len())
                .filter_map(|number| path.segment(number))
                .collect();
            assert_eq!((found.as_slice(), path.rest(1)), (segments, rest), "{raw:?}");
        }
    }

    #[test]
    fn a_path_is_decoded_once() {
        let path = RequestPath::new("/%41");
        let first: *const DecodedPath<'_> = path.decoded(1);
        assert!(std::ptr::eq(first, path.decoded(1)));
    }
}
