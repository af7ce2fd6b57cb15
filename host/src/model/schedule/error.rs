//! What can be wrong with the text of a schedule.

use super::field_kind::FieldKind;

const FORMS: &str = "expected a cron expression such as \"0 */5 * * * *\" (second, minute, hour, day, month, day of \
                     week; the second may be left out) or an interval such as \"00:05:00\" (hh:mm:ss or d.hh:mm:ss)";

/// A text that is not a schedule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Nothing but whitespace.
    #[error("the schedule is empty; {FORMS}")]
    Empty,
    /// One word that is not an interval.
    #[error("{text:?} is not a schedule; {FORMS}")]
    NotRecognized {
        /// The schedule.
        text: String,
    },
    /// Not five or six fields.
    #[error("{text:?} has {count} fields, not 5 or 6; {FORMS}")]
    FieldCount {
        /// The schedule.
        text: String,
        /// How many fields it has.
        count: usize,
    },
    /// A field of a cron expression.
    #[error("{value:?} in the {field} field of the schedule {text:?} {problem}")]
    Field {
        /// The schedule.
        text: String,
        /// The field.
        field: FieldKind,
        /// What of the field is wrong.
        value: String,
        /// Why.
        problem: FieldProblem,
    },
    /// An interval.
    #[error("the interval {text:?} {problem}")]
    Interval {
        /// The schedule.
        text: String,
        /// Why it is wrong.
        problem: IntervalProblem,
    },
}

/// What is wrong with a value in a field of a cron expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldProblem {
    /// A list or a range lacks a value.
    #[error("lacks a value; expected {}", .0.expected())]
    Empty(FieldKind),
    /// Neither a number nor a name that the field knows.
    #[error("is not a value; expected {}", .0.expected())]
    NotAValue(FieldKind),
    /// A character that only other dialects of cron know.
    #[error("is not supported: Azure Functions has no ?, L, W and #; expected {}", .0.expected())]
    OtherDialect(FieldKind),
    /// A number that the field does not have.
    #[error("is out of range; expected {}", .0.expected())]
    OutOfRange(FieldKind),
    /// What follows the slash is not a positive number.
    #[error("is not a step; expected a number from 1 on, as in */5 or 10-30/5")]
    Step,
}

/// What is wrong with an interval.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IntervalProblem {
    /// None of the forms.
    #[error(
        "does not have a known form; expected hh:mm:ss or d.hh:mm:ss, such as \"00:05:00\" or \"1.12:00:00\""
    )]
    Form,
    /// Hours, minutes or seconds beyond their limit.
    #[error("has {value} {unit}; expected 0 to {max}{}", hint(.unit))]
    OutOfRange {
        /// As written.
        value: String,
        /// `hours`, `minutes` or `seconds`.
        unit: &'static str,
        /// The greatest value.
        max: u64,
    },
    /// A fraction of a second with too many digits.
    #[error("has a fraction of {0} digits; expected at most 7")]
    Fraction(usize),
    /// Zero or less.
    #[error("is not positive; expected at least \"00:00:00.0000001\"")]
    NotPositive,
    /// More than .NET has.
    #[error("is too long; expected at most \"10675199.02:48:05.4775807\"")]
    TooLong,
}

fn hint(unit: &str) -> &'static str {
    if unit == "hours" {
        ", and days as in \"1.12:00:00\""
    } else {
        ""
    }
}
