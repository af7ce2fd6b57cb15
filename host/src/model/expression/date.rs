//! Date formats of .NET, with the names and separators of its invariant culture: `{datetime:yyyy-MM-dd}`.

use std::fmt::Write;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::Offset;

use super::format_error::FormatError;
use crate::model::calendar::{DAYS, MONTHS};

/// The format of `{DateTime}`: ISO 8601, but without colons, which are not allowed in file names.
const DEFAULT: &str = "yyyy-MM-ddTHH-mm-ssK";

/// More digits than any year has. The width of a formatted number is limited.
const MAX_YEAR_DIGITS: usize = 9;
/// A time has ticks of 100 ns.
const MAX_FRACTION_DIGITS: usize = 7;

/// A parsed date format.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct DateFormat {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Literal(String),
    /// A part of the date, and how often its letter is repeated.
    Part(Part, usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
    Hour24,
    Hour12,
    Minute,
    Second,
    Fraction,
    /// Without zeros at its end, and without the dot before it if nothing else is left.
    ShortFraction,
    HalfOfDay,
    Era,
    /// The distance to UTC.
    Offset,
    /// `Z`, as all times are of UTC.
    Zone,
}

impl Part {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'y' => Self::Year,
            'M' => Self::Month,
            'd' => Self::Day,
            'H' => Self::Hour24,
            'h' => Self::Hour12,
            'm' => Self::Minute,
            's' => Self::Second,
            'f' => Self::Fraction,
            'F' => Self::ShortFraction,
            't' => Self::HalfOfDay,
            'g' => Self::Era,
            'z' => Self::Offset,
            'K' => Self::Zone,
            _ => return None,
        })
    }

    fn max(self) -> usize {
        match self {
            Self::Year => MAX_YEAR_DIGITS,
            Self::Fraction | Self::ShortFraction => MAX_FRACTION_DIGITS,
            _ => usize::MAX,
        }
    }
}

impl DateFormat {
    /// Parses a standard format, which is one letter, or a custom one. The default is [`DEFAULT`].
    pub(super) fn parse(text: Option<&str>) -> Result<Self, FormatError> {
        let text = text.unwrap_or(DEFAULT);
        let mut letters = text.chars();
        let pattern = match (letters.next(), letters.next()) {
            (Some(only), None) => standard(only).ok_or(FormatError::UnknownStandard(only))?,
            _ => text,
        };
        Self::custom(pattern)
    }

    /// Parses a custom format.
    fn custom(pattern: &str) -> Result<Self, FormatError> {
        let mut pieces = Vec::new();
        let mut letters = pattern.chars().peekable();
        let mut literal = String::new();
        while let Some(letter) = letters.next() {
            let mut count = 1;
            let part = match letter {
                '\\' => {
                    literal.push(letters.next().ok_or(FormatError::NothingFollows('\\'))?);
                    continue;
                }
                '\'' | '"' => {
                    quoted(letter, &mut letters, &mut literal)?;
                    continue;
                }
                // A single part, not a standard format.
                '%' => match letters.next() {
                    None | Some('%' | '\\' | '\'' | '"') => return Err(FormatError::NothingFollows('%')),
                    Some(single) => Part::of(single).ok_or(single),
                },
                letter => match Part::of(letter) {
                    // A repeated K is several parts, not a longer one.
                    Some(Part::Zone) => Ok(Part::Zone),
                    Some(part) => {
                        while letters.next_if_eq(&letter).is_some() {
                            count += 1;
                        }
                        if count > part.max() {
                            let max = part.max();
                            return Err(FormatError::TooLong { letter, max });
                        }
                        Ok(part)
                    }
                    None => Err(letter),
                },
            };
            match part {
                Ok(part) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Part(part, count));
                }
                Err(other) => literal.push(other),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// Writes a time of UTC.
    pub(super) fn write(&self, time: DateTime) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => text.push_str(literal),
                Piece::Part(part, count) => write_part(&mut text, *part, *count, time),
            }
        }
        text
    }
}

