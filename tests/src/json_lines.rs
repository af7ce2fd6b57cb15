//! Reads files with a JSON value a line, which a process may be writing.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Returns the values of the complete lines of a file; none if there is no file. The rest may still be being written.
pub fn json_lines(file: &Path) -> Vec<Value> {
    let text = fs::read(file).unwrap_or_default();
    let complete = text.iter().rposition(|byte| *byte == b'\n').unwrap_or_default();
    let lines = text[..complete].split(|byte| *byte == b'\n');
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            serde_json::from_slice(line)
                .unwrap_or_else(|error| panic!("{:?}: {error}", String::from_utf8_lossy(line)))
        })
        .collect()
}
