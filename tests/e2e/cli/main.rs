//! `funcdock extension …`, as users run it.

mod broken;
mod check;
mod list;
mod new;
mod shipped;
mod stubs;
mod support;
