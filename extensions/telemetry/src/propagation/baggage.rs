//! W3C baggage: what a service sends along for all services that it calls, directly or not.
//!
//! Members are passed on as they came, and decoded only for function code that reads them.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::Carrier;

/// What a service must pass on at least; beyond that, whole members may be dropped.
const MEMBERS: usize = 64;
const LENGTH: usize = 8192;

/// The well-formed members of a request's baggage, as the header has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baggage(String);

impl Baggage {
    /// Reads the baggage, and whether all of it is well-formed: a malformed member is dropped alone. Members beyond the
    /// limits are not a fault.
    pub(super) fn extract(carrier: &impl Carrier) -> (Baggage, bool) {
        let (mut header, mut count, mut is_whole) = (String::new(), 0, true);
        // Most requests have none.
        if carrier.get("baggage").is_none() {
            return (Baggage(header), is_whole);
        }
        for field in carrier.all("baggage") {
            let Ok(field) = std::str::from_utf8(field) else {
                is_whole = false;
                continue;
            };
            for member in field.split(',').map(trimmed) {
                if member.is_empty() {
                    continue;
                }
                if !is_member(member) {
                    is_whole = false;
                    continue;
                }
                let comma = usize::from(count > 0);
                if count < MEMBERS && header.len() + comma + member.len() <= LENGTH {
                    header.push_str(&","[..comma]);
                    header.push_str(member);
                    count += 1;
                }
            }
        }
        (Baggage(header), is_whole)
    }

    /// The header; empty if there is nothing to send.
    pub fn header(&self) -> &str {
        &self.0
    }

    /// Returns keys and decoded values in order, without properties. A key may come more than once.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
        self.0.split(',').filter_map(|member| {
            let (entry, _) = member.split_once(';').unwrap_or((member, ""));
            let (key, value) = entry.split_once('=')?;
            Some((
                trimmed(key),
                percent_decode_str(trimmed(value)).decode_utf8_lossy(),
            ))
        })
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// `key=value`, and behind each semicolon a property: `key` or `key=value`.
fn is_member(member: &str) -> bool {
    let mut parts = member.split(';');
    let is_pair = |(key, value)| is_key(trimmed(key)) && is_value(trimmed(value));
    parts
        .next()
        .and_then(|pair| pair.split_once('='))
        .is_some_and(is_pair)
        && parts.all(|property| match property.split_once('=') {
            Some(pair) => is_pair(pair),
            None => is_key(trimmed(property)),
        })
}

/// Whether it is a token, as names of headers are.
fn is_key(key: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !key.is_empty() && key.bytes().all(is_allowed)
}

/// Whether it is visible ASCII without characters that need to be percent-encoded. A percent sign that encodes nothing
/// stands for itself.
fn is_value(value: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
    value.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
