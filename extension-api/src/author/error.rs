//! The error that hooks and objects return.

use std::fmt;

use crate::abi;

/// What a hook or an object's method returns.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a hook or a method failed. Any `std::error::Error` converts into it by `?`, with its causes.
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// Which exception Python code sees when a method of a [`crate::ContextObject`] fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `RuntimeError`.
    Runtime,
    /// `TypeError`: wrong kind or number of arguments.
    Type,
    /// `ValueError`: an argument of the right type and a wrong value.
    Value,
    /// `AttributeError`.
    Attribute,
    /// `TypeError`: settings lack a key. The host asks again when all settings are known.
    #[doc(hidden)]
    MissingSetting,
}

impl Error {
    /// An error of this kind; the message is for a person.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error {
            kind,
            message: message.into(),
        }
    }

    /// An error that Python sees as `RuntimeError`.
    pub fn msg(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::Runtime, message)
    }

    /// Which exception Python sees.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

// `Error` itself must not implement `std::error::Error`, or this conversion would overlap with `From<T> for T`.
impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Error::msg(message)
    }
}

impl Error {
    pub(crate) fn into_abi(self) -> abi::Error {
        let kind = match self.kind {
            ErrorKind::Runtime => abi::ERROR_RUNTIME,
            ErrorKind::Type => abi::ERROR_TYPE,
            ErrorKind::Value => abi::ERROR_VALUE,
            ErrorKind::Attribute => abi::ERROR_ATTRIBUTE,
            ErrorKind::MissingSetting => abi::ERROR_MISSING_SETTING,
        };
        abi::Error::new(kind, self.message)
    }

    pub(crate) fn from_abi(error: abi::Error) -> Self {
        let kind = match error.kind {
            abi::ERROR_TYPE => ErrorKind::Type,
            abi::ERROR_VALUE => ErrorKind::Value,
            abi::ERROR_ATTRIBUTE => ErrorKind::Attribute,
            abi::ERROR_MISSING_SETTING => ErrorKind::MissingSetting,
            _ => ErrorKind::Runtime,
        };
        Error::new(kind, error.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversion_keeps_the_causes() {
        #[derive(Debug)]
        struct Outer(std::num::ParseIntError);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("no port")
            }
        }
        impl std::error::Error for Outer {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                Some(&self.0)
            }
        }
        let cause = "x".parse::<u16>().expect_err("not a number");
        assert_eq!(
            Error::from(Outer(cause)).message(),
            "no port: invalid digit found in string"
        );
    }
}
