//! One field of a cron expression: the set of its values.

use super::error::FieldProblem;
use super::field_kind::FieldKind;

/// The values of a field: bit n is the value n. Never empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field(u64);

impl Field {
    /// Only zero, which is the second of an expression without seconds.
    pub(super) const ZERO: Self = Self(1);

    /// Parses a field. An error comes with the part of the text that it is about.
    pub(super) fn parse(kind: FieldKind, text: &str) -> Result<Self, (&str, FieldProblem)> {
        let mut values = 0;
        for element in text.split(',') {
            if element.is_empty() {
                return Err((text, FieldProblem::Empty(kind)));
            }
            let (first, last, step) = parse_element(kind, element)?;
            values |= (first..=last)
                .step_by(step)
                .fold(0, |values, value| values | 1 << value);
        }
        Ok(Self(values))
    }

    pub(super) fn contains(self, value: u8) -> bool {
        value < 64 && self.0 & 1 << value != 0
    }

    /// Returns the smallest value.
    pub(super) fn first(self) -> u8 {
        // At most 64, as a u64 has no more bits.
        self.0.trailing_zeros() as u8
    }

    /// Returns the smallest value from `value` on.
    pub(super) fn first_from(self, value: u8) -> Option<u8> {
        let rest = Self(self.0 & u64::MAX.checked_shl(value.into()).unwrap_or(0));
        (rest.0 != 0).then(|| rest.first())
    }

    /// Whether two of the values follow each other.
    pub(super) fn has_neighbours(self) -> bool {
        self.0 & self.0 >> 1 != 0
    }

    pub(super) fn has_one_value(self) -> bool {
        self.0.is_power_of_two()
    }

    /// Whether it has all values of this kind of field.
    pub(super) fn is_all(self, kind: FieldKind) -> bool {
        let (min, max) = kind.limits();
        (min..=max).all(|value| self.contains(value))
    }
}

/// Returns the first and the last value of an element of a list, and the step, which is at least 1.
fn parse_element(kind: FieldKind, element: &str) -> Result<(u8, u8, usize), (&str, FieldProblem)> {
    let (min, max) = kind.limits();
    let (range, step) = match element.split_once('/') {
        Some((range, step)) => (range, Some(parse_step(step)?)),
        None => (element, None),
    };
    let (first, last) = if range == "*" {
        (min, max)
    } else if let Some((first, last)) = range.split_once('-') {
        if first.is_empty() || last.is_empty() {
            return Err((element, FieldProblem::Empty(kind)));
        }
        let (first, last) = (parse_value(kind, first)?, parse_value(kind, last)?);
        (first.min(last), first.max(last))
    } else if range.is_empty() {
        return Err((element, FieldProblem::Empty(kind)));
    } else {
        let value = parse_value(kind, range)?;
        (value, if step.is_some() { max } else { value })
    };
    Ok((first, last, step.unwrap_or(1)))
}

fn parse_step(text: &str) -> Result<usize, (&str, FieldProblem)> {
    // `parse` accepts a plus sign.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(step) if digits && step > 0 => Ok(step),
        _ => Err((text, FieldProblem::Step)),
    }
}

fn parse_value(kind: FieldKind, text: &str) -> Result<u8, (&str, FieldProblem)> {
    let (min, max) = kind.limits();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse() {
            Ok(value) if (min..=max).contains(&value) => Ok(value),
            _ => Err((text, FieldProblem::OutOfRange(kind))),
        };
    }
    let begins = |name: &&str| {
        name.get(..text.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(text))
    };
    let named = (min..=max).zip(kind.names()).find(|(_, name)| begins(name));
    match named {
        Some((value, _)) => Ok(value),
        None if is_other_dialect(text) => Err((text, FieldProblem::OtherDialect(kind))),
        None => Err((text, FieldProblem::NotAValue(kind))),
    }
}

/// Whether this is made of the special characters of other dialects: `?`, `L`, `15W`, `LW`, `5L`, `Mon#2`.
fn is_other_dialect(text: &str) -> bool {
    let special = |c: char| matches!(c, 'L' | 'W' | 'l' | 'w');
    let number = text.trim_end_matches(special);
    text == "?"
        || text.contains('#')
        || number.len() < text.len() && number.bytes().all(|byte| byte.is_ascii_digit())
}
