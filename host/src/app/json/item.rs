//! Reads values: each accessor returns the value, or an error that names its place and key.

use std::ops::RangeInclusive;
use std::path::Path;

use super::{Node, Origin, Value, member};
use crate::app::app_settings::{self, parse_boolean};
use crate::app::error::{Place, Problem};

/// A value and its key. An accessor that finds the wrong type returns an error that names the key.
#[derive(Debug, Clone)]
pub(in crate::app) struct Item<'a> {
    file: &'a Path,
    key: String,
    node: &'a Node,
}

impl<'a> Item<'a> {
    pub(super) fn new(file: &'a Path, node: &'a Node, key: &str) -> Self {
        Self {
            file,
            key: key.to_owned(),
            node,
        }
    }

    /// Returns the member `name` of this object. Compares keys without case; null counts as absent.
    pub(in crate::app) fn get(&self, name: &str) -> Result<Option<Item<'a>>, Problem> {
        let members = self.members()?;
        let found = members
            .iter()
            .rev()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        Ok(found
            .filter(|(_, node)| !matches!(node.value, Value::Null))
            .map(|(_, node)| self.child(member(&self.key, name), node)))
    }

    /// Returns the members of this object with their names, in the order of the file.
    pub(in crate::app) fn entries(&self) -> Result<Vec<(&'a str, Item<'a>)>, Problem> {
        let entry =
            |(name, node): &'a (String, Node)| (name.as_str(), self.child(member(&self.key, name), node));
        Ok(self.members()?.iter().map(entry).collect())
    }

    /// Returns the elements of this array.
    pub(in crate::app) fn elements(&self) -> Result<Vec<Item<'a>>, Problem> {
        match (&self.node.value, &self.node.origin) {
            (Value::Array(nodes), _) => {
                let element = |(i, node)| self.child(format!("{}[{i}]", self.key), node);
                Ok(nodes.iter().enumerate().map(element).collect())
            }
            (Value::Setting(_), Origin::Setting(name)) => {
                let mut problem = self.wrong_type("a list");
                problem
                    .message
                    .push_str(&format!("; set its elements with {name}__0, {name}__1, …"));
                Err(problem)
            }
            _ => Err(self.wrong_type("an array")),
        }
    }

    /// Returns the elements of this array, which must be strings that are not empty.
    pub(in crate::app) fn strings(&self) -> Result<Vec<String>, Problem> {
        self.elements()?
            .iter()
            .map(|item| item.non_empty_string().map(str::to_owned))
            .collect()
    }

    /// Returns the string.
    pub(in crate::app) fn string(&self) -> Result<&'a str, Problem> {
        match &self.node.value {
            Value::String(text) | Value::Setting(text) => Ok(text),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// Returns the string, which must not be empty.
    pub(in crate::app) fn non_empty_string(&self) -> Result<&'a str, Problem> {
        match self.string()? {
            "" => Err(self.wrong_value("a string that is not empty")),
            text => Ok(text),
        }
    }

    /// Returns the text of a string, a number or a boolean.
    pub(in crate::app) fn scalar_text(&self) -> Result<&'a str, Problem> {
        match &self.node.value {
            Value::String(text) | Value::Number(text) | Value::Setting(text) => Ok(text),
            Value::Bool(true) => Ok("true"),
            Value::Bool(false) => Ok("false"),
            _ => Err(self.wrong_type("a string")),
        }
    }

    /// Returns the boolean.
    pub(in crate::app) fn boolean(&self) -> Result<bool, Problem> {
        match &self.node.value {
            Value::Bool(value) => Ok(*value),
            Value::Setting(text) => {
                parse_boolean(text.trim()).ok_or_else(|| self.wrong_type(app_settings::BOOLEAN))
            }
            _ => Err(self.wrong_type("a boolean")),
        }
    }

    /// Returns a whole number in `range`, which `expected` describes.
    pub(in crate::app) fn integer(&self, range: RangeInclusive<i64>, expected: &str) -> Result<i64, Problem> {
        let (Value::Number(text) | Value::Setting(text)) = &self.node.value else {
            return Err(self.wrong_type(expected));
        };
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| self.wrong_value(expected))
    }

    /// Whether this is a boolean, and not text.
    pub(in crate::app) fn is_boolean(&self) -> bool {
        matches!(self.node.value, Value::Bool(_))
    }

    /// Whether this is null.
    pub(in crate::app) fn is_null(&self) -> bool {
        matches!(self.node.value, Value::Null)
    }

    /// Whether this is an object.
    pub(in crate::app) fn is_object(&self) -> bool {
        matches!(self.node.value, Value::Object(_))
    }

    /// Returns the value as plain JSON. Text of an app setting becomes a boolean if it is `true` or `false`, or a number
    /// if it is one: nothing says what type is expected.
    pub(in crate::app) fn json(&self) -> Result<serde_json::Value, Problem> {
        Ok(match &self.node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::String(text) => text.as_str().into(),
            Value::Number(text) => serde_json::Value::Number(
                text.parse()
                    .map_err(|_| self.wrong_value("a number that fits into 64 bits"))?,
            ),
            Value::Setting(text) if text.eq_ignore_ascii_case("true") => true.into(),
            Value::Setting(text) if text.eq_ignore_ascii_case("false") => false.into(),
            Value::Setting(text) => match text.parse::<serde_json::Number>() {
                Ok(number) => serde_json::Value::Number(number),
                Err(_) => text.as_str().into(),
            },
            Value::Array(_) => self
                .elements()?
                .iter()
                .map(Item::json)
                .collect::<Result<Vec<_>, _>>()?
                .into(),
            Value::Object(_) => self.json_object()?.into(),
        })
    }

    /// Returns the object as plain JSON.
    pub(in crate::app) fn json_object(&self) -> Result<serde_json::Map<String, serde_json::Value>, Problem> {
        self.entries()?
            .into_iter()
            .map(|(name, item)| Ok((name.to_owned(), item.json()?)))
            .collect()
    }

    /// Returns the problem "expected …, found number": the type is wrong.
    pub(in crate::app) fn wrong_type(&self, expected: &str) -> Problem {
        let found = match &self.node.value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Setting(text) => &format!("{text:?}"),
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        self.problem(format!("expected {expected}, found {found}"))
    }

    /// Returns the problem "expected …, found "x"": the type is right, the value is wrong.
    pub(in crate::app) fn wrong_value(&self, expected: &str) -> Problem {
        match &self.node.value {
            Value::String(text) => self.problem(format!("expected {expected}, found {text:?}")),
            Value::Number(text) => self.problem(format!("expected {expected}, found {text}")),
            _ => self.wrong_type(expected),
        }
    }

    /// Returns a problem with this value.
    pub(in crate::app) fn problem(&self, message: impl Into<String>) -> Problem {
        let place = match &self.node.origin {
            Origin::File(at) => Place::File {
                path: self.file.to_owned(),
                position: Some(*at),
            },
            Origin::Code => Place::File {
                path: self.file.to_owned(),
                position: None,
            },
            Origin::Setting(name) => Place::Setting(name.to_string()),
        };
        Problem {
            place,
            key: self.key.clone(),
            message: message.into(),
        }
    }

    fn members(&self) -> Result<&'a [(String, Node)], Problem> {
        match &self.node.value {
            Value::Object(entries) => Ok(entries),
            _ => Err(self.wrong_type("an object")),
        }
    }

    fn child(&self, key: String, node: &'a Node) -> Item<'a> {
        Item {
            file: self.file,
            key,
            node,
        }
    }
}
