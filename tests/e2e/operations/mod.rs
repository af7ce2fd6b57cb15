//! Options of `funcdock start` for operators.

mod env_file;
mod log_file;
mod pid_file;
mod workers;