/// Returns the date and time of UTC. Times outside of the years -9999 to 9999 become the nearest that are inside.
pub(super) fn utc(time: SystemTime) -> DateTime {
    let nearest = || match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(_) => Timestamp::MAX,
        Err(_) => Timestamp::MIN,
    };
    Offset::UTC.to_datetime(Timestamp::try_from(time).unwrap_or_else(|_| nearest()))
}

/// Returns the custom format that a standard format stands for.
fn standard(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "MM/dd/yyyy",
        'D' => "dddd, dd MMMM yyyy",
        'f' => "dddd, dd MMMM yyyy HH:mm",
        'F' | 'U' => "dddd, dd MMMM yyyy HH:mm:ss",
        'g' => "MM/dd/yyyy HH:mm",
        'G' => "MM/dd/yyyy HH:mm:ss",
        'm' | 'M' => "MMMM dd",
        'o' | 'O' => "yyyy-MM-ddTHH:mm:ss.fffffffK",
        'r' | 'R' => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        's' => "yyyy-MM-ddTHH:mm:ss",
        't' => "HH:mm",
        'T' => "HH:mm:ss",
        'u' => "yyyy-MM-dd HH:mm:ssZ",
        'y' | 'Y' => "yyyy MMMM",
        _ => return None,
    })
}

/// Adds the text up to the closing quote to `literal`.
fn quoted(
    quote: char,
    letters: &mut impl Iterator<Item = char>,
    literal: &mut String,
) -> Result<(), FormatError> {
    loop {
        match letters.next() {
            Some(letter) if letter == quote => return Ok(()),
            Some('\\') => literal.push(letters.next().ok_or(FormatError::NothingFollows('\\'))?),
            Some(letter) => literal.push(letter),
            None => return Err(FormatError::OpenQuote(quote)),
        }
    }
}

fn write_part(text: &mut String, part: Part, count: usize, time: DateTime) {
    let two = count.min(2);
    let hour12 = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    // Writing to a string cannot fail.
    let _ = match part {
        Part::Year if count <= 2 => write!(text, "{:0two$}", time.year() % 100),
        Part::Year => write!(text, "{:0count$}", time.year()),
        Part::Month if count <= 2 => write!(text, "{:0two$}", time.month()),
        Part::Month => write!(text, "{}", abbreviated(month_name(time.month()), count)),
        Part::Day if count <= 2 => write!(text, "{:0two$}", time.day()),
        Part::Day => write!(text, "{}", abbreviated(day_name(time.date().weekday()), count)),
        Part::Hour24 => write!(text, "{:0two$}", time.hour()),
        Part::Hour12 => write!(text, "{hour12:0two$}"),
        Part::Minute => write!(text, "{:0two$}", time.minute()),
        Part::Second => write!(text, "{:0two$}", time.second()),
        Part::Fraction => write!(text, "{}", fraction(time, count)),
        Part::ShortFraction => {
            let digits = fraction(time, count);
            let digits = digits.trim_end_matches('0');
            if digits.is_empty() && text.ends_with('.') {
                text.pop();
            }
            write!(text, "{digits}")
        }
        Part::HalfOfDay => {
            let half = if time.hour() < 12 { "AM" } else { "PM" };
            write!(text, "{half:.two$}")
        }
        Part::Era => write!(text, "A.D."),
        Part::Offset if count <= 2 => write!(text, "+{:0two$}", 0),
        Part::Offset => write!(text, "+00:00"),
        Part::Zone => write!(text, "Z"),
    };
}

/// Returns this many digits of the fraction of the second.
fn fraction(time: DateTime, digits: usize) -> String {
    let mut text = format!("{:09}", time.subsec_nanosecond());
    text.truncate(digits);
    text
}

/// Returns the first three letters of a name, or for a count of four and more the whole name.
fn abbreviated(name: &str, count: usize) -> &str {
    if count == 3 {
        name.get(..3).unwrap_or(name)
    } else {
        name
    }
}

fn month_name(month: i8) -> &'static str {
    let number = usize::try_from(month).unwrap_or_default();
    MONTHS.get(number.wrapping_sub(1)).copied().unwrap_or_default()
}

fn day_name(day: Weekday) -> &'static str {
    let number = usize::try_from(day.to_sunday_zero_offset()).unwrap_or_default();
    DAYS.get(number).copied().unwrap_or_default()
}
