//! Binding expressions: the `{…}` in the properties of bindings (`path`, `queueName`), and the patterns of blob paths.
//!
//! A [`Template`] is parsed once, and expanded for each call. [`BlobPathTemplate`] is one that gives a [`BlobPath`];
//! [`BlobPattern`] goes the other way: it finds the values of its expressions in a blob's name. Grammar and behaviour are
//! those of the Functions host; where they differ, the item says so.

mod blob_path;
mod blob_pattern;
mod date;
mod expand_error;
mod format;
mod format_error;
mod guid;
mod parse;
mod template;
mod values;

pub use blob_path::{BlobPath, BlobPathError, BlobPathTemplate};
pub use blob_pattern::BlobPattern;
pub use expand_error::{ExpandError, Names};
pub use format_error::FormatError;
pub use parse::TemplateError;
pub use template::Template;
pub use values::{BindingValue, SystemValues, Values};

#[cfg(test)]
mod tests;
