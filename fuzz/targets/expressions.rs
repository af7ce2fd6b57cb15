//! Binding expressions: templates, paths of blobs and patterns, and names against them.

#![no_main]

use std::time::{Duration, SystemTime};

use funcdock::model::expression::{BlobPath, BlobPathTemplate, BlobPattern, SystemValues, Template, Values};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

fuzz_target!(|input: (&str, &str, &str, u64)| {
    let (text, name, values, seconds) = input;
    let system = SystemValues {
        function: "Hello",
        now: SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_secs(seconds))
            .unwrap_or(SystemTime::UNIX_EPOCH),
    };
    let values: Map<String, Value> = serde_json::from_str(values).unwrap_or_default();
    expand(text, &values, &system);
    if let Ok(path) = BlobPath::parse(text) {
        assert!(
            !path.container().is_empty() && !path.blob().is_empty(),
            "{text:?}"
        );
    }
    if let Ok(template) = BlobPathTemplate::parse(text) {
        let _ = template.expand(&values, &system);
    }
    if let Ok(pattern) = BlobPattern::parse(text) {
        find(&pattern, name, &system);
    }
});

/// Expands a template with these values, then with a text for each name that it needs, which must succeed.
fn expand(text: &str, values: &Map<String, Value>, system: &SystemValues<'_>) {
    let Ok(template) = Template::parse(text) else {
        return;
    };
    let expanded = template.expand(values, system);
    if let Some(constant) = template.constant() {
        assert_eq!(expanded.as_deref(), Ok(constant));
        assert!(template.names().is_empty());
    }
    if let Err(error) = expanded {
        assert!(!error.to_string().is_empty());
    }
    let texts: Vec<(String, String)> = template
        .names()
        .into_iter()
        .map(|name| (name.to_owned(), "x".to_owned()))
        .collect();
    if !text.contains('.') {
        let expanded = template.expand(texts.as_slice(), system);
        assert!(expanded.is_ok(), "{text:?} {expanded:?}");
    }
}

/// Matches a name with a pattern: what the pattern finds gives the name again.
fn find(pattern: &BlobPattern, name: &str, system: &SystemValues<'_>) {
    let Some(values) = pattern.match_blob(name) else {
        return;
    };
    assert!(name.starts_with(pattern.prefix()), "{pattern} {name:?}");
    let text = pattern.to_string();
    let Some((_, blob)) = text.split_once('/') else {
        assert!(values.is_empty());
        return;
    };
    for name in pattern.names() {
        assert!(values.as_slice().value(name).is_some(), "{pattern} {name:?}");
    }
    // A repeated name has only its last value.
    let captures = blob.replace("{{", "").matches('{').count();
    if captures == values.len() {
        let template = Template::parse(blob).expect("a part of a valid pattern");
        let again = template.expand(values.as_slice(), system);
        assert_eq!(again.as_deref(), Ok(name), "{pattern}");
    }
}
