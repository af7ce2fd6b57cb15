//! Errors about values of options that are from variables: clap names the option alone, which nobody has written.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, Command};

/// Names the variable of this process that a value is from, if it is not one of `arguments`.
pub(super) fn named(mut error: clap::Error, command: &Command, arguments: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let option = option.split(' ').next().unwrap_or_default();
    let is_written = arguments.iter().any(|argument| {
        let argument = argument.to_string_lossy();
        argument.split('=').next() == Some(option)
    });
    let Some(variable) = option.strip_prefix("--").and_then(|name| variable(command, name)) else {
        return error;
    };
    let value = std::env::var(&variable);
    let is_its = match (error.get(ContextKind::InvalidValue), &value) {
        (Some(ContextValue::String(invalid)), Ok(value)) => value.contains(invalid.as_str()),
        _ => false,
    };
    if is_its && !is_written {
        let advice = format!("the value is from the environment: correct or unset {variable}");
        let advice = ContextValue::StyledStrs(vec![advice.into()]);
        error.insert(ContextKind::Suggested, advice);
    }
    error
}

/// Returns the variable of the option with this name, of a command or one of its subcommands.
fn variable(command: &Command, option: &str) -> Option<String> {
    let is_meant = |argument: &&Arg| argument.get_long() == Some(option);
    let own = command
        .get_arguments()
        .find(is_meant)
        .and_then(|argument| argument.get_env());
    match own {
        Some(variable) => variable.to_str().map(str::to_owned),
        None => command
            .get_subcommands()
            .find_map(|command| variable(command, option)),
    }
}
