//! How many blocks of memory Python's allocator has given out before and after a function. Only Python knows, so the
//! companion counts, and writes the numbers into an object of the call.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use funcdock_extension_api::{ContextObject, Error, ErrorKind, PythonModule, Result, Value};

/// The companion that counts in Python.
pub(crate) const COMPANION: PythonModule = PythonModule::new("companion", include_str!("companion.py"));

/// The attribute of `context` that the companion looks for.
pub(crate) const ATTRIBUTE: &str = "memory_profile_blocks";

/// The numbers of one call; clones share them.
#[derive(Clone)]
pub(crate) struct Blocks(Arc<Counts>);

struct Counts {
    before: AtomicI64,
    after: AtomicI64,
}

/// Not counted: the function did not run, or has not ended.
const UNKNOWN: i64 = -1;

impl Blocks {
    pub(crate) fn new() -> Self {
        Blocks(Arc::new(Counts {
            before: AtomicI64::new(UNKNOWN),
            after: AtomicI64::new(UNKNOWN),
        }))
    }

    /// Returns how many more blocks there are after the function than before.
    pub(crate) fn growth(&self) -> Option<i64> {
        let [before, after] = [&self.0.before, &self.0.after].map(|count| count.load(Ordering::Relaxed));
        (before != UNKNOWN && after != UNKNOWN).then(|| after - before)
    }
}

impl ContextObject for Blocks {
    fn class_name(&self) -> &str {
        "Blocks"
    }

    fn set(&self, name: &str, value: Value) -> Result<()> {
        let count = match name {
            "before" => &self.0.before,
            "after" => &self.0.after,
            _ => {
                return Err(Error::new(
                    ErrorKind::Attribute,
                    format!("Blocks has no attribute {name}"),
                ));
            }
        };
        match value {
            Value::Int(value) => {
                count.store(value, Ordering::Relaxed);
                Ok(())
            }
            other => Err(Error::new(
                ErrorKind::Type,
                format!("{name}: expected int, found {}", other.type_name()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_needs_both_numbers() {
        let blocks = Blocks::new();
        assert_eq!(blocks.growth(), None);
        blocks.set("before", 5.into()).expect("an int");
        assert_eq!(blocks.growth(), None, "the function has not ended");
        blocks.clone().set("after", 3.into()).expect("an int");
        assert_eq!(blocks.growth(), Some(-2));
        assert!(blocks.set("before", "x".into()).is_err());
        assert!(blocks.set("other", 1.into()).is_err());
    }
}
