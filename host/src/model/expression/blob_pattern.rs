//! The patterns of blob triggers: `samples/{name}.{ext}`.

use std::fmt;
use std::str::FromStr;

use super::blob_path::{BlobPathError, check_blob, check_container};
use super::parse::{self, Expression, Part, Source, TemplateError};
use super::values::eq_ignore_case;

/// The `path` of a blob trigger: a container alone, which stands for all of its blobs, or `container/pattern`.
///
/// Each `{name}` of the pattern takes as much of the blob's name as it can, from left to right. It may take slashes, or
/// nothing: `{a}{b}` puts all into `a`. Literal text must have the same case. `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobPattern {
    /// As written.
    text: String,
    container: String,
    /// `None` for all blobs of the container.
    blobs: Option<NamePattern>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NamePattern {
    /// The literal text before the first capture.
    prefix: String,
    captures: Vec<Capture>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Capture {
    name: String,
    /// The literal text after it, which may be empty.
    end: String,
}

impl BlobPattern {
    /// Parses a pattern whose app settings (`%NAME%`) are resolved already. The container cannot have expressions.
    pub fn parse(text: &str) -> Result<Self, BlobPathError> {
        let (container, blob) = match text.split_once('/') {
            Some((container, blob)) => (container, Some(blob)),
            None => (text, None),
        };
        if container.is_empty() || blob == Some("") {
            return Err(BlobPathError::Incomplete(text.to_owned()));
        }
        if container.contains('{') {
            return Err(BlobPathError::ContainerExpression(text.to_owned()));
        }
        check_container(text, container)?;
        Ok(Self {
            text: text.to_owned(),
            container: container.to_owned(),
            blobs: blob.map(|_| NamePattern::parse(text, container)).transpose()?,
        })
    }

    /// Returns the container's name.
    pub fn container(&self) -> &str {
        &self.container
    }

    /// Returns the text with which the names of all matching blobs begin. May be empty.
    pub fn prefix(&self) -> &str {
        self.blobs.as_ref().map_or("", |pattern| &pattern.prefix)
    }

    /// Returns the names of the expressions, each once.
    pub fn names(&self) -> Vec<&str> {
        let captures = self.blobs.iter().flat_map(|pattern| &pattern.captures);
        let mut names: Vec<&str> = Vec::new();
        for capture in captures {
            if !names.iter().any(|name| eq_ignore_case(name, &capture.name)) {
                names.push(&capture.name);
            }
        }
        names
    }

    /// Matches the name of a blob in the container. Returns the names and texts of the expressions, in the pattern's order;
    /// if a name is repeated, with its last text.
    pub fn match_blob(&self, name: &str) -> Option<Vec<(String, String)>> {
        match &self.blobs {
            Some(pattern) => pattern.matches(name),
            None => Some(Vec::new()),
        }
    }
}

impl NamePattern {
    /// Parses the whole pattern, for the positions in errors. It begins with the container's name and a slash.
    fn parse(text: &str, container: &str) -> Result<Self, BlobPathError> {
        let mut prefix = String::new();
        let mut captures: Vec<Capture> = Vec::new();
        for part in parse::parts(text)? {
            match part {
                Part::Literal(literal) => match captures.last_mut() {
                    Some(capture) => capture.end = literal,
                    None => prefix = literal,
                },
                Part::Expression(expression) => captures.push(Capture {
                    name: capture_name(text, expression)?,
                    end: String::new(),
                }),
            }
        }
        // A valid container's name has no braces, so it is in the prefix, and a slash after it.
        let prefix = prefix.get(container.len() + 1..).unwrap_or_default().to_owned();
        if captures.is_empty() {
            check_blob(text, &prefix)?;
        }
        Ok(Self { prefix, captures })
    }

    /// Matches from the right, where each literal is as far right as can be: so each capture gets the most that it can,
    /// and those at the left before others.
    fn matches(&self, name: &str) -> Option<Vec<(String, String)>> {
        let mut rest = name.strip_prefix(self.prefix.as_str())?;
        let Some(last) = self.captures.last() else {
            return rest.is_empty().then(Vec::new);
        };
        rest = rest.strip_suffix(last.end.as_str())?;
        let mut values: Vec<(String, String)> = Vec::new();
        let mut add = |name: &str, value: &str| {
            if !values.iter().any(|(other, _)| eq_ignore_case(other, name)) {
                values.push((name.to_owned(), value.to_owned()));
            }
        };
        let pairs = self.captures.iter().zip(self.captures.iter().skip(1));
        for (before, capture) in pairs.rev() {
            let at = rest.rfind(before.end.as_str())?;
            let (left, right) = rest.split_at_checked(at)?;
            add(&capture.name, right.strip_prefix(before.end.as_str())?);
            rest = left;
        }
        if let Some(first) = self.captures.first() {
            add(&first.name, rest);
        }
        values.reverse();
        Some(values)
    }
}

/// Returns the name of an expression, which must be all that it has. What is built in has no meaning here.
fn capture_name(text: &str, expression: Expression) -> Result<String, TemplateError> {
    match expression.source {
        Source::Value {
            name,
            path,
            format: None,
            ..
        } if path.is_empty() && !name.contains('-') => Ok(name),
        _ => Err(TemplateError::Capture {
            text: text.to_owned(),
            position: expression.position,
            expression: expression.text,
        }),
    }
}

impl fmt::Display for BlobPattern {
    /// Writes the pattern as written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for BlobPattern {
    type Err = BlobPathError;

    fn from_str(text: &str) -> Result<Self, BlobPathError> {
        Self::parse(text)
    }
}
