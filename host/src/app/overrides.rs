//! App settings that override values of host.json: `AzureFunctionsJobHost__section__key`.

use std::sync::Arc;

use super::app_settings::AppSettings;
use super::error::{Place, Problem};
use super::json::{Document, Node, Origin, Value};

const PREFIX: &str = "AzureFunctionsJobHost__";

/// Puts the values of `AzureFunctionsJobHost__…` into `host_json`. Ignores a setting that names no key, with a warning.
pub(super) fn apply(settings: &AppSettings, host_json: &mut Document, warnings: &mut Vec<Problem>) {
    let mut overrides = Vec::new();
    for (lowered, setting) in settings.iter() {
        if !lowered.starts_with(&PREFIX.to_ascii_lowercase()) {
            continue;
        }
        let steps: Vec<&str> = setting.name[PREFIX.len()..].split("__").collect();
        if steps.contains(&"") {
            warnings.push(Problem {
                place: Place::Setting(setting.name.clone()),
                key: String::new(),
                message: format!("ignored, as it names no key of host.json; expected {PREFIX}section__key"),
            });
            continue;
        }
        overrides.push((steps, setting));
    }
    // Elements of arrays in their order: 2 before 10.
    overrides.sort_by_cached_key(|(steps, _)| {
        steps
            .iter()
            .map(|step| (index(step), step.to_ascii_lowercase()))
            .collect::<Vec<_>>()
    });
    for (steps, setting) in overrides {
        let origin = Origin::Setting(Arc::from(setting.name.as_str()));
        let mut node = &mut host_json.root;
        for step in steps {
            node = child(node, step, &origin);
        }
        *node = Node {
            origin,
            value: Value::Setting(setting.value.clone()),
        };
    }
}

/// Returns the child of `node` that `step` names, or adds it. An element beyond the end of an array is appended.
fn child<'n>(node: &'n mut Node, step: &str, origin: &Origin) -> &'n mut Node {
    // The setting replaces a scalar, or a list of which it names a member.
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
