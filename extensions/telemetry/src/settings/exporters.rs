//! The exporters by name, and which of them the settings mean.

use super::SettingsError;
use super::names::Names;

/// An exporter by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Otlp,
    Zipkin,
    Azure,
    Console,
    File,
    None,
}

const NAMES: [(&str, Name); 6] = [
    ("otlp", Name::Otlp),
    ("zipkin", Name::Zipkin),
    ("azure", Name::Azure),
    ("console", Name::Console),
    ("file", Name::File),
    ("none", Name::None),
];

impl Name {
    fn parse(text: &str) -> Option<Name> {
        let found = NAMES.iter().find(|(name, _)| *name == text.trim());
        found.map(|(_, name)| *name)
    }
}

/// The names of all, for messages.
fn names_for_message() -> String {
    let [rest @ .., (last, _)] = NAMES;
    format!("{} or {last}", rest.map(|(name, _)| name).join(", "))
}

/// Returns the exporters of a setting, each once; none for `"none"`.
pub(super) fn from_setting(Names(names): &Names) -> Result<Vec<Name>, SettingsError> {
    let mut exporters = Vec::new();
    for given in names {
        let name = Name::parse(given).ok_or_else(|| SettingsError::UnknownExporter {
            given: given.clone(),
            names: names_for_message(),
        })?;
        if !exporters.contains(&name) {
            exporters.push(name);
        }
    }
    match &exporters[..] {
        [] => Err(SettingsError::NoExporter),
        [Name::None] => Ok(Vec::new()),
        several if several.contains(&Name::None) => Err(SettingsError::NoneAndOthers),
        _ => Ok(exporters),
    }
}

/// Returns the exporters of `OTEL_TRACES_EXPORTER`. Reports and ignores unknown ones, by OpenTelemetry's rule; `None` if no
/// known one is left.
pub(super) fn from_variable(env: impl Fn(&str) -> Option<String>) -> Option<Vec<Name>> {
    const VARIABLE: &str = "OTEL_TRACES_EXPORTER";
    let given = env(VARIABLE)?;
    let mut names = Vec::new();
    for part in given.split(',').filter(|part| !part.trim().is_empty()) {
        match Name::parse(part) {
            Some(name @ (Name::Otlp | Name::Zipkin | Name::Console | Name::None)) => {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
            _ => tracing::warn!(
                "{VARIABLE}: {:?} is ignored; expected otlp, zipkin, console or none",
                part.trim()
            ),
        }
    }
    if names.is_empty() {
        return None;
    }
    if names.len() > 1 && names.contains(&Name::None) {
        tracing::warn!("{VARIABLE}: none is ignored beside other exporters");
    }
    names.retain(|name| *name != Name::None);
    Some(names)
}
