//! The fields of a cron expression, and what they hold.

use std::fmt;

use crate::model::calendar::{DAYS, MONTHS};

/// The fields of a cron expression, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// 0 to 59.
    Second,
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31.
    Day,
    /// 1 to 12, or names.
    Month,
    /// 0 (Sunday) to 6, or names.
    DayOfWeek,
}

impl FieldKind {
    pub(super) const fn limits(self) -> (u8, u8) {
        match self {
            Self::Second | Self::Minute => (0, 59),
            Self::Hour => (0, 23),
            Self::Day => (1, 31),
            Self::Month => (1, 12),
            Self::DayOfWeek => (0, 6),
        }
    }

    /// The names of the values, from the smallest on.
    pub(super) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Month => &MONTHS,
            Self::DayOfWeek => &DAYS,
            _ => &[],
        }
    }

    /// Returns what a value of the field is, for messages.
    pub(super) const fn expected(self) -> &'static str {
        match self {
            Self::Second | Self::Minute => "0 to 59, or * for all",
            Self::Hour => "0 to 23, or * for all",
            Self::Day => "1 to 31, or * for all",
            Self::Month => "1 to 12, a name such as Jan, or * for all",
            Self::DayOfWeek => "0 (Sunday) to 6, a name such as Mon, or * for all",
        }
    }
}

impl fmt::Display for FieldKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
            Self::DayOfWeek => "day of week",
        })
    }
}
