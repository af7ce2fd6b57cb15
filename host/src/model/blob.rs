//! A blob as an input.

use super::BodyStream;

/// A blob that a function reads. Its content is read when the function asks for it.
#[derive(Debug, Clone)]
pub struct BlobContent {
    /// The container's name, a slash, and the blob's name.
    pub path: String,
    /// Its URL, without credentials.
    pub uri: String,
    /// The number of its bytes.
    pub length: u64,
    /// What the service says of it, as a JSON object with the reference's names.
    pub properties: String,
    /// The metadata that its writer gave it, as a JSON object of texts.
    pub metadata: String,
    /// Its bytes.
    pub content: BodyStream,
}
