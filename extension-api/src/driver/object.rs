//! What hosts say of objects that fail.

use std::fmt::Display;

use crate::abi;

/// Names the object in the message of a panic: `Counter.increment() panicked: …`. Other errors are the author's own words,
/// and stay as they are. `member` is what was used of the object: `increment()`.
pub fn name_panic(object: &abi::Object, member: impl Display, mut error: abi::Error) -> abi::Error {
    if error.is_panic() {
        error.message = format!("{}.{member} {}", object.class_name(), error.message).into();
    }
    error
}
