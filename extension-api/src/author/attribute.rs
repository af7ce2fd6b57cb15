//! The declaration of an attribute of `context`.

use super::annotation::Classes;
use super::annotation::Typed;
use crate::abi;

/// An attribute of `context` that an extension makes or sets.
#[doc(hidden)]
pub struct Attribute {
    pub(crate) name: &'static str,
    pub(crate) is_made: bool,
    documentation: &'static str,
    annotation: fn() -> String,
    classes: fn(&mut Classes),
}

impl Attribute {
    /// One that the extension makes when function code asks for it.
    pub const fn made<T: Typed>(name: &'static str, documentation: &'static str) -> Self {
        Attribute {
            name,
            is_made: true,
            documentation,
            annotation: T::annotation,
            classes: T::classes,
        }
    }

    /// One that a hook of the extension sets.
    pub const fn set<T: Typed>(name: &'static str) -> Self {
        Attribute {
            is_made: false,
            ..Attribute::made::<T>(name, "")
        }
    }

    /// The attribute and the classes that its annotation names.
    pub(crate) fn describe(&self, classes: &mut Classes) -> abi::Attribute {
        (self.classes)(classes);
        abi::Attribute {
            name: self.name.into(),
            is_made: self.is_made,
            annotation: (self.annotation)().into(),
            documentation: self.documentation.into(),
        }
    }
}
