//! The syntax of route templates.

use super::constraint::Constraint;
use super::{Parameter, Part, Segment};

/// The reason why a route template is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Two slashes in a row.
    #[error("two slashes in a row")]
    EmptySegment,
    /// A brace without its counterpart.
    #[error("a brace without its counterpart; write {{{{ or }}}} for a literal brace")]
    Brace,
    /// A character that cannot be in a path.
    #[error("{0:?} cannot be in the literal text of a route")]
    Literal(char),
    /// A parameter without a name, or with a character in it that is not allowed.
    #[error("{0:?} cannot be the name of a parameter")]
    Name(String),
    /// Two parameters of the same name.
    #[error("the parameter {0:?} occurs twice")]
    Duplicate(String),
    /// Two parameters without text between them.
    #[error("the parameters {0:?} and {1:?} need literal text between them")]
    Adjacent(String, String),
    /// A catch-all that is not alone at the end.
    #[error("the catch-all {0:?} must be a whole segment, and the last one")]
    CatchAll(String),
    /// An optional parameter with text around it, other than a "." before it.
    #[error("the optional parameter {0:?} must be alone in its segment, or behind a \".\" at its end")]
    Optional(String),
    /// A parameter that is optional and has a default.
    #[error("the parameter {0:?} cannot be optional and have a default as well")]
    OptionalDefault(String),
    /// A default that the parameter's own constraints refuse.
    #[error("the default of the parameter {0:?} does not meet its own constraint")]
    Default(String),
    /// A constraint that is unknown or malformed.
    #[error("parameter {parameter:?}: {message}")]
    Constraint {
        /// The parameter.
        parameter: String,
        /// What is wrong with the constraint.
        message: String,
    },
}

/// A parameter, and whether it is a catch-all, before the check of its place in the template.
struct Braced {
    parameter: Parameter,
    catch_all: bool,
}

enum Token {
    Literal(String),
    Braced(Braced),
}

/// Parses the segments of a template.
pub(super) fn segments(text: &str) -> Result<Vec<Segment>, RouteError> {
    let text = text.trim_matches('/');
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let segments = tokens(text)?
        .into_iter()
        .map(segment)
        .collect::<Result<Vec<_>, _>>()?;
    let mut names: Vec<&str> = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        for Parameter { name, .. } in parameters(segment) {
            if names.iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
                return Err(RouteError::Duplicate(name.clone()));
            }
            names.push(name);
        }
        if let Segment::CatchAll(parameter) = segment
            && at + 1 < segments.len()
        {
            return Err(RouteError::CatchAll(parameter.name.clone()));
        }
    }
    Ok(segments)
}

fn parameters(segment: &Segment) -> Vec<&Parameter> {
    match segment {
        Segment::Literal(_) => Vec::new(),
        Segment::Parameter(parameter) | Segment::CatchAll(parameter) => vec![parameter],
        Segment::Mixed(parts) => parts.iter().filter_map(Part::parameter).collect(),
    }
}

/// Returns the tokens of each segment. Slashes inside braces do not separate segments.
fn tokens(text: &str) -> Result<Vec<Vec<Token>>, RouteError> {
    let mut segments = Vec::new();
    let mut tokens = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let doubled = rest.starts_with("{{") || rest.starts_with("}}");
        rest = &rest[if doubled { 2 } else { c.len_utf8() }..];
        match c {
            '{' | '}' if doubled => literal.push(c),
            '}' => return Err(RouteError::Brace),
            '{' => {
                let (inner, behind) = rest.split_once('}').ok_or(RouteError::Brace)?;
                if !literal.is_empty() {
                    tokens.push(Token::Literal(std::mem::take(&mut literal)));
                }
                tokens.push(Token::Braced(braced(inner)?));
                rest = behind;
            }
            '/' => {
                if !literal.is_empty() {
                    tokens.push(Token::Literal(std::mem::take(&mut literal)));
                }
                segments.push(std::mem::take(&mut tokens));
            }
            '?' | '#' => return Err(RouteError::Literal(c)),
            c if c.is_control() => return Err(RouteError::Literal(c)),
            c => literal.push(c),
        }
    }
    if !literal.is_empty() {
        tokens.push(Token::Literal(literal));
    }
    segments.push(tokens);
    Ok(segments)
}

/// Parses the text inside braces: `[*|**]name[:constraint…][=default][?]`.
fn braced(inner: &str) -> Result<Braced, RouteError> {
    let text = inner.strip_prefix("**").or_else(|| inner.strip_prefix('*'));
    let (text, catch_all) = text.map_or((inner, false), |text| (text, true));
    let (text, optional) = text.strip_suffix('?').map_or((text, false), |text| (text, true));
    let (name, mut rest) = text.split_at(text.find([':', '=']).unwrap_or(text.len()));
    if name.is_empty() || name.contains(['/', '{', '?', '*']) || name.contains(char::is_whitespace) {
        return Err(RouteError::Name(name.to_owned()));
    }
    let mut constraints = Vec::new();
    while let Some(behind) = rest.strip_prefix(':') {
        let (constraint, next) = behind.split_at(constraint_end(behind));
        let parsed = Constraint::parse(constraint);
        constraints.push(parsed.map_err(|message| RouteError::Constraint {
            parameter: name.to_owned(),
            message,
        })?);
        rest = next;
    }
    let default = rest.strip_prefix('=').map(str::to_owned);
    if optional && default.is_some() {
        return Err(RouteError::OptionalDefault(name.to_owned()));
    }
    if let Some(default) = &default
        && !constraints.iter().all(|constraint| constraint.allows(default))
    {
        return Err(RouteError::Default(name.to_owned()));
    }
    let parameter = Parameter {
        name: name.to_owned(),
        constraints,
        default,
        optional,
    };
    Ok(Braced { parameter, catch_all })
}

/// Returns the end of a constraint: the next ":" or "=" outside parentheses.
fn constraint_end(text: &str) -> usize {
    let mut inside = false;
    let end = text.find(|c| {
        inside = (inside || c == '(') && c != ')';
        !inside && (c == ':' || c == '=')
    });
    end.unwrap_or(text.len())
}

fn segment(tokens: Vec<Token>) -> Result<Segment, RouteError> {
    let alone = tokens.len() == 1;
    let mut parts: Vec<Part> = Vec::with_capacity(tokens.len());
    let count = tokens.len();
    for (at, token) in tokens.into_iter().enumerate() {
        let Braced { parameter, catch_all } = match token {
            Token::Literal(text) if alone => return Ok(Segment::Literal(text)),
            Token::Literal(text) => {
                parts.push(Part::Literal(text));
                continue;
            }
            Token::Braced(braced) => braced,
        };
        match parts.last() {
            _ if alone && catch_all => return Ok(Segment::CatchAll(parameter)),
            _ if alone => return Ok(Segment::Parameter(parameter)),
            _ if catch_all => return Err(RouteError::CatchAll(parameter.name)),
            Some(Part::Parameter(before)) => {
                return Err(RouteError::Adjacent(before.name.clone(), parameter.name));
            }
            Some(Part::Literal(text)) if parameter.optional && text == "." && at + 1 == count => {}
            _ if parameter.optional => return Err(RouteError::Optional(parameter.name)),
            _ => {}
        }
        parts.push(Part::Parameter(parameter));
    }
    if parts.is_empty() {
        Err(RouteError::EmptySegment)
    } else {
        Ok(Segment::Mixed(parts))
    }
}
