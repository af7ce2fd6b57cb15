//! Constraints of route parameters: `{id:int}`, `{name:length(2,8)}`, ….

use uuid::Uuid;

/// A condition on the value of a route parameter.
///
/// Numbers are parsed independently of culture, as in URLs. Infinity and NaN are not allowed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constraint {
    /// `int`: a whole number of 32 bits.
    Int,
    /// `long`: a whole number of 64 bits.
    Long,
    /// `bool`: "true" or "false", any case.
    Bool,
    /// `alpha`: only ASCII letters.
    Alpha,
    /// `guid`: 32 hex digits, also with hyphens, in braces or in parentheses.
    Guid,
    /// `decimal`: digits with an optional sign and point.
    Decimal,
    /// `double`: a finite number, also with an exponent.
    Double,
    /// `float`: as `double`, in single precision.
    Float,
    /// `datetime`: `2025-03-01`, also with a time and an offset, in the format of ISO 8601.
    DateTime,
    /// `required`: not empty.
    Required,
    /// `length(n)`, `length(a,b)`, `minlength(n)`, `maxlength(n)`: limits on the number of characters.
    Length(usize, usize),
    /// `min(n)`, `max(n)`, `range(a,b)`: a whole number between the two, both included.
    Range(i64, i64),
}

const KNOWN: &str = "int, long, bool, alpha, guid, decimal, double, float, datetime, required, length, \
                     minlength, maxlength, min, max, range";

impl Constraint {
    /// Parses one constraint; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, _) = text.split_once('(').unwrap_or((text, ""));
        if name.eq_ignore_ascii_case("regex") {
            return Err("the constraint regex is not supported; check the value in the function".to_owned());
        }
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => {
                let Some(arguments) = rest.strip_suffix(')') else {
                    return Err(format!("the constraint {text:?} lacks its closing parenthesis"));
                };
                (name, arguments.split(',').map(str::trim).collect())
            }
            None => (text, Vec::new()),
        };
        let name = name.to_ascii_lowercase();
        let constraint = match (name.as_str(), arguments.as_slice()) {
            ("int", []) => Self::Int,
            ("long", []) => Self::Long,
            ("bool", []) => Self::Bool,
            ("alpha", []) => Self::Alpha,
            ("guid", []) => Self::Guid,
            ("decimal", []) => Self::Decimal,
            ("double", []) => Self::Double,
            ("float", []) => Self::Float,
            ("datetime", []) => Self::DateTime,
            ("required", []) => Self::Required,
            ("length", [exact]) => Self::Length(argument(text, exact)?, argument(text, exact)?),
            ("length", [low, high]) => Self::Length(argument(text, low)?, argument(text, high)?),
            ("minlength", [low]) => Self::Length(argument(text, low)?, usize::MAX),
            ("maxlength", [high]) => Self::Length(0, argument(text, high)?),
            ("min", [low]) => Self::Range(argument(text, low)?, i64::MAX),
            ("max", [high]) => Self::Range(i64::MIN, argument(text, high)?),
            ("range", [low, high]) => Self::Range(argument(text, low)?, argument(text, high)?),
            (name, _) if KNOWN.split(", ").any(|known| known == name) => {
                return Err(format!(
                    "the constraint {text:?} has the wrong number of arguments"
                ));
            }
            _ => return Err(format!("the constraint {text:?} is unknown; known are {KNOWN}")),
        };
        match constraint {
            Self::Length(low, high) if low > high => Err(format!("the constraint {text:?} allows nothing")),
            Self::Range(low, high) if low > high => Err(format!("the constraint {text:?} allows nothing")),
            constraint => Ok(constraint),
        }
    }

    /// Whether `value`, already percent-decoded, is allowed.
    pub(super) fn allows(&self, value: &str) -> bool {
        match self {
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Bool => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Self::Alpha => value.bytes().all(|byte| byte.is_ascii_alphabetic()),
            Self::Guid => is_guid(value),
            Self::Decimal => is_decimal(value),
            Self::Double => value.parse().is_ok_and(f64::is_finite),
            Self::Float => value.parse().is_ok_and(f32::is_finite),
            Self::DateTime => is_date_time(value),
            Self::Required => !value.is_empty(),
            Self::Length(low, high) => (low..=high).contains(&&value.chars().count()),
            Self::Range(low, high) => value
                .parse()
                .is_ok_and(|number: i64| (*low..=*high).contains(&number)),
        }
    }
}

fn argument<N: std::str::FromStr>(constraint: &str, text: &str) -> Result<N, String> {
    let error = |_| format!("the constraint {constraint:?}: expected a whole number, found {text:?}");
    text.parse().map_err(error)
}

fn is_guid(value: &str) -> bool {
    let in_parentheses = value.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    match in_parentheses {
        Some(inner) => inner.len() == 36 && Uuid::try_parse(inner).is_ok(),
        // The parser also accepts the "urn:uuid:" form, which is longer than all others.
        None => value.len() <= 38 && Uuid::try_parse(value).is_ok(),
    }
}

fn is_decimal(value: &str) -> bool {
    /// The largest .NET decimal, 2^96 - 1: apps must get no value that .NET would refuse.
    const MAX: f64 = 79_228_162_514_264_337_593_543_950_335.0;
    let plain = value
        .bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte));
    plain && value.parse().is_ok_and(|number: f64| number.abs() <= MAX)
}

/// `YYYY-MM-DD[(T| )hh:mm[:ss[.f…]][Z|(+|-)hh:mm]]`.
fn is_date_time(value: &str) -> bool {
    let Some((date, time)) = value.split_at_checked(10) else {
        return false;
    };
    is_date(date) && (time.is_empty() || time.strip_prefix(['T', 't', ' ']).is_some_and(is_time))
}

fn is_date(date: &str) -> bool {
    let mut fields = date.split('-');
    let (year, month, day) = (
        digits(fields.next(), 4),
        digits(fields.next(), 2),
        digits(fields.next(), 2),
    );
    let (Some(year @ 1..), Some(month), Some(day @ 1..)) = (year, month, day) else {
        return false;
    };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    day <= last && fields.next().is_none()
}

fn is_time(time: &str) -> bool {
    let (clock, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => (time, ""),
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut fields = clock.split(':');
    let hours_and_minutes = digits(fields.next(), 2).is_some_and(|hours| hours < 24)
        && digits(fields.next(), 2).is_some_and(|minutes| minutes < 60);
    let seconds = match fields.next() {
        Some(seconds) => digits(Some(seconds), 2).is_some_and(|seconds| seconds < 60),
        None => !time.contains('.'),
    };
    let fraction = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let offset = match offset
        .strip_prefix(['+', '-'])
        .map(|offset| offset.split_once(':'))
    {
        Some(Some((hours, minutes))) => {
            digits(Some(hours), 2).is_some_and(|hours| hours <= 14)
                && digits(Some(minutes), 2).is_some_and(|minutes| minutes < 60)
        }
        Some(None) => false,
        None => offset.len() <= 1,
    };
    hours_and_minutes && seconds && fraction && offset && fields.next().is_none()
}

/// Parses a number of exactly `count` digits.
fn digits(text: Option<&str>, count: usize) -> Option<u32> {
    let text = text.filter(|text| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

#[cfg(test)]
mod tests;
