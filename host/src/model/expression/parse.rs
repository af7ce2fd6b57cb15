//! The grammar of templates: literal text, `{expression}`, and `{{` and `}}` for braces.

use super::date::DateFormat;
use super::format::ValueFormat;
use super::format_error::FormatError;
use super::guid::GuidFormat;
use super::values::eq_ignore_case;

/// The first segment of `{sys.utcnow}` and its siblings.
pub(super) const SYSTEM: &str = "sys";
/// The properties of [`SYSTEM`].
pub(super) const SYSTEM_PROPERTIES: [&str; 3] = ["methodname", "randguid", "utcnow"];

/// What is wrong with the text of a template. Positions count characters from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// An expression without an end.
    #[error(
        "{text:?}: the {{ at position {position} has no }}; expected {{name}}, or {{{{ for a brace that is meant as text"
    )]
    Unclosed {
        /// The template.
        text: String,
        /// The position of the brace.
        position: usize,
    },
    /// A closing brace without an expression.
    #[error(
        "{text:?}: the }} at position {position} has no {{ before it; expected {{name}}, or }}}} for a brace that is meant as text"
    )]
    Unopened {
        /// The template.
        text: String,
        /// The position of the brace.
        position: usize,
    },
    /// `{}`
    #[error("{text:?}: the expression at position {position} is empty; expected a name, such as {{id}}")]
    Empty {
        /// The template.
        text: String,
        /// The position of its brace.
        position: usize,
    },
    /// Not a name or a dotted path.
    #[error(
        "{text:?}: {{{expression}}} at position {position} is not a valid expression: {problem}; expected a name of letters, digits and underscores, or names with dots between them, such as {{customer.address.city}}"
    )]
    Name {
        /// The template.
        text: String,
        /// The position of the expression's brace.
        position: usize,
        /// The expression, without braces.
        expression: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The format after the colon is not valid.
    #[error("{text:?}: the format of {{{expression}}} at position {position} is not valid: {problem}")]
    Format {
        /// The template.
        text: String,
        /// The position of the expression's brace.
        position: usize,
        /// The expression, without braces.
        expression: String,
        /// What is wrong with its format.
        problem: FormatError,
    },
    /// The pattern of a blob trigger has an expression that cannot be found in a blob's name.
    #[error(
        "{text:?}: {{{expression}}} at position {position} cannot be found in a blob's name; expected a name alone, without dots and formats, such as {{name}}"
    )]
    Capture {
        /// The pattern.
        text: String,
        /// The position of the expression's brace.
        position: usize,
        /// The expression, without braces.
        expression: String,
    },
}

/// A part of a template. Two literals are never adjacent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Literal(String),
    Expression(Expression),
}

/// What is between braces.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expression {
    /// As written.
    pub(super) text: String,
    /// The position of its brace in the template, in characters from 1.
    pub(super) position: usize,
    pub(super) source: Source,
}

/// Where the text of an expression comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    BuiltIn(BuiltIn),
    /// A value, or if there is none of this name, what is built in.
    Value {
        name: String,
        /// The properties to go through.
        path: Vec<String>,
        format: Option<ValueFormat>,
        otherwise: Option<BuiltIn>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum BuiltIn {
    Now(DateFormat),
    RandomGuid(GuidFormat),
    FunctionName,
}

/// What is wrong with one expression.
enum Problem {
    Name(&'static str),
    Format(FormatError),
}

impl From<FormatError> for Problem {
    fn from(error: FormatError) -> Self {
        Self::Format(error)
    }
}

/// Parses the text of a template.
pub(super) fn parts(text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, braces) = rest.split_at(at);
        literal.push_str(before);
        if let Some(after) = braces.strip_prefix("{{") {
            literal.push('{');
            rest = after;
            continue;
        }
        if let Some(after) = braces.strip_prefix("}}") {
            literal.push('}');
            rest = after;
            continue;
        }
        let position = position(text, braces);
        let Some(inside) = braces.strip_prefix('{') else {
            let text = text.to_owned();
            return Err(TemplateError::Unopened { text, position });
        };
        let end = inside.find(['{', '}']).map(|end| inside.split_at(end));
        let Some((expression, after)) = end.and_then(|(inside, end)| Some((inside, end.strip_prefix('}')?)))
        else {
            let text = text.to_owned();
            return Err(TemplateError::Unclosed { text, position });
        };
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.push(Part::Expression(Expression::parse(text, position, expression)?));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        parts.push(Part::Literal(literal));
    }
    Ok(parts)
}

