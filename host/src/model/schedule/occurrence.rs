//! The next match of a cron expression in a time zone.
//!
//! A time zone is a sequence of spans with a constant offset from UTC. Inside a span, local time runs like real time. At
//! its start the clock may skip or repeat some local time.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// How far to search. The 29th of February is on the same day of the week after 40 years at the latest.
const HORIZON: SignedDuration = SignedDuration::from_hours(41 * 366 * 24);

/// Returns the first match after `after`.
pub(super) fn next_after(cron: &Cron, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let floor = after.as_nanosecond().div_euclid(1_000_000_000);
    // All matches are whole seconds.
    let mut earliest = Timestamp::from_second(i64::try_from(floor).ok()? + 1).ok()?;
    let horizon = earliest.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
    while earliest < horizon {
        let span = OffsetSpan::at(earliest, horizon, zone);
        if let Some(found) = span.first_match(cron, earliest) {
            return Some(found);
        }
        earliest = span.end;
    }
    None
}

/// A span of time with a constant offset from UTC.
struct OffsetSpan {
    offset: Offset,
    /// When it began, and the offset before that; `None` if it has no beginning.
    start: Option<(Timestamp, Offset)>,
    /// When the next one begins, or the end of the search.
    end: Timestamp,
}

impl OffsetSpan {
    /// Returns the span that contains `time`, cut off at `limit`.
    fn at(time: Timestamp, limit: Timestamp, zone: &TimeZone) -> Self {
        // Those before a time do not include one that is at this very time.
        let last = zone
            .preceding(time.checked_add(SECOND).unwrap_or(Timestamp::MAX))
            .next();
        let start = last.map(|transition| {
            let start = transition.timestamp();
            (
                start,
                zone.to_offset(start.checked_sub(SECOND).unwrap_or(Timestamp::MIN)),
            )
        });
        let next = zone.following(time).next();
        Self {
            offset: zone.to_offset(time),
            start,
            end: next.map_or(limit, |transition| transition.timestamp().min(limit)),
        }
    }

    /// Returns the first match from `earliest` on, which is inside the span.
    fn first_match(&self, cron: &Cron, earliest: Timestamp) -> Option<Timestamp> {
        let skipped = self
            .start
            .and_then(|(start, before)| self.first_skipped(cron, earliest, start, before));
        let from = self.offset.to_datetime(earliest).max(self.first_local(cron));
        let found = cron.first_match(from, self.offset.to_datetime(self.end));
        let regular = found.and_then(|local| self.offset.to_timestamp(local).ok());
        skipped.into_iter().chain(regular).min()
    }

    /// Returns the local time from which the expression runs. One for points in time does not run in local times that
    /// happen the second time.
    fn first_local(&self, cron: &Cron) -> DateTime {
        match self.start {
            Some((start, before)) if !cron.is_continuous() => before.to_datetime(start),
            _ => DateTime::MIN,
        }
    }

    /// Returns the first match in the local time that was skipped at the start, as an instant from `earliest` on. It is
    /// when the time would have been with the offset before.
    fn first_skipped(
        &self,
        cron: &Cron,
        earliest: Timestamp,
        start: Timestamp,
        before: Offset,
    ) -> Option<Timestamp> {
        let found = cron.first_match(before.to_datetime(earliest), self.offset.to_datetime(start))?;
        before.to_timestamp(found).ok()
    }
}
