//! Options that are on or off, and variables for them.

use crate::app::{BOOLEAN, parse_boolean};

/// An option or variable that is on or off, or neither: then something else decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Switch {
    Unset,
    On,
    Off,
}

impl Switch {
    /// Whether it is on, or this if it is unset.
    pub(super) fn is_on_or(self, default: bool) -> bool {
        match self {
            Switch::Unset => default,
            Switch::On => true,
            Switch::Off => false,
        }
    }
}

/// Parses a switch, by the table of booleans that app settings have. Nothing is unset.
pub(super) fn parse_switch(text: &str) -> Result<Switch, String> {
    match text.trim() {
        "" => Ok(Switch::Unset),
        text => boolean(text).map(|is_on| if is_on { Switch::On } else { Switch::Off }),
    }
}

/// Parses the variable of a flag, by the table of booleans that app settings have.
pub(super) fn boolean(text: &str) -> Result<bool, String> {
    // A variable that is set to nothing is as good as none.
    match text.trim() {
        "" => Ok(false),
        text => parse_boolean(text).ok_or_else(|| format!("expected {BOOLEAN}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_that_is_off_is_not_one_that_is_unset() {
        for (text, expected) in [
            ("", [false, true]),
            (" ", [false, true]),
            ("1", [true, true]),
            ("True", [true, true]),
            ("0", [false, false]),
            ("no", [false, false]),
        ] {
            let switch = parse_switch(text).expect("a boolean");
            assert_eq!(
                [false, true].map(|default| switch.is_on_or(default)),
                expected,
                "{text:?}"
            );
        }
        let error = parse_switch("perhaps").expect_err("not a boolean");
        assert!(error.starts_with("expected a boolean"), "{error}");
    }
}
