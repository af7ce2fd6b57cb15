//! Which exporters there are, and which ones are meant.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::{Collector, ConnectionString, FileTarget, HttpTarget, SettingsError};

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

/// Where spans go.
#[derive(Debug)]
pub enum Destination {
    Otlp(Box<Collector>),
    Zipkin(HttpTarget),
    Azure(ConnectionString, HttpTarget),
    File(FileTarget),
    Console,
}

impl Destination {
    /// The exporter's name in settings, metrics and the log.
    pub fn name(&self) -> &'static str {
        match self {
            Destination::Otlp(_) => "otlp",
            Destination::Zipkin(_) => "zipkin",
            Destination::Azure(..) => "azure",
            Destination::File(_) => "file",
            Destination::Console => "console",
        }
    }
}

/// The names that a setting gives: one, several with commas between, or a list. In order, and each once.
#[derive(Debug, Clone)]
pub(super) struct Names(Vec<Name>);

impl Names {
    /// The exporters that are meant; none of them where it says `"none"`.
    pub(super) fn exporters(&self) -> Result<Vec<Name>, SettingsError> {
        match &self.0[..] {
            [] => Err(SettingsError::NoExporter),
            [Name::None] => Ok(Vec::new()),
            several if several.contains(&Name::None) => Err(SettingsError::NoneAndOthers),
            several => Ok(several.to_vec()),
        }
    }

    fn add(&mut self, name: Name) {
        if !self.0.contains(&name) {
            self.0.push(name);
        }
    }

    fn add_all<E: de::Error>(&mut self, text: &str) -> Result<(), E> {
        for part in text.split(',') {
            let Some(name) = Name::parse(part) else {
                const EXPECTED: &[&str] = &["otlp", "zipkin", "azure", "console", "file", "none"];
                return Err(E::unknown_variant(part.trim(), EXPECTED));
            };
            self.add(name);
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;

        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an exporter's name or a list of them")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Names, E> {
                let mut names = Names(Vec::new());
                names.add_all(text)?;
                Ok(names)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let mut names = Names(Vec::new());
                while let Some(text) = list.next_element::<String>()? {
                    names.add_all::<A::Error>(&text)?;
                }
                Ok(names)
            }
        }

        deserializer.deserialize_any(OneOrMany)
    }
}

/// The exporters that `OTEL_TRACES_EXPORTER` names. As OpenTelemetry asks, an unknown one is reported and
/// ignored; `None` where no known one is left.
pub(super) fn from_variable(env: impl Fn(&str) -> Option<String>) -> Option<Vec<Name>> {
    const VARIABLE: &str = "OTEL_TRACES_EXPORTER";
    let given = env(VARIABLE)?;
    let mut names = Names(Vec::new());
    for part in given.split(',').filter(|part| !part.trim().is_empty()) {
        match Name::parse(part) {
            Some(name @ (Name::Otlp | Name::Zipkin | Name::Console | Name::None)) => names.add(name),
            _ => tracing::warn!(
                "{VARIABLE}: {:?} is ignored; expected otlp, zipkin, console or none",
                part.trim()
            ),
        }
    }
    if names.0.is_empty() {
        return None;
    }
    if names.0.len() > 1 && names.0.contains(&Name::None) {
        tracing::warn!("{VARIABLE}: none is ignored beside other exporters");
    }
    names.0.retain(|name| *name != Name::None);
    Some(names.0)
}
