//! The format after the colon of an expression: `{datetime:yyyy-MM}`, `{insertionTime:yyyy}`, `{id:N}`.

use jiff::Timestamp;
use jiff::tz::Offset;
use uuid::Uuid;

use super::date::DateFormat;
use super::format_error::FormatError;
use super::guid::GuidFormat;

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
