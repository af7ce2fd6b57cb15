//! Options of `funcdock start` for operators.

mod pid_file;
mod workers;
