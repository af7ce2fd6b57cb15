//! A cron expression, and its next match on a calendar without time zones.

use jiff::civil::{Date, DateTime, Time};

use super::error::ScheduleError;
use super::field::Field;
use super::field_kind::FieldKind;

/// A parsed cron expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cron {
    seconds: Field,
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    days_of_week: Field,
}

impl Cron {
    /// Parses the fields of the schedule `text`.
    pub(super) fn parse(text: &str, fields: &[&str]) -> Result<Self, ScheduleError> {
        let (seconds, rest) = match fields {
            [_, _, _, _, _] => (None, fields),
            [second, rest @ ..] if rest.len() == 5 => (Some(*second), rest),
            _ => {
                return Err(ScheduleError::FieldCount {
                    text: text.to_owned(),
                    count: fields.len(),
                });
            }
        };
        let parse = |kind, field| {
            Field::parse(kind, field).map_err(|(value, problem)| ScheduleError::Field {
                text: text.to_owned(),
                field: kind,
                value: value.to_owned(),
                problem,
            })
        };
        Ok(Self {
            seconds: seconds.map_or(Ok(Field::ZERO), |second| parse(FieldKind::Second, second))?,
            minutes: parse(FieldKind::Minute, rest[0])?,
            hours: parse(FieldKind::Hour, rest[1])?,
            days: parse(FieldKind::Day, rest[2])?,
            months: parse(FieldKind::Month, rest[3])?,
            days_of_week: parse(FieldKind::DayOfWeek, rest[4])?,
        })
    }

    /// Whether it is not for points in time. See the documentation of schedules.
    pub(super) fn is_continuous(&self) -> bool {
        [self.seconds, self.minutes, self.hours]
            .into_iter()
            .any(Field::has_neighbours)
    }

    /// Whether it runs more than once in every minute.
    pub(super) fn is_below_a_minute(&self) -> bool {
        !self.seconds.has_one_value()
            && self.minutes.is_all(FieldKind::Minute)
            && self.hours.is_all(FieldKind::Hour)
            && self.days.is_all(FieldKind::Day)
            && self.months.is_all(FieldKind::Month)
            && self.days_of_week.is_all(FieldKind::DayOfWeek)
    }

    /// Returns the first match from `from` on that is before `until`. Both are whole seconds.
    pub(super) fn first_match(&self, from: DateTime, until: DateTime) -> Option<DateTime> {
        let mut date = from.date();
        let mut time = from.time();
        while date.to_datetime(time) < until {
            let next = if !self.months.contains(to_value(date.month())) {
                date.last_of_month().tomorrow()
            } else if !self.matches_day(date) {
                date.tomorrow()
            } else if let Some(time) = self.first_time(time) {
                return Some(date.to_datetime(time)).filter(|found| *found < until);
            } else {
                date.tomorrow()
            };
            date = next.ok()?;
            time = Time::midnight();
        }
        None
    }

    fn matches_day(&self, date: Date) -> bool {
        self.days.contains(to_value(date.day()))
            && self
                .days_of_week
                .contains(to_value(date.weekday().to_sunday_zero_offset()))
    }

    /// Returns the first time of a day that matches, from this time on.
    fn first_time(&self, from: Time) -> Option<Time> {
        let [hour, minute, second] = [from.hour(), from.minute(), from.second()].map(to_value);
        let in_minute = |hour, minute| {
            let second = self.seconds.first_from(second)?;
            Some((hour, minute, second))
        };
        let in_hour = |hour| {
            let in_this = self
                .minutes
                .contains(minute)
                .then(|| in_minute(hour, minute))
                .flatten();
            in_this.or_else(|| {
                let minute = self.minutes.first_from(minute + 1)?;
                Some((hour, minute, self.seconds.first()))
            })
        };
        let in_this = self.hours.contains(hour).then(|| in_hour(hour)).flatten();
        let (hour, minute, second) = in_this.or_else(|| {
            let hour = self.hours.first_from(hour + 1)?;
            Some((hour, self.minutes.first(), self.seconds.first()))
        })?;
        // The fields' values are in the range of a time.
        let [hour, minute, second] = [hour, minute, second].map(|value| value as i8);
        Time::new(hour, minute, second, 0).ok()
    }
}

/// Parts of dates and times are never negative.
fn to_value(part: i8) -> u8 {
    part.unsigned_abs()
}
