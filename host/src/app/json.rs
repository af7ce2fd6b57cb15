//! Reads JSON as people write it (comments, trailing commas, a byte order mark) into a tree. Each value knows where it
//! is from, so that an error can name file, line and key.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jsonc_parser::ast;
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::error::{Place, Position, Problem};
use crate::sys;

mod item;

pub(super) use item::Item;

/// What the files may have. All tools for them accept comments and trailing commas, and nothing else beyond JSON.
pub(super) const SYNTAX: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// A JSON file of the app.
#[derive(Debug)]
pub(super) struct Document {
    /// The file, relative to the app's folder.
    file: PathBuf,
    pub(super) root: Node,
    /// Keys that occur twice in one object. The last one counts, as with other readers of these files.
    pub(super) duplicates: Vec<Problem>,
}

/// A value and where it is from.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// Where a value is from.
#[derive(Debug, Clone)]
pub(super) enum Origin {
    File(Position),
    /// Code of the app, which made the value: where is not known.
    Code,
    /// The app setting of this name.
    Setting(Arc<str>),
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    /// As written.
    Number(String),
    String(String),
    /// The text of an app setting, which can be read as text, a number or a boolean.
    Setting(String),
    Array(Vec<Node>),
    /// In the order of the file.
    Object(Vec<(String, Node)>),
}

impl Document {
    /// Reads `file` (relative to `root`); `None` if it does not exist.
    pub(super) fn open(root: &Path, file: impl Into<PathBuf>) -> Result<Option<Self>, Problem> {
        let file = file.into();
        let text = read_text(root, &file)?;
        text.map(|text| Self::parse(file, &text)).transpose()
    }

    /// Parses the text of `file`, which must be an object.
    pub(super) fn parse(file: PathBuf, text: &str) -> Result<Self, Problem> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::read(file, text, Some(Lines::of(text)))
    }

    /// Parses JSON that code in `file` has made. Its problems name no line.
    pub(super) fn made_by_code(file: PathBuf, text: &str) -> Result<Self, Problem> {
        Self::read(file, text, None)
    }

    fn read(file: PathBuf, text: &str, lines: Option<Lines<'_>>) -> Result<Self, Problem> {
        let mut reader = Reader {
            lines,
            file,
            duplicates: Vec::new(),
        };
        let parsed = parse_to_ast(text, &CollectOptions::default(), &SYNTAX).map_err(|error| {
            let kind = error.kind().to_string();
            let mut letters = kind.chars();
            let lowered = letters
                .next()
                .map(|first| first.to_ascii_lowercase())
                .into_iter()
                .chain(letters);
            let message = format!("invalid JSON: {}", lowered.collect::<String>());
            reader.problem(error.range().start, "", message)
        })?;
        let Some(value) = parsed.value else {
            return Err(reader.problem(0, "", "the file is empty; expected an object: {}".to_owned()));
        };
        let root = reader.node(value, "");
        let document = Self {
            file: reader.file,
            root,
            duplicates: reader.duplicates,
        };
        document.item().entries()?;
        Ok(document)
    }

    /// Returns the top of the document.
    pub(super) fn item(&self) -> Item<'_> {
        Item::new(&self.file, &self.root, "")
    }

    /// Returns the top of the document, as a value with this key.
    pub(super) fn item_at(&self, key: &str) -> Item<'_> {
        Item::new(&self.file, &self.root, key)
    }
}

/// Returns the text of `file` (relative to `root`); `None` if it does not exist.
pub(super) fn read_text(root: &Path, file: &Path) -> Result<Option<String>, Problem> {
    let bytes = match sys::read_regular(&root.join(file)) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Problem::of_file(file, format!("cannot be read: {error}"))),
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| Problem::of_file(file, "is not UTF-8 text; save it with UTF-8 encoding"))?;
    Ok(Some(text))
}

/// Converts the parser's tree, which borrows from the text, into ours.
struct Reader<'t> {
    /// `None` if a position in the text says nothing to the user.
    lines: Option<Lines<'t>>,
    file: PathBuf,
    duplicates: Vec<Problem>,
}

impl Reader<'_> {
    fn node(&mut self, value: ast::Value<'_>, key: &str) -> Node {
        let offset = value.start();
        let value = match value {
            ast::Value::NullKeyword(_) => Value::Null,
            ast::Value::BooleanLit(literal) => Value::Bool(literal.value),
            ast::Value::NumberLit(literal) => Value::Number(literal.value.to_owned()),
            ast::Value::StringLit(literal) => Value::String(literal.value.into_owned()),
            ast::Value::Array(array) => {
                let elements = array.elements.into_iter().enumerate();
                Value::Array(
                    elements
                        .map(|(i, element)| self.node(element, &format!("{key}[{i}]")))
                        .collect(),
                )
            }
            ast::Value::Object(object) => Value::Object(self.entries(object, key)),
        };
        let origin = match &self.lines {
            Some(lines) => Origin::File(lines.position(offset)),
            None => Origin::Code,
        };
        Node { origin, value }
    }

    fn entries(&mut self, object: ast::Object<'_>, key: &str) -> Vec<(String, Node)> {
        let mut entries: Vec<(String, Node)> = Vec::with_capacity(object.properties.len());
        for property in object.properties {
            let offset = property.start();
            let name = property.name.into_string();
            let path = member(key, &name);
            let node = self.node(property.value, &path);
            match entries.iter_mut().find(|(earlier, _)| *earlier == name) {
                Some((_, earlier)) => {
                    *earlier = node;
                    let message = "this key occurs twice in the object; only the last one counts".to_owned();
                    let problem = self.problem(offset, &path, message);
                    self.duplicates.push(problem);
                }
                None => entries.push((name, node)),
            }
        }
        entries
    }

    fn problem(&self, offset: usize, key: &str, message: String) -> Problem {
        let position = self.lines.as_ref().map(|lines| lines.position(offset));
        Problem {
            place: Place::File {
                path: self.file.clone(),
                position,
            },
            key: key.to_owned(),
            message,
        }
    }
}

/// Finds the line and column of a byte offset.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        Self { text, starts }
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts[line - 1]; // The first line starts at 0, so at least one start is <= offset.
        let column = self
            .text
            .get(start..offset)
            .map_or(0, |before| before.chars().count())
            + 1;
        Position { line, column }
    }
}

/// Returns the key path of `parent`'s member `name`.
fn member(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

#[cfg(test)]
mod tests;
