//! An extension's settings: JSON from host.json into the author's type.

mod describe;
mod secret;
mod words;

use std::any::TypeId;

use abi_stable::std_types::RVec;
use serde::de::DeserializeOwned;

use crate::abi;
use crate::author::error::{Error, ErrorKind, Result};

pub use secret::is_secret_name;

/// Reads settings (a JSON object). A key that the type does not know is an error, with or without
/// `deny_unknown_fields`, so that a misspelt setting fails at start.
pub(crate) fn parse<S: DeserializeOwned + 'static>(json: &str) -> Result<S> {
    // `()` has no form in JSON but null; as settings it means "none", written as {} or left out.
    let json = if TypeId::of::<S>() == TypeId::of::<()>() {
        let given: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(json).map_err(invalid)?;
        if let Some(key) = given.keys().next() {
            return Err(wrong_type(format!(
                "unknown key {key:?}: this extension has no settings"
            )));
        }
        "null"
    } else {
        json
    };
    let mut unknown = None;
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let parsed = serde_ignored::deserialize(tracked, |path| {
        unknown.get_or_insert_with(|| path.to_string());
    });
    match (parsed, unknown) {
        (Ok(settings), None) => Ok(settings),
        (_, Some(key)) => Err(wrong_type(match describe::fields::<S>() {
            // The other keys of a nested struct are not known here.
            fields if !fields.is_empty() && !key.contains('.') => {
                format!("unknown key {key:?}: the keys are {}", fields.join(", "))
            }
            _ => format!("unknown key {key:?}"),
        })),
        (Err(error), None) => {
            let path = track.path().to_string();
            let error = without_position(&error);
            // Only the text of serde's errors distinguishes these.
            let is_type = ["invalid type", "unknown field"]
                .iter()
                .any(|start| error.starts_with(start));
            let is_missing = error.starts_with("missing field");
            let words = words::plain(&error, !is_secret_name(&path));
            let message = if path == "." {
                words
            } else {
                format!("{path}: {words}")
            };
            Err(if is_missing {
                Error::new(ErrorKind::MissingSetting, message)
            } else if is_type {
                wrong_type(message)
            } else {
                invalid(message)
            })
        }
    }
}

/// Returns the settings that the type takes.
pub(crate) fn describe<S: DeserializeOwned>(documentation: &[(&str, &str)]) -> RVec<abi::Setting> {
    let text = |name: &str| {
        documentation
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| *text)
    };
    let setting = |name: &&'static str| abi::Setting {
        name: (*name).into(),
        annotation: describe::annotation::<S>(name).into(),
        documentation: text(name).unwrap_or_default().into(),
    };
    describe::fields::<S>().iter().map(setting).collect()
}

fn invalid(message: impl ToString) -> Error {
    Error::new(ErrorKind::Value, message.to_string())
}

/// As Python raises it for keyword arguments that a function does not take, or not like this.
fn wrong_type(message: String) -> Error {
    Error::new(ErrorKind::Type, message)
}

/// The settings reach us as one line made by the host: its line and column would mislead.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(default)]
    #[allow(dead_code, reason = "read through Debug")]
    struct Settings {
        rate: f64,
        exporter: Exporter,
    }

    impl Default for Settings {
        fn default() -> Self {
            Settings {
                rate: 1.0,
                exporter: Exporter::Console,
            }
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Exporter {
        Console,
        Otlp,
    }

    #[test]
    fn errors_name_the_key() {
        let cases = [
            ("{}", "Ok(Settings { rate: 1.0, exporter: Console })", "defaults"),
            (
                r#"{"rate": 0.5}"#,
                "Ok(Settings { rate: 0.5, exporter: Console })",
                "a value",
            ),
            (
                r#"{"exporter": "otlp"}"#,
                "Ok(Settings { rate: 1.0, exporter: Otlp })",
                "an enum",
            ),
            (
                r#"{"rate": "x"}"#,
                r#"Err(rate: expected a number, found "x")"#,
                "the type is wrong",
            ),
            (
                r#"{"exporter": "file"}"#,
                r#"Err(exporter: expected "console" or "otlp", found "file")"#,
                "a choice that does not exist",
            ),
            (
                r#"{"rat": 1}"#,
                r#"Err(unknown key "rat": the keys are rate, exporter)"#,
                "misspelt",
            ),
        ];
        for (json, expected, reason) in cases {
            assert_eq!(format!("{:?}", parse::<Settings>(json)), expected, "{reason}");
        }
    }

    #[test]
    fn no_settings() {
        assert!(parse::<()>("{}").is_ok());
        let error = parse::<()>(r#"{"a": 1}"#).expect_err("there are none");
        assert_eq!(
            error.message(),
            r#"unknown key "a": this extension has no settings"#
        );
    }
}
