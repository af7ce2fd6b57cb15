//! What can be wrong with the format of an expression.

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
