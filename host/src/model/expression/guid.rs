//! The formats of GUIDs: `{rand-guid:N}`.

use uuid::Uuid;

use super::format_error::FormatError;

/// How a GUID is written: the formats of .NET.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GuidFormat {
    /// `N`: 32 digits.
    Digits,
    /// `D`: 32 digits with hyphens.
    Hyphens,
    /// `B`: with hyphens, in braces.
    Braces,
    /// `P`: with hyphens, in parentheses.
    Parentheses,
    /// `X`: hexadecimal numbers in braces.
    Numbers,
}

impl GuidFormat {
    /// Parses the letter of a format. The default is `D`.
    pub(super) fn parse(text: Option<&str>) -> Result<Self, FormatError> {
        match text {
            None => Ok(Self::Hyphens),
            Some("N" | "n") => Ok(Self::Digits),
            Some("D" | "d") => Ok(Self::Hyphens),
            Some("B" | "b") => Ok(Self::Braces),
            Some("P" | "p") => Ok(Self::Parentheses),
            Some("X" | "x") => Ok(Self::Numbers),
            Some(other) => Err(FormatError::UnknownGuid(other.to_owned())),
        }
    }

    pub(super) fn write(self, guid: Uuid) -> String {
        match self {
            Self::Digits => guid.simple().to_string(),
            Self::Hyphens => guid.hyphenated().to_string(),
            Self::Braces => guid.braced().to_string(),
            Self::Parentheses => format!("({})", guid.hyphenated()),
            Self::Numbers => {
                let (first, second, third, bytes) = guid.as_fields();
                let bytes: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
                let bytes = bytes.join(",");
                format!("{{0x{first:08x},0x{second:04x},0x{third:04x},{{{bytes}}}}}")
            }
        }
    }
}
