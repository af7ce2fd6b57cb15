//! For the targets in `fuzz/`: what parses foreign input and is not public. Not a part of the API.

use std::path::Path;

use crate::logging::{Indented, OneLine, hide_credentials};
use crate::sys::image::Image;

/// Checks these bytes as those of a library file.
pub fn image(bytes: &[u8]) {
    let image = Image::from(bytes.to_vec());
    let _ = image.inspect(Path::new("/nowhere/lib.so"), "symbol");
}

/// Reads these bytes as what Event Grid sends, and as a message of the queue that its events wait in.
pub fn blob_events(bytes: &[u8]) {
    crate::triggers::blob::fuzz(bytes);
}

/// Makes lines of this text for the log, and asserts that they are what they promise to be.
pub fn log_text(text: &str) {
    let line = OneLine(text).to_string();
    assert!(!line.contains(|c: char| c.is_control() && c != '\t'), "{line:?}");
    let lines = Indented(text).to_string();
    assert_eq!(
        lines.lines().count().max(1),
        text.split('\n').count(),
        "{lines:?}"
    );
    assert!(
        lines.lines().skip(1).all(|line| line.starts_with("  ")),
        "{lines:?}"
    );
    let hidden = hide_credentials(text);
    assert_eq!(hide_credentials(&hidden), hidden, "{text:?}");
}
