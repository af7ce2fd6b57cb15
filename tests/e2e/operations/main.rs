//! Options of `funcdock start` for operators.

mod workers;
