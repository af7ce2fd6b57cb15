//! Templates, and their texts for calls.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use uuid::Uuid;

use super::date::utc;
use super::expand_error::ExpandError;
use super::parse::{self, BuiltIn, Expression, Part, SYSTEM, SYSTEM_PROPERTIES, Source, TemplateError};
use super::values::{BindingValue, SystemValues, Values, eq_ignore_case, property};

/// The text of a binding's property, with expressions in braces.
///
/// `{name}` is a value of the call and `{name.property.…}` a property of one. `{DateTime}` is the time of the call,
/// `{rand-guid}` a random GUID, `{sys.methodname}` the function's name; a value of the same name goes before them.
/// Names ignore case. `{name:format}` has a format of .NET for dates or GUIDs. `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// As written.
    text: String,
    parts: Vec<Part>,
}

impl Template {
    /// Parses a text whose app settings (`%NAME%`) are resolved already.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(Self {
            text: text.to_owned(),
            parts: parse::parts(text)?,
        })
    }

    /// Returns the text, if it is the same for all calls.
    pub fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns the names that [`Values`] must have, in the order of the template: of a dotted path, the first name. Without
    /// what is built in.
    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for part in &self.parts {
            if let Part::Expression(expression) = part
                && let Source::Value {
                    name,
                    otherwise: None,
                    ..
                } = &expression.source
                && !names.iter().any(|other| eq_ignore_case(other, name))
            {
                names.push(name);
            }
        }
        names
    }

    /// Returns the text for a call. Each `{rand-guid}` is another GUID, as in the Functions host.
    ///
    /// Numbers and booleans become their JSON text. Null and objects are errors, where the Functions host leaves the
    /// expression empty. A format applies to GUIDs and times of RFC 3339; other values ignore it.
    pub fn expand<V: Values + ?Sized>(
        &self,
        values: &V,
        system: &SystemValues<'_>,
    ) -> Result<String, ExpandError> {
        let mut text = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Expression(expression) => {
                    text.push_str(&self.text_of(expression, values, system)?);
                }
            }
        }
        Ok(text)
    }

    /// Returns the literal text before the first expression.
    pub(super) fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Literal(text)) => text,
            _ => "",
        }
    }

    fn text_of<V: Values + ?Sized>(
        &self,
        expression: &Expression,
        values: &V,
        system: &SystemValues<'_>,
    ) -> Result<String, ExpandError> {
        let (name, path, format, otherwise) = match &expression.source {
            Source::BuiltIn(built_in) => return Ok(built_in.text(system)),
            Source::Value {
                name,
                path,
                format,
                otherwise,
            } => (name, path, format, otherwise),
        };
        let text = match (values.value(name), otherwise) {
            (Some(BindingValue::Json(value)), _) => self.text_in(expression, &value, name, path)?,
            (Some(BindingValue::Text(text)), _) if path.is_empty() => text.into_owned(),
            (Some(BindingValue::Text(_)), _) => return Err(self.not_object(expression, name, "text")),
            (None, Some(built_in)) => return Ok(built_in.text(system)),
            (None, None) => return Err(self.no_value(expression, name, path, values)),
        };
        Ok(match format {
            Some(format) => format.apply(text),
            None => text,
        })
    }

    /// Returns the text at the end of `path` in the value called `name`.
    fn text_in(
        &self,
        expression: &Expression,
        value: &Value,
        name: &str,
        path: &[String],
    ) -> Result<String, ExpandError> {
        let mut value = value;
        for (depth, step) in path.iter().enumerate() {
            let parent = || {
                let before = path.iter().take(depth);
                before.fold(name.to_owned(), |parent, step| parent + "." + step)
            };
            let Value::Object(object) = value else {
                return Err(self.not_object(expression, &parent(), kind(value)));
            };
            value = property(object, step).ok_or_else(|| ExpandError::NoProperty {
                template: self.text.clone(),
                expression: expression.text.clone(),
                parent: parent(),
                property: step.clone(),
                names: object.keys().cloned().collect(),
            })?;
        }
        match value {
            Value::String(text) => Ok(text.clone()),
            Value::Number(number) => Ok(number.to_string()),
            Value::Bool(flag) => Ok(flag.to_string()),
            Value::Null | Value::Array(_) | Value::Object(_) => Err(ExpandError::NotText {
                template: self.text.clone(),
                expression: expression.text.clone(),
                kind: kind(value),
            }),
        }
    }

    fn not_object(&self, expression: &Expression, parent: &str, kind: &'static str) -> ExpandError {
        ExpandError::NotObject {
            template: self.text.clone(),
            expression: expression.text.clone(),
            parent: parent.to_owned(),
            kind,
        }
    }

    fn no_value<V: Values + ?Sized>(
        &self,
        expression: &Expression,
        name: &str,
        path: &[String],
        values: &V,
    ) -> ExpandError {
        let (template, expression) = (self.text.clone(), expression.text.clone());
        match path.first() {
            Some(property) if eq_ignore_case(name, SYSTEM) => ExpandError::NoProperty {
                template,
                expression,
                parent: name.to_owned(),
                property: property.clone(),
                names: SYSTEM_PROPERTIES.into_iter().map(str::to_owned).collect(),
            },
            _ => ExpandError::NoValue {
                template,
                expression,
                name: name.to_owned(),
                names: values.names().into_iter().map(Cow::into_owned).collect(),
            },
        }
    }
}

impl BuiltIn {
    fn text(&self, system: &SystemValues<'_>) -> String {
        match self {
            Self::Now(format) => format.write(utc(system.now)),
            Self::RandomGuid(format) => format.write(Uuid::new_v4()),
            Self::FunctionName => system.function.to_owned(),
        }
    }
}

/// Returns the name of a JSON value's type, with an article.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl fmt::Display for Template {
    /// Writes the template as written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Template {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Self::parse(text)
    }
}
