//! The schedules of timer triggers: cron expressions and intervals, their next times, and the time zones these are in.
//!
//! # Cron expressions
//!
//! The dialect is NCRONTAB, that of Azure Functions: `{second} {minute} {hour} {day} {month} {day of week}`. With five
//! fields the second is 0.
//!
//! - A field is a list of `*`, `5`, `1-10` and steps: `*/5`, `1-10/2`, and `5/15`, which begins at 5 and ends at the
//!   field's maximum. A range that is written backwards is turned around, as NCRONTAB does: `Fri-Mon` is Monday to Friday.
//! - The days of the week are 0 to 6, and 0 is Sunday; 7 is an error. They and months also have English names, of which
//!   the beginning is enough, in upper or lower case. The first name that begins so counts: `Ju` is June.
//! - A time has to match both the day and the day of week. (In Vixie cron one of them is enough.)
//! - Other than in NCRONTAB, steps of 0 and numbers with a sign are errors. `L`, `W`, `#`, `?` and `@daily` are not part
//!   of the dialect.
//!
//! # Intervals
//!
//! `hh:mm:ss`, `d.hh:mm:ss` and the other forms that .NET reads as a `TimeSpan`. Hours from 24 on are days, so that
//! `24:00:00` is 24 days: .NET then reads `d:hh:mm`. The next time is the last one plus the interval, in real time.
//!
//! # Daylight saving
//!
//! - A local time that is skipped runs later by what the clock skips: `0 30 2 * * *` at 03:30 where 02:00 to 03:00 does
//!   not exist. Azure does the same for the first such time of a schedule, and loses the others if there are more.
//! - In a local time that happens twice, a schedule for times of the day (`0 30 1 * * *`) runs once, the first time. A
//!   schedule that goes on at short distances (`0 */5 * * * *`) runs in both, so that the distance of two runs stays the
//!   same. As in Azure a schedule is of the second kind if its seconds, minutes or hours contain two neighbouring values:
//!   `*` does, and `1-2`, but `0,30` and `*/2` do not. So `0 0 */2 * * *` is of the first kind, and `0 30 1-3 * * *` of
//!   the second.
//!
//! These rules define a set of instants, and the next time is the first of the set after the one given. It does not
//! depend on earlier calls.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod cron;
mod error;
mod field;
mod interval;
mod occurrence;
#[cfg(test)]
mod tests;
mod zone;

use cron::Cron;

pub use error::{FieldProblem, IntervalProblem, ScheduleError};
pub use field::FieldKind;
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
