//! Foreign text in the output for people: names, messages and tracebacks that must neither begin a line that looks like
//! another record nor steer the reader's terminal.
//!
//! Escaped are the control characters (C0 but the tab, DEL, C1) and what else counts as the end of a line somewhere
//! (U+2028, U+2029), as in a string of Python: `\r`, `\x1b`, `\u2028`.

use std::fmt::{self, Display, Formatter, Write};

/// What the further lines of a record or an error begin with. No record does.
const INDENT: &str = "  ";

/// Shows text on one line: a line break is `\n`.
pub(crate) struct OneLine<'a>(pub(crate) &'a str);

impl Display for OneLine<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        escape(f, self.0, false)
    }
}

/// Shows text of several lines, as it is but for control characters.
pub(crate) struct Lines<'a>(pub(crate) &'a str);

impl Display for Lines<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        escape(f, self.0, true)
    }
}

/// Shows text of several lines, each line but the first indented.
pub(crate) struct Indented<'a>(pub(crate) &'a str);

impl Display for Indented<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.split('\n').enumerate() {
            if index > 0 {
                f.write_char('\n')?;
                f.write_str(INDENT)?;
            }
            escape(f, line, false)?;
        }
        Ok(())
    }
}

fn escape(out: &mut impl Write, text: &str, keep_lines: bool) -> fmt::Result {
    let mut rest = text;
    while let Some((at, found)) = rest
        .char_indices()
        .find(|(_, c)| is_control(*c) && !(keep_lines && *c == '\n'))
    {
        out.write_str(&rest[..at])?;
        match found {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\0'..='\u{ff}' => write!(out, "\\x{:02x}", u32::from(found))?,
            _ => write!(out, "\\u{:04x}", u32::from(found))?,
        }
        rest = &rest[at + found.len_utf8()..];
    }
    out.write_str(rest)
}

/// Whether a character must not be written as it is. A tab does no harm.
pub(super) fn is_control(c: char) -> bool {
    (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_could_forge_a_line_or_steer_a_terminal_is_escaped() {
        for (text, expected) in [
            ("", ""),
            (
                "plain, ünïcödé 🦀 and \"quotes\"",
                "plain, ünïcödé 🦀 and \"quotes\"",
            ),
            ("a\tb", "a\tb"),
            ("a\r\nb\n", "a\\r\\nb\\n"),
            ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
            ("\0\x08\x0b\x7f", "\\x00\\x08\\x0b\\x7f"),
            ("\u{85}\u{9b}31m", "\\x85\\x9b31m"),
            ("\u{2028}x\u{2029}", "\\u2028x\\u2029"),
        ] {
            assert_eq!(OneLine(text).to_string(), expected);
        }
        assert_eq!(Lines("a\r\n\x1bb\n").to_string(), "a\\r\n\\x1bb\n");
    }

    #[test]
    fn further_lines_are_indented() {
        assert_eq!(Indented("one").to_string(), "one");
        assert_eq!(
            Indented("a\n  b\n\n2025 ERROR x\rd").to_string(),
            "a\n    b\n  \n  2025 ERROR x\\rd"
        );
    }
}
