//! App settings: environment variables and local.settings.json's `Values` together, and those among them
//! that override values of host.json (`AzureFunctionsJobHost__section__key`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{Place, Problem};
use super::json::{Document, Node, Origin, Value};

const PREFIX: &str = "AzureFunctionsJobHost__";

/// The app settings, by name without case. Environment variables win over `Values`.
pub(super) struct AppSettings {
    /// Lowered name to name and value.
    by_name: BTreeMap<String, (String, String)>,
}

impl AppSettings {
    pub(super) fn new<'a, I, J>(values: I, environment: J) -> Self
    where
        I: IntoIterator<Item = (&'a String, &'a String)>,
        J: IntoIterator<Item = (&'a String, &'a String)>,
    {
        let all = values.into_iter().chain(environment);
        let by_name = all.map(|(name, value)| (name.to_ascii_lowercase(), (name.clone(), value.clone())));
        Self {
            by_name: by_name.collect(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.by_name
            .get(&name.to_ascii_lowercase())
            .map(|(_, value)| value.as_str())
    }

    /// Whether the setting is there and true ("1" or "true").
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name)
            .is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }

    /// Puts the values of `AzureFunctionsJobHost__…` into `host_json`. Settings that name no key are ignored,
    /// with a warning.
    pub(super) fn override_values(&self, host_json: &mut Document, warnings: &mut Vec<Problem>) {
        let mut overrides = Vec::new();
        for (lowered, (name, value)) in &self.by_name {
            if !lowered.starts_with(&PREFIX.to_ascii_lowercase()) {
                continue;
            }
            let steps: Vec<&str> = name[PREFIX.len()..].split("__").collect();
            if steps.contains(&"") {
                warnings.push(Problem {
                    place: Place::Setting(name.clone()),
                    key: String::new(),
                    message: format!(
                        "ignored, as it names no key of host.json; expected {PREFIX}section__key"
                    ),
                });
                continue;
            }
            overrides.push((steps, name, value));
        }
        // Elements of arrays in their order: 2 before 10.
        overrides.sort_by_cached_key(|(steps, ..)| {
            steps
                .iter()
                .map(|step| (index(step), step.to_ascii_lowercase()))
                .collect::<Vec<_>>()
        });
        for (steps, name, value) in overrides {
            let origin = Origin::Setting(Arc::from(name.as_str()));
            let mut node = &mut host_json.root;
            for step in steps {
                node = child(node, step, &origin);
            }
            *node = Node {
                origin,
                value: Value::Setting(value.clone()),
            };
        }
    }
}

/// The child of `node` that `step` names, created where there is none. An element beyond the end of an array
/// is appended to it.
fn child<'n>(node: &'n mut Node, step: &str, origin: &Origin) -> &'n mut Node {
    // A scalar, or a list that gets names, gives way: the setting wins.
    if !matches!(
        (&node.value, index(step)),
        (Value::Object(_), _) | (Value::Array(_), Some(_))
    ) {
        let value = if index(step).is_some() {
            Value::Array(Vec::new())
        } else {
            Value::Object(Vec::new())
        };
        *node = Node {
            origin: origin.clone(),
            value,
        };
    }
    let empty = || Node {
        origin: origin.clone(),
        value: Value::Null,
    };
    match &mut node.value {
        Value::Array(elements) => {
            let at = index(step).unwrap_or(usize::MAX).min(elements.len());
            if at == elements.len() {
                elements.push(empty());
            }
            &mut elements[at]
        }
        Value::Object(entries) => {
            let found = entries
                .iter()
                .rposition(|(key, _)| key.eq_ignore_ascii_case(step));
            let at = found.unwrap_or_else(|| {
                entries.push((step.to_owned(), empty()));
                entries.len() - 1
            });
            &mut entries[at].1
        }
        _ => unreachable!("an object or an array was put here above"),
    }
}

fn index(step: &str) -> Option<usize> {
    step.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| step.parse().ok())
        .flatten()
}
