//! Metrics, read with the reference parser of the OpenMetrics text format, which refuses invalid text.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::python;

/// One line of metrics.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Sample {
    /// The name, with the suffix of its type.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// All lines of some metrics.
#[derive(Debug)]
pub struct Samples(Vec<Sample>);

/// Parses metrics and prints each sample as JSON.
const SCRIPT: &str = "
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
samples = [s for family in text_string_to_metric_families(sys.stdin.read()) for s in family.samples]
json.dump([{'name': s.name, 'labels': s.labels, 'value': s.value} for s in samples], sys.stdout)
";

impl Samples {
    /// Reads metrics. Panics if the text is not valid OpenMetrics.
    pub fn parse(text: &str) -> Self {
        let mut parser = Command::new(python::with("openmetrics", &["prometheus-client"]))
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the interpreter was found");
        let mut stdin = parser.stdin.take().expect("stdin is piped");
        stdin.write_all(text.as_bytes()).expect("the parser reads it all");
        drop(stdin);
        let parsed = parser.wait_with_output().expect("the parser ends");
        let errors = String::from_utf8_lossy(&parsed.stderr);
        assert!(
            parsed.status.success(),
            "not valid OpenMetrics text: {errors}\n{text}"
        );
        Samples(serde_json::from_slice(&parsed.stdout).expect("what the script prints"))
    }

    /// Returns the sum of all samples with this name and these labels.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.with(name, labels).map(|sample| sample.value).sum()
    }

    /// Returns the only sample with this name and these labels; it may have more labels.
    pub fn one(&self, name: &str, labels: &[(&str, &str)]) -> &Sample {
        let mut found = self.with(name, labels);
        let first = found.next();
        let first = first.unwrap_or_else(|| panic!("no {name} with {labels:?} in {self:#?}"));
        assert_eq!(found.next(), None, "several {name} with {labels:?}");
        first
    }

    fn with(&self, name: &str, labels: &[(&str, &str)]) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(move |sample| {
            let has =
                |(label, value): &(&str, &str)| sample.labels.get(*label).is_some_and(|has| has == value);
            sample.name == name && labels.iter().all(has)
        })
    }
}
