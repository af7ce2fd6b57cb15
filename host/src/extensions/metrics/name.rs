//! The name and the labels of a metric, checked by Prometheus' rules.

use abi_stable::std_types::Tuple2;
use funcdock_extension_api::abi;

use super::MetricOwner;

/// Label names and values, sorted: the same labels in another order are the same labels.
pub(super) type Labels = Vec<(String, String)>;

/// A metric that an extension registers.
pub(super) struct Metric {
    /// Its full name, with the extension's name as prefix.
    pub(super) name: String,
    /// The help text as the registry wants it: in one line, and without the full stop, which the encoder adds.
    pub(super) help: String,
    /// Its labels, with the function's.
    pub(super) labels: Labels,
}

impl Metric {
    /// Checks a metric.
    ///
    /// # Errors
    /// What is wrong with its name or its labels.
    pub(super) fn new(owner: MetricOwner<'_>, metric: &abi::MetricInfo<'_>) -> Result<Self, String> {
        let given = metric.name.as_str();
        if !is_valid(given) {
            return Err(format!(
                "{given:?} is not a valid metric name: use letters, digits and underscores"
            ));
        }
        let mut labels = Labels::new();
        for Tuple2(name, value) in metric.labels.as_slice() {
            if !is_valid(name) || matches!(name.as_str(), "worker" | "function" | "le") {
                return Err(format!(
                    "metric {given}: {name:?} is not a valid label name: use letters, digits and underscores, but \
                     not worker, function or le"
                ));
            }
            if labels.iter().any(|(known, _)| known == name.as_str()) {
                return Err(format!("metric {given}: label {name:?} is given twice"));
            }
            labels.push((name.to_string(), value.to_string()));
        }
        if let Some(function) = owner.function {
            labels.push(("function".to_owned(), function.to_owned()));
        }
        labels.sort();
        Ok(Metric {
            name: format!("{}_{given}", prefix(owner.extension)),
            help: help(metric.help.as_str()),
            labels,
        })
    }
}

fn is_valid(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The extension's name as a metric can begin with it.
fn prefix(extension: &str) -> String {
    let valid = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let name: String = extension.chars().map(valid).collect();
    match name.starts_with(|first: char| first.is_ascii_digit()) {
        true => format!("_{name}"),
        false => name,
    }
}

/// The encoder escapes labels alone.
fn help(text: &str) -> String {
    let text = text.strip_suffix('.').unwrap_or(text);
    text.replace('\\', "\\\\").replace('\n', "\\n")
}
