//! Reading values: each accessor answers with the value, or with an error that names its place and key.

use std::ops::RangeInclusive;
use std::path::Path;

use super::{Node, Origin, Value, member};
use crate::app::error::{Place, Problem};

/// A value being read: it knows its key, and answers with an error that names it when it has the wrong type.
#[derive(Debug, Clone)]
pub(in crate::app) struct Item<'a> {
    file: &'a Path,
    key: String,
    node: &'a Node,
}

impl<'a> Item<'a> {
    pub(super) fn new(file: &'a Path, node: &'a Node) -> Self {
        Self {
            file,
            key: String::new(),
            node,
        }
    }

    /// The member `name` of this object; keys are compared without case, and null is as good as absent.
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

    /// The members of this object, with their names, in the order of the file.
    pub(in crate::app) fn entries(&self) -> Result<Vec<(&'a str, Item<'a>)>, Problem> {
        let entry =
            |(name, node): &'a (String, Node)| (name.as_str(), self.child(member(&self.key, name), node));
        Ok(self.members()?.iter().map(entry).collect())
    }

    /// The elements of this array.
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

    /// The elements of this array, which must be strings that are not empty.
    pub(in crate::app) fn strings(&self) -> Result<Vec<String>, Problem> {
        self.elements()?
            .iter()
            .map(|item| item.non_empty_string().map(str::to_owned))
            .collect()
    }

    pub(in crate::app) fn string(&self) -> Result<&'a str, Problem> {
        match &self.node.value {
            Value::String(text) | Value::Setting(text) => Ok(text),
            _ => Err(self.wrong_type("a string")),
        }
    }

    pub(in crate::app) fn non_empty_string(&self) -> Result<&'a str, Problem> {
        match self.string()? {
            "" => Err(self.wrong_value("a string that is not empty")),
            text => Ok(text),
        }
    }

    /// The text of a string, a number or a boolean.
    pub(in crate::app) fn scalar_text(&self) -> Result<&'a str, Problem> {
        match &self.node.value {
            Value::String(text) | Value::Number(text) | Value::Setting(text) => Ok(text),
            Value::Bool(true) => Ok("true"),
            Value::Bool(false) => Ok("false"),
            _ => Err(self.wrong_type("a string")),
        }
    }

    pub(in crate::app) fn boolean(&self) -> Result<bool, Problem> {
        match &self.node.value {
            Value::Bool(value) => Ok(*value),
            Value::Setting(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Value::Setting(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            _ => Err(self.wrong_type("a boolean")),
        }
    }

    /// A whole number of `range`, which `expected` describes.
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

    /// Whether this is an object.
    pub(in crate::app) fn is_object(&self) -> bool {
        matches!(self.node.value, Value::Object(_))
    }

    /// The value as plain JSON. Text of an app setting becomes a boolean or a number if it reads as one.
    pub(in crate::app) fn json(&self) -> Result<serde_json::Value, Problem> {
        Ok(match &self.node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::String(text) => text.as_str().into(),
            Value::Number(text) => serde_json::Value::Number(
                text.parse()
                    .map_err(|_| self.wrong_value("a number that fits into 64 bits"))?,
            ),
            Value::Setting(text) => match (self.boolean(), text.parse::<serde_json::Number>()) {
                (Ok(value), _) => value.into(),
                (_, Ok(number)) => serde_json::Value::Number(number),
                _ => text.as_str().into(),
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

    /// The object as plain JSON.
    pub(in crate::app) fn json_object(&self) -> Result<serde_json::Map<String, serde_json::Value>, Problem> {
        self.entries()?
            .into_iter()
            .map(|(name, item)| Ok((name.to_owned(), item.json()?)))
            .collect()
    }

    /// "expected …, found number": the type is wrong.
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

    /// "expected …, found "x"": the type is right, the value is not.
    pub(in crate::app) fn wrong_value(&self, expected: &str) -> Problem {
        match &self.node.value {
            Value::String(text) => self.problem(format!("expected {expected}, found {text:?}")),
            Value::Number(text) => self.problem(format!("expected {expected}, found {text}")),
            _ => self.wrong_type(expected),
        }
    }

    /// Something else that is wrong with this value.
    pub(in crate::app) fn problem(&self, message: impl Into<String>) -> Problem {
        let place = match &self.node.origin {
            Origin::File(at) => Place::File {
                path: self.file.to_owned(),
                position: Some(*at),
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
