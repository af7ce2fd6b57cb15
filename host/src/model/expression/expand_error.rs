//! Why a template has no text for a call.

use std::fmt;

/// The number of names that a message lists.
const NAMES_LISTED: usize = 20;

/// Why a template has no text for a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// There is no value of this name.
    #[error(
        "{template:?}: {{{expression}}} needs the value {name:?}, which this call does not have; it has {names}"
    )]
    NoValue {
        /// The template.
        template: String,
        /// The expression, without braces.
        expression: String,
        /// The name without a value.
        name: String,
        /// The names that have one.
        names: Names,
    },
    /// A value in the path of an expression lacks the property.
    #[error(
        "{template:?}: {{{expression}}} needs the property {property:?} of {parent}, which does not have it; it has {names}"
    )]
    NoProperty {
        /// The template.
        template: String,
        /// The expression, without braces.
        expression: String,
        /// The path to the value that lacks the property.
        parent: String,
        /// The missing property.
        property: String,
        /// The properties that it has.
        names: Names,
    },
    /// A value in the path of an expression is not an object.
    #[error("{template:?}: {{{expression}}} needs {parent} to be a JSON object, but it is {kind}")]
    NotObject {
        /// The template.
        template: String,
        /// The expression, without braces.
        expression: String,
        /// The path to the value that is not an object.
        parent: String,
        /// What it is.
        kind: &'static str,
    },
    /// The value cannot be a part of a text.
    #[error("{template:?}: {{{expression}}} is {kind}; expected text, a number or a boolean")]
    NotText {
        /// The template.
        template: String,
        /// The expression, without braces.
        expression: String,
        /// What the value is.
        kind: &'static str,
    },
}

/// The names that there are, for a message: `id, name and 5 more`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl FromIterator<String> for Names {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let listed: Vec<&str> = self.0.iter().take(NAMES_LISTED).map(String::as_str).collect();
        write!(f, "{}", listed.join(", "))?;
        match self.0.len().saturating_sub(listed.len()) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
