//! The objects that the companion calls: spans as a plain tree, with one method for each thing that can be done to them.
//!
//! Python knows its contexts, so it keeps which span is current: see `companion/spans.py`. Tracing must not break a
//! function: what cannot be recorded (a dict as an attribute, anything on an ended span) is logged and ignored.
//!
//! [`Root`] is the extension as a whole (its methods are in `native`), [`SpanObject`] a span, [`Logger`] takes log records; `convert` turns arguments
//! into values.

mod convert;
mod logger;
mod native;
mod root;
mod span;

pub(crate) use root::Root;
pub(crate) use span::SpanObject;

#[cfg(test)]
mod tests;
