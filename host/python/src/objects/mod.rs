//! What extensions give to Python, and what Python gives to them.

mod arguments;
mod object;

pub(crate) use object::to_python;
