//! Intervals, in the forms of .NET's `TimeSpan`.

use std::time::Duration;

use super::error::IntervalProblem;

/// `TimeSpan` counts these, in an `i64`.
const TICKS_PER_SECOND: u64 = 10_000_000;

/// Whether one word is meant as an interval, right or wrong.
pub(super) fn looks_like_one(word: &str) -> bool {
    word.contains(':') || word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parses `d`, `hh:mm`, `hh:mm:ss`, `d.hh:mm`, `d.hh:mm:ss`, `d:hh:mm:ss`, a fraction after the seconds, and `d:hh:mm`
/// if `d` cannot be hours.
pub(super) fn parse(text: &str) -> Result<Duration, IntervalProblem> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let ticks = Parts::split(unsigned)?.ticks()?;
    if negative || ticks == 0 {
        return Err(IntervalProblem::NotPositive);
    }
    let nanoseconds = (ticks % TICKS_PER_SECOND) * 100;
    // Less than a billion.
    Ok(Duration::new(ticks / TICKS_PER_SECOND, nanoseconds as u32))
}

struct Parts<'a> {
    days: &'a str,
    hours: &'a str,
    minutes: &'a str,
    seconds: &'a str,
    fraction: &'a str,
}

impl<'a> Parts<'a> {
    fn split(text: &'a str) -> Result<Self, IntervalProblem> {
        let parts: Vec<&str> = text.split(':').collect();
        let (days, parts) = match parts[..] {
            [days] => (days, vec!["0", "0"]),
            [first, ref rest @ ..] => match first.split_once('.') {
                Some((days, hours)) => (days, [&[hours], rest].concat()),
                None if parts.len() == 4 || is_days(&parts) => (first, rest.to_vec()),
                None => ("0", parts),
            },
            // Splitting returns at least one part.
            [] => return Err(IntervalProblem::Form),
        };
        let (hours, minutes, seconds) = match parts[..] {
            [hours, minutes] => (hours, minutes, "0"),
            [hours, minutes, seconds] => (hours, minutes, seconds),
            _ => return Err(IntervalProblem::Form),
        };
        let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
        let parts = Self {
            days,
            hours,
            minutes,
            seconds,
            fraction,
        };
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if [days, hours, minutes, seconds, fraction]
            .into_iter()
            .all(is_number)
        {
            Ok(parts)
        } else {
            Err(IntervalProblem::Form)
        }
    }

    fn ticks(&self) -> Result<u64, IntervalProblem> {
        let hours = limited(self.hours, "hours", 23)?;
        let minutes = limited(self.minutes, "minutes", 59)?;
        let seconds = limited(self.seconds, "seconds", 59)?;
        let digits = self.fraction.len();
        if digits > 7 {
            return Err(IntervalProblem::Fraction(digits));
        }
        let fraction: u64 = format!("{:0<7}", self.fraction)
            .parse()
            .map_err(|_| IntervalProblem::Form)?;
        let days: u64 = self.days.parse().map_err(|_| IntervalProblem::TooLong)?;
        let of_day = (hours * 60 + minutes) * 60 + seconds;
        days.checked_mul(24 * 60 * 60)
            .and_then(|seconds| seconds.checked_add(of_day))
            .and_then(|seconds| seconds.checked_mul(TICKS_PER_SECOND))
            .and_then(|ticks| ticks.checked_add(fraction))
            .filter(|ticks| i64::try_from(*ticks).is_ok())
            .ok_or(IntervalProblem::TooLong)
    }
}

/// Whether three parts are `d:hh:mm`, as the first cannot be hours and the others can be hours and minutes.
fn is_days(parts: &[&str]) -> bool {
    let [first, second, third] = parts else {
        return false;
    };
    limited(first, "hours", 23).is_err()
        && limited(second, "hours", 23).is_ok()
        && limited(third, "minutes", 59).is_ok()
}

fn limited(part: &str, unit: &'static str, max: u64) -> Result<u64, IntervalProblem> {
    match part.parse() {
        Ok(value) if value <= max => Ok(value),
        _ => Err(IntervalProblem::OutOfRange {
            value: part.to_owned(),
            unit,
            max,
        }),
    }
}
