//! Reads values that several files have: one of some words, and times.

use std::time::Duration;

use super::error::Problem;
use super::json::Item;

/// Reads one of `known`, compared without case. Returns it as written in `known`.
pub(super) fn one_of(item: &Item<'_>, known: &[&str]) -> Result<String, Problem> {
    let text = item.string()?;
    match known.iter().find(|known| text.eq_ignore_ascii_case(known)) {
        Some(known) => Ok((*known).to_owned()),
        None => {
            let quoted: Vec<_> = known.iter().map(|known| format!("{known:?}")).collect();
            Err(item.wrong_value(&format!("one of {}", quoted.join(", "))))
        }
    }
}

/// Parses `[d.]hh:mm:ss`.
pub(super) fn time_span(text: &str) -> Option<Duration> {
    let (days, clock) = text.split_once('.').unwrap_or(("0", text));
    let number = |text: &str, end: u64| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|number| digits && *number < end)
    };
    let mut fields = clock.split(':');
    let mut field = |end| number(fields.next()?, end);
    let (hours, minutes, seconds) = (field(24)?, field(60)?, field(60)?);
    // Longer than any process runs, and far from an overflow.
    let days = number(days, 100_000)?;
    fields
        .next()
        .is_none()
        .then(|| Duration::from_secs(((days * 24 + hours) * 60 + minutes) * 60 + seconds))
}
