//! The subcommands other than `funcdock start`, as users run them.

mod broken;
mod check;
mod check_calls;
mod init;
mod install;
mod kubernetes;
mod list;
mod logs;
mod made;
mod names;
mod new;
mod new_function;
mod pack;
mod run;
mod settings;
mod shells;
mod shipped;
mod stubs;
mod support;
