//! `funcdock extension …`, as its users call it.

mod broken;
mod check;
mod list;
mod new;
mod shipped;
mod stubs;
mod support;
