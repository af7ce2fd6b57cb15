//! The attributes that `context` has itself, which no extension sets.

use crate::abi;

const RESERVED: [&str; 7] = [
    "exception",
    "function_directory",
    "function_name",
    "invocation_id",
    "retry_context",
    "thread_local_storage",
    "trace_context",
];

/// Checks that an extension may set an attribute of this name.
///
/// # Errors
/// One of kind [`abi::ERROR_VALUE`], if `context` has the name itself: its own attributes, what the host sets, and Python's
/// `__names__`.
pub fn check_attribute_name(name: &str) -> Result<(), abi::Error> {
    match is_reserved(name) {
        false => Ok(()),
        true => Err(abi::Error::new(
            abi::ERROR_VALUE,
            format!("the context has {name:?} itself: set an attribute with another name"),
        )),
    }
}

pub(super) const fn is_reserved(name: &str) -> bool {
    let mut others = RESERVED.as_slice();
    while let [other, rest @ ..] = others {
        if is_same(name.as_bytes(), other.as_bytes()) {
            return true;
        }
        others = rest;
    }
    matches!(name.as_bytes(), [b'_', b'_', ..])
}

const fn is_same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([first, a_rest @ ..], [other, b_rest @ ..]) = (a, b) {
        if *first != *other {
            return false;
        }
        (a, b) = (a_rest, b_rest);
    }
    a.is_empty() && b.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contexts_own_names_are_reserved() {
        for (name, expected) in [
            ("invocation_id", true),
            ("exception", true),
            ("__class__", true),
            ("invocation", false),
            ("invocation_ids", false),
            ("_own", false),
            ("", false),
        ] {
            assert_eq!(check_attribute_name(name).is_err(), expected, "{name}");
        }
    }
}
