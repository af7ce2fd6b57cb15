//! The format after the colon of an expression: `{datetime:yyyy-MM}`, `{insertionTime:yyyy}`, `{id:N}`.

use jiff::Timestamp;
use jiff::tz::Offset;
use uuid::Uuid;

use super::date::DateFormat;
use super::guid::GuidFormat;

/// What is wrong with a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A format of one character that .NET does not have.
    #[error(
        "{0:?} is not one of the date formats of one letter (d, D, f, F, g, G, m, o, r, s, t, T, u, U, y); expected one of them, or a pattern such as yyyy-MM-dd. For the day, the month or another single part, write %d, %M, …"
    )]
    UnknownStandard(char),
    /// A quote that does not end.
    #[error("its {0} quote is not closed")]
    OpenQuote(char),
    /// A `\` at the end, or a `%` that is not before a letter of a pattern.
    #[error("expected a character to follow the {0} in it")]
    NothingFollows(char),
    /// A letter is repeated too often.
    #[error("it has more than {max} times the letter {letter} in a row")]
    TooLong {
        /// The letter.
        letter: char,
        /// The maximum number of this letter.
        max: usize,
    },
    /// Not a format of GUIDs.
    #[error("{0:?} is not a format of GUIDs; expected N, D, B, P or X")]
    UnknownGuid(String),
}

/// The format of a value whose type is known only when it is there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueFormat {
    date: Option<DateFormat>,
    guid: Option<GuidFormat>,
}

impl ValueFormat {
    pub(super) fn parse(text: &str) -> Result<Self, FormatError> {
        let guid = GuidFormat::parse(Some(text)).ok();
        match DateFormat::parse(Some(text)) {
            Err(error) if guid.is_none() => Err(error),
            date => Ok(Self {
                date: date.ok(),
                guid,
            }),
        }
    }

    /// Formats text that is a time of RFC 3339 or a GUID. Other text has no format, and stays as it is.
    pub(super) fn apply(&self, text: String) -> String {
        if let Some(date) = &self.date
            && let Ok(time) = text.parse::<Timestamp>()
        {
            return date.write(Offset::UTC.to_datetime(time));
        }
        match (self.guid, Uuid::try_parse(&text)) {
            (Some(format), Ok(guid)) => format.write(guid),
            _ => text,
        }
    }
}