/// Returns the position of `rest`, which ends `text`, in characters from 1.
fn position(text: &str, rest: &str) -> usize {
    let before = text.len().saturating_sub(rest.len());
    1 + text.char_indices().take_while(|(at, _)| *at < before).count()
}

impl Expression {
    /// Parses what is between the braces at `position` of `template`.
    fn parse(template: &str, position: usize, expression: &str) -> Result<Self, TemplateError> {
        let text = template.to_owned();
        if expression.is_empty() {
            return Err(TemplateError::Empty { text, position });
        }
        let source = Source::parse(expression).map_err(|problem| {
            let expression = expression.to_owned();
            match problem {
                Problem::Name(problem) => TemplateError::Name {
                    text,
                    position,
                    expression,
                    problem,
                },
                Problem::Format(problem) => TemplateError::Format {
                    text,
                    position,
                    expression,
                    problem,
                },
            }
        })?;
        Ok(Self {
            text: expression.to_owned(),
            position,
            source,
        })
    }
}

impl Source {
    fn parse(expression: &str) -> Result<Self, Problem> {
        let (name, format) = match expression.split_once(':') {
            Some((name, format)) => (name, Some(format)),
            None => (expression, None),
        };
        // An empty format is the default.
        let format = format.filter(|format| !format.trim().is_empty());
        let built_in = BuiltIn::parse(name, format)?;
        // A value goes before what is built in, but the Functions host looks for it with the format in its name.
        match built_in {
            Some(built_in) if format.is_some() && !name.contains('.') => Ok(Self::BuiltIn(built_in)),
            otherwise => {
                if otherwise.is_none() {
                    check_path(name).map_err(Problem::Name)?;
                }
                let mut path = name.split('.').map(str::to_owned);
                Ok(Self::Value {
                    name: path.next().unwrap_or_default(),
                    path: path.collect(),
                    format: format.map(ValueFormat::parse).transpose()?,
                    otherwise,
                })
            }
        }
    }
}

impl BuiltIn {
    /// Returns what has this name, if it is built in.
    fn parse(name: &str, format: Option<&str>) -> Result<Option<Self>, FormatError> {
        let is = |other| eq_ignore_case(name, other);
        Ok(if is("datetime") || is("sys.utcnow") {
            Some(Self::Now(DateFormat::parse(format)?))
        } else if is("rand-guid") || is("sys.randguid") {
            Some(Self::RandomGuid(GuidFormat::parse(format)?))
        } else if is("sys.methodname") {
            Some(Self::FunctionName)
        } else {
            None
        })
    }
}

/// Checks names with dots between them. The first one is an identifier of C# in the Functions host, so its rules are
/// stricter.
fn check_path(path: &str) -> Result<(), &'static str> {
    let mut segments = path.split('.');
    let first = segments.next().unwrap_or_default();
    if first.starts_with(|letter: char| !letter.is_alphabetic() && letter != '_') {
        return Err("it does not begin with a letter or an underscore");
    }
    if first.contains('-') {
        return Err("its first name has a hyphen");
    }
    if path.split('.').any(str::is_empty) {
        return Err("a name in it is empty");
    }
    let is_allowed = |letter: char| {
        letter.is_alphanumeric()
            || matches!(letter, '_' | '-' | '.')
            // Combining marks and such.
            || !(letter.is_ascii() || letter.is_whitespace() || letter.is_control())
    };
    if !path.chars().all(is_allowed) {
        return Err("it has a character that names do not have");
    }
    Ok(())
}
