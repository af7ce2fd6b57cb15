//! `tracestate`, by Level 2 of W3C's trace context: what tracing systems on the way add to a trace.
//!
//! It is passed on as it came. The specification leaves two choices. When a key comes twice, the first member counts, as
//! it is the newest. The text as a whole may be of any length: only the number of members (32) and each member's length
//! are limited.

use std::str::FromStr;
use std::sync::Arc;

/// The most members.
const MEMBERS: usize = 32;

/// The longest key, and the longest value.
const LENGTH: usize = 256;

/// The members as a header has them, without white space and empty ones. Shared by the spans of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TraceState(Option<Arc<str>>);

/// A `tracestate` that breaks the rules. All of it is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedTraceState;

impl TraceState {
    /// No members.
    pub const NONE: TraceState = TraceState(None);

    /// The header; empty if there is nothing to send.
    pub fn header(&self) -> &str {
        self.0.as_deref().unwrap_or("")
    }
}

impl FromStr for TraceState {
    type Err = MalformedTraceState;

    fn from_str(text: &str) -> Result<Self, MalformedTraceState> {
        if text.is_empty() {
            return Ok(TraceState::NONE);
        }
        let mut header = String::with_capacity(text.len());
        let (mut keys, mut count) = ([""; MEMBERS], 0);
        for member in text.split(',') {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=').ok_or(MalformedTraceState)?;
            if !is_key(key) || !is_value(value) {
                return Err(MalformedTraceState);
            }
            // A repeated key counts again, so that 32 members bound the work.
            *keys.get_mut(count).ok_or(MalformedTraceState)? = key;
            count += 1;
            if keys[..count - 1].contains(&key) {
                continue;
            }
            if !header.is_empty() {
                header.push(',');
            }
            header.push_str(member);
        }
        Ok(TraceState((!header.is_empty()).then(|| header.into())))
    }
}

fn is_key(key: &str) -> bool {
    let is_first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_other = |byte: u8| is_first(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= LENGTH && key.bytes().next().is_some_and(is_first) && key.bytes().all(is_other)
}

/// Spaces at the end were trimmed before.
fn is_value(value: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=';
    (1..=LENGTH).contains(&value.len()) && value.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(count: usize) -> String {
        let members: Vec<_> = (0..count).map(|index| format!("k{index}=v")).collect();
        members.join(",")
    }

    #[test]
    fn by_the_rules_of_w3c() {
        let (key, value) = ("k".repeat(LENGTH), "v".repeat(LENGTH));
        let full = format!("{key}={value}");
        let long = [
            full.replacen('k', "a", 1),
            full.replacen('k', "b", 1),
            full.clone(),
        ]
        .join(",");
        let whole = |text: &str| (text.to_owned(), Some(text.to_owned()));
        let cases = [
            (whole(""), "nothing"),
            (whole("congo=t61rcWkgMzE"), "one member"),
            (whole("rojo=00f0,congo=t61"), "several, in order"),
            (
                (" rojo=1\t,\t congo=2 ".into(), Some("rojo=1,congo=2".into())),
                "white space around members",
            ),
            (
                ("rojo=1,,\t,congo=2,".into(), Some("rojo=1,congo=2".into())),
                "empty members",
            ),
            ((",".into(), Some(String::new())), "nothing but empty members"),
            (whole("a=  b"), "spaces in front belong to a value"),
            (
                whole("a=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~ x"),
                "all that a value may have",
            ),
            (whole("0a_-*/@z=1"), "all that a key may have"),
            (whole("tenant@system=1"), "a tenant of a system"),
            (whole("a@b@c@=1"), "Level 2 sets no limit to @"),
            (whole(&full), "as long as a member may be"),
            (whole(&long), "there is no limit in characters"),
            (whole(&members(32)), "as many as there may be"),
            (
                ("a=1,b=2,a=3".into(), Some("a=1,b=2".into())),
                "of a key that comes twice the first stays",
            ),
            (
                (format!("{},", members(32)), Some(members(32))),
                "empty members do not count",
            ),
            ((members(33), None), "one too many"),
            ((format!("k{full}"), None), "a key too long"),
            ((format!("{full}v"), None), "a value too long"),
            (("a".into(), None), "no value"),
            (("a=".into(), None), "an empty value"),
            (
                ("a=  ".into(), None),
                "a value of spaces, which are not part of it",
            ),
            (("=1".into(), None), "no key"),
            (("a=1=2".into(), None), "= in a value"),
            (("a =1".into(), None), "a space in a key"),
            (("A=1".into(), None), "upper case in a key"),
            (("_a=1".into(), None), "a key begins with a letter or a digit"),
            (("@a=1".into(), None), "a system without a tenant"),
            (("a.b=1".into(), None), "a dot in a key"),
            (("a=1\t2".into(), None), "a tab in a value"),
            (("a=1\u{7f}".into(), None), "a control character"),
            (("a=é".into(), None), "not ASCII"),
            (("good=1,bad".into(), None), "one bad member costs all"),
        ];
        for ((text, expected), reason) in cases {
            let parsed = text.parse::<TraceState>();
            assert_eq!(
                parsed.as_ref().map(TraceState::header).ok(),
                expected.as_deref(),
                "{reason}"
            );
        }
    }
}
