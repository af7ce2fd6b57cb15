//! Paths of blobs: `container/blob`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::expand_error::ExpandError;
use super::parse::TemplateError;
use super::template::Template;
use super::values::{SystemValues, Values};

/// The maximum number of characters of a blob's name.
const MAX_BLOB_CHARACTERS: usize = 1024;

/// The container of blobs whose URL has no container.
const ROOT: &str = "$root";
/// Names of containers with a meaning of their own.
const SPECIAL_CONTAINERS: [&str; 3] = [ROOT, "$web", "$logs"];

/// Ports of storage emulators. Like those of IP addresses, their URLs have the account's name in the path.
const EMULATOR_PORTS: [u16; 3] = [10000, 10001, 10002];

/// A blob's container and name, both valid.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BlobPath {
    container: String,
    blob: String,
}

/// A template whose texts are the paths of blobs: the `path` of an input or output binding. Expressions may also be in the
/// container's name, or be the whole path.
#[derive(Debug, Clone, PartialEq)]
pub struct BlobPathTemplate(Template);

/// Why a text is not the path of a blob, or not the pattern of such paths.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BlobPathError {
    /// There is no container, or no blob.
    #[error("{0:?} is not the path of a blob; expected container/blob, such as samples/report.txt")]
    Incomplete(String),
    /// The container's name is not valid.
    #[error(
        "{path:?}: {container:?} is not a valid container name: {problem}; expected 3 to 63 lower case letters, digits and single hyphens between them, or $root, $web or $logs"
    )]
    Container {
        /// The path.
        path: String,
        /// The container in it.
        container: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The blob's name is not valid.
    #[error("{path:?}: {blob:?} is not a valid blob name: {problem}")]
    Blob {
        /// The path.
        path: String,
        /// The blob in it.
        blob: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A trigger's pattern has an expression in the container's name.
    #[error(
        "{0:?}: the container of a blob trigger cannot have expressions; expected a container's name before the first slash, such as samples/{{name}}"
    )]
    ContainerExpression(String),
    /// The text is not a template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The template has no text for a call.
    #[error(transparent)]
    Expand(#[from] ExpandError),
}

impl BlobPath {
    /// Parses `container/blob`, or the URL of a blob, such as an Event Grid event has. Of a URL, the account is ignored: the
    /// binding's connection says which one it is.
    pub fn parse(text: &str) -> Result<Self, BlobPathError> {
        let incomplete = || BlobPathError::Incomplete(text.to_owned());
        let (container, blob) = match url_path(text) {
            Some(path) => {
                let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
                let (container, blob) = path.split_once('/').unwrap_or((ROOT, path));
                (decode(container), decode(blob))
            }
            None => {
                let (container, blob) = text.split_once('/').ok_or_else(incomplete)?;
                (container.to_owned(), blob.to_owned())
            }
        };
        if container.is_empty() || blob.is_empty() {
            return Err(incomplete());
        }
        check_container(text, &container)?;
        check_blob(text, &blob)?;
        Ok(Self { container, blob })
    }

    /// Returns the container's name.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Returns the blob's name, which may have slashes.
    pub fn blob(&self) -> &str {
        &self.blob
    }
}

impl BlobPathTemplate {
    /// Parses a template, and checks what can be checked before a call: a constant path, or a container without expressions.
    pub fn parse(text: &str) -> Result<Self, BlobPathError> {
        let template = Template::parse(text)?;
        match (template.constant(), template.prefix().split_once('/')) {
            (Some(path), _) => {
                BlobPath::parse(path)?;
            }
            (None, Some(("", _))) => return Err(BlobPathError::Incomplete(text.to_owned())),
            (None, Some((container, _))) if url_path(text).is_none() => check_container(text, container)?,
            (None, _) => {}
        }
        Ok(Self(template))
    }

    /// Returns the names that [`expand`](Self::expand) needs values for: see [`Template::names`].
    pub fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    /// Returns the path for a call.
    pub fn expand<V: Values + ?Sized>(
        &self,
        values: &V,
        system: &SystemValues<'_>,
    ) -> Result<BlobPath, BlobPathError> {
        BlobPath::parse(&self.0.expand(values, system)?)
    }
}

/// Returns the path of a URL below the storage account, without a slash at its start; `None` if this is not a URL.
fn url_path(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    if !["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
    {
        return None;
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let authority = authority.rsplit('@').next().unwrap_or_default();
    if !has_account_in_path(authority) {
        return Some(path);
    }
    Some(path.split_once('/').map_or("", |(_, below)| below))
}

/// Whether URLs of this host and port have the account's name before the container.
fn has_account_in_path(authority: &str) -> bool {
    let port = authority
        .rsplit_once(':')
        .and_then(|(_, port)| port.parse::<u16>().ok());
    let host = match port {
        Some(_) => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
        None => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    port.is_some_and(|port| EMULATOR_PORTS.contains(&port)) || host.parse::<IpAddr>().is_ok()
}

/// Checks the container's name in `path` by the rules of the storage service.
pub(super) fn check_container(path: &str, container: &str) -> Result<(), BlobPathError> {
    let is_alphanumeric = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let problem = if SPECIAL_CONTAINERS.contains(&container) {
        return Ok(());
    } else if container.contains(|letter: char| letter.is_ascii_uppercase()) {
        "it has upper case letters"
    } else if container.contains(|letter: char| letter != '-' && !is_alphanumeric(letter)) {
        "it has a character that is not allowed"
    } else if container.len() < 3 {
        "it is too short"
    } else if container.len() > 63 {
        "it is too long"
    } else if !(container.starts_with(is_alphanumeric) && container.ends_with(is_alphanumeric)) {
        "it begins or ends with a hyphen"
    } else if container.contains("--") {
        "it has two hyphens in a row"
    } else {
        return Ok(());
    };
    Err(BlobPathError::Container {
        path: path.to_owned(),
        container: container.to_owned(),
        problem,
    })
}

/// Checks the blob's name in `path` by the rules of the Functions host.
pub(super) fn check_blob(path: &str, blob: &str) -> Result<(), BlobPathError> {
    let problem = if blob.chars().count() > MAX_BLOB_CHARACTERS {
        "it has more than 1024 characters"
    } else if blob.ends_with(['.', '/']) {
        "it ends with a dot or a slash"
    } else if blob.contains('\\') {
        "it has a backslash"
    } else {
        return Ok(());
    };
    Err(BlobPathError::Blob {
        path: path.to_owned(),
        blob: blob.to_owned(),
        problem,
    })
}

impl fmt::Display for BlobPath {
    /// Writes `container/blob`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.container, self.blob)
    }
}

impl fmt::Display for BlobPathTemplate {
    /// Writes the template as written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for BlobPath {
    type Err = BlobPathError;

    fn from_str(text: &str) -> Result<Self, BlobPathError> {
        Self::parse(text)
    }
}

impl FromStr for BlobPathTemplate {
    type Err = BlobPathError;

    fn from_str(text: &str) -> Result<Self, BlobPathError> {
        Self::parse(text)
    }
}
