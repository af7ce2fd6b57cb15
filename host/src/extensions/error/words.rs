//! The words that the messages of errors share.

use std::path::PathBuf;

use crate::extensions::step::Step;

pub(super) fn crash_advice(step: Step) -> &'static str {
    match step {
        Step::Configure
        | Step::Init
        | Step::Native
        | Step::PostFunctionLoad
        | Step::PreInvocation
        | Step::Attribute
        | Step::PostInvocation
        | Step::StreamEnded
        | Step::OnException
        | Step::Objects
        | Step::Flush
        | Step::Shutdown
        | Step::Drop => "report this to the extension's author",
        _ => "copy it again, or rebuild it on this machine; if that does not help, report this to its author",
    }
}

pub(super) fn paths(paths: &[PathBuf]) -> String {
    paths
        .iter()
        .map(|path| path.display().to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn quoted(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names
        .iter()
        .map(|name| format!("{name:?}"))
        .collect::<Vec<_>>()
        .join(", ")
}

pub(super) fn others(available: &[String]) -> String {
    match available {
        [] => "no extensions at all".to_owned(),
        names => format!("other extensions: {}", names.join(", ")),
    }
}

pub(super) fn for_function(function: Option<&str>) -> String {
    function
        .map(|name| format!(" for function {name:?}"))
        .unwrap_or_default()
}

pub(super) fn platform() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}
