//! The objects of extensions in Python, and the values that pass between the two.

mod object;
mod values;

pub(crate) use values::to_python;
