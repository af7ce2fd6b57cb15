//! The schedules of timer triggers: cron expressions and intervals, their next times, and the time zones these are in.
//!
//! # Cron expressions
//!
//! The dialect is NCRONTAB, as in Azure Functions: `{second} {minute} {hour} {day} {month} {day of week}`. With five
//! fields the second is 0.
//!
//! - A field is a list of `*`, `5`, `1-10` and steps: `*/5`, `1-10/2`, and `5/15`, which goes from 5 to the field's
//!   maximum. A range with its ends in the wrong order is turned around, as NCRONTAB does: `Fri-Mon` is Monday to Friday.
//! - The day of week is 0 to 6, where 0 is Sunday; 7 is an error. Months and days of the week also have English names, of
//!   which the beginning is enough, in upper or lower case. If several names begin that way, the first one counts: `Ju` is
//!   June.
//! - Both the day and the day of week have to match. (In Vixie cron one of them is enough.)
//! - `L`, `W`, `#`, `?` and words such as `@daily` are not part of the dialect. Steps of 0 and numbers with a sign are
//!   errors here, although NCRONTAB accepts some of them.
//!
//! # Intervals
//!
//! `hh:mm:ss`, `d.hh:mm:ss` and the other forms that .NET reads as a `TimeSpan`. `24:00:00` is 24 days: .NET reads it as
//! `d:hh:mm`, as there is no hour 24. The next time is the last one plus the interval, in real time. Zero and negative
//! intervals are errors.
//!
//! # Daylight saving
//!
//! - A local time that is skipped runs later, by as much as the clock skips: `0 30 2 * * *` runs at 03:30 on the day
//!   without 02:00 to 03:00. Azure does the same for the first such time, and drops the others if a schedule has several.
//! - If a local time happens twice, a schedule for points in time (`0 30 1 * * *`) runs only the first time. A continuous
//!   one (`0 */5 * * * *`) runs both times, so that the time between two runs stays the same. As in Azure, a schedule is
//!   continuous if two values of its seconds, minutes or hours are neighbours, as in `*` and `1-2`. So `0 30 1-3 * * *` is
//!   continuous, and `0 0 */2 * * *` is not.
//!
//! These rules define a set of instants. The next time is the first one of the set after a given time, and does not depend
//! on earlier calls.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod cron;
mod error;
mod field;
mod field_kind;
mod interval;
mod occurrence;
#[cfg(test)]
mod tests;
mod zone;

use cron::Cron;

pub use error::{FieldProblem, IntervalProblem, ScheduleError};
pub use field_kind::FieldKind;
pub use jiff::Timestamp;
pub use zone::{TimeTextError, Zone, ZoneError};

/// A parsed schedule. The setting names (`%NAME%`) in it are resolved before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Schedule {
    /// As written, without whitespace around it.
    text: String,
    rule: Rule,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Cron(Cron),
    /// More than zero.
    Interval(Duration),
}

impl Schedule {
    /// Parses a cron expression or an interval.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let text = text.trim();
        let fields: Vec<&str> = text.split_whitespace().collect();
        let rule = match fields[..] {
            [] => return Err(ScheduleError::Empty),
            [word] if interval::looks_like_one(word) => {
                Rule::Interval(interval::parse(word).map_err(|problem| ScheduleError::Interval {
                    text: text.to_owned(),
                    problem,
                })?)
            }
            [_] => {
                return Err(ScheduleError::NotRecognized {
                    text: text.to_owned(),
                });
            }
            _ => Rule::Cron(Cron::parse(text, &fields)?),
        };
        Ok(Self {
            text: text.to_owned(),
            rule,
        })
    }

    /// Returns the text that was parsed, without whitespace around it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the next time after `after`, never `after` itself, in this time zone. `None` if there is none, as for
    /// the 30th of February, or none before the year 10000.
    pub fn next_after(&self, after: Timestamp, zone: &Zone) -> Option<Timestamp> {
        match &self.rule {
            Rule::Cron(cron) => occurrence::next_after(cron, after, zone.rules()),
            Rule::Interval(interval) => after.checked_add(*interval).ok(),
        }
    }

    /// Iterates over the times after `after`.
    pub fn upcoming(&self, after: Timestamp, zone: &Zone) -> impl Iterator<Item = Timestamp> {
        let next = move |last: &Timestamp| self.next_after(*last, zone);
        std::iter::successors(self.next_after(after, zone), next)
    }

    /// Returns the interval, if this is not a cron expression. Never zero.
    pub fn interval(&self) -> Option<Duration> {
        match self.rule {
            Rule::Cron(_) => None,
            Rule::Interval(interval) => Some(interval),
        }
    }

    /// Whether it always runs more than once a minute. Azure does not save the status of such schedules.
    pub fn is_below_a_minute(&self) -> bool {
        match &self.rule {
            Rule::Cron(cron) => cron.is_below_a_minute(),
            Rule::Interval(interval) => *interval < Duration::from_secs(60),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl TryFrom<String> for Schedule {
    type Error = ScheduleError;

    fn try_from(text: String) -> Result<Self, ScheduleError> {
        Self::parse(&text)
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.text
    }
}
