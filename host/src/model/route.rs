//! Route templates (`items/{id:int?}`, `files/{*path}`), and their match with a path.

use std::fmt;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

mod constraint;
mod parse;
mod path;

use constraint::Constraint;
use path::DecodedPath;

pub use parse::RouteError;
pub use path::RequestPath;

/// The names and values of the parameters in a path, in the order of the template, without those that were left out and
/// have no default.
pub type Params<'a> = SmallVec<[(&'a str, &'a str); 4]>;

/// A parsed route template.
///
/// The comparison of literals ignores the case of ASCII letters. Values are percent-decoded, segment by segment: `%2F`
/// becomes a slash inside a value, and never separates segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RouteTemplate {
    /// As written, without slashes around it.
    text: String,
    segments: Vec<Segment>,
}

/// The part of a template between two slashes.
#[derive(Debug, Clone, PartialEq)]
enum Segment {
    Literal(String),
    Parameter(Parameter),
    /// `{*rest}`: the rest of the path; always the last segment.
    CatchAll(Parameter),
    /// Parameters with literal text around them. Two parameters are never adjacent.
    Mixed(Vec<Part>),
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Literal(String),
    Parameter(Parameter),
}

#[derive(Debug, Clone, PartialEq)]
struct Parameter {
    name: String,
    constraints: Vec<Constraint>,
    default: Option<String>,
    optional: bool,
}

impl RouteTemplate {
    /// Parses a template. Ignores slashes around it; the empty template is the empty path.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        let segments = parse::segments(text)?;
        let text = text.trim_matches('/').to_owned();
        Ok(Self { text, segments })
    }

    /// Returns this template below `prefix`, a path of literal text.
    pub fn under(mut self, prefix: &str) -> Self {
        let prefix = prefix.trim_matches('/');
        self.text = [prefix, &self.text]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("/");
        let literals = prefix.split('/').filter(|segment| !segment.is_empty());
        self.segments
            .splice(0..0, literals.map(|text| Segment::Literal(text.to_owned())));
        self
    }

    /// Returns the path that the template matches, if it has no parameters.
    pub fn literal_path(&self) -> Option<String> {
        let literal = |segment: &Segment| match segment {
            Segment::Literal(text) => Some(text.clone()),
            _ => None,
        };
        self.segments
            .iter()
            .map(literal)
            .collect::<Option<Vec<_>>>()
            .map(|texts| texts.join("/"))
    }

    /// Returns how specific the template is, as a number for each segment: templates are tried in ascending order.
    pub fn precedence(&self) -> Vec<u8> {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(_) => 1,
            Segment::Mixed(_) => 2,
            Segment::Parameter(parameter) if !parameter.constraints.is_empty() => 2,
            Segment::Parameter(_) => 3,
            Segment::CatchAll(parameter) if !parameter.constraints.is_empty() => 4,
            Segment::CatchAll(_) => 5,
        };
        self.segments.iter().map(rank).collect()
    }

    /// Returns a text that is the same for two templates if they match the same paths: without the names of parameters, and
    /// in lower case.
    pub fn shape(&self) -> String {
        let parameter = |parameter: &Parameter| {
            let left_out = parameter.optional || parameter.default.is_some();
            format!(
                "{{{:?}{}}}",
                parameter.constraints,
                if left_out { "?" } else { "" }
            )
        };
        let escape = |text: &str| text.to_ascii_lowercase().replace('{', "{{").replace('}', "}}");
        let segment = |segment: &Segment| match segment {
            Segment::Literal(text) => escape(text),
            Segment::Parameter(only) => parameter(only),
            Segment::CatchAll(rest) => format!("{{*}}{}", parameter(rest)),
            Segment::Mixed(parts) => {
                let part = |part: &Part| match part {
                    Part::Literal(text) => escape(text),
                    Part::Parameter(inner) => parameter(inner),
                };
                parts.iter().map(part).collect()
            }
        };
        self.segments.iter().map(segment).collect::<Vec<_>>().join("/")
    }

    /// Returns the number of segments of a path that [`matches`](Self::matches) has to know.
    pub fn segments_needed(&self) -> usize {
        // One more shows that a path is too long.
        self.segments.len() + 1
    }

    /// Matches a path, of which at least [`segments_needed`](Self::segments_needed) are split off. Ignores one slash at its
    /// start and one at its end.
    pub fn matches<'a>(&'a self, path: &'a RequestPath<'_>, segments: usize) -> Option<Params<'a>> {
        let path = path.decoded(segments);
        // Most templates differ in their literal text, which takes the least time to compare.
        if !self.fits(path) {
            return None;
        }
        let mut params = Params::new();
        for (number, segment) in self.segments.iter().enumerate() {
            let matches = match (segment, path.segment(number)) {
                (Segment::CatchAll(parameter), _) => parameter.take_rest(path.rest(number), &mut params),
                (segment, Some(text)) => segment.matches(text, &mut params),
                // The path has ended: all remaining segments must be parameters that can be left out.
                (Segment::Parameter(parameter), None) => parameter.leave_out(&mut params),
                (_, None) => false,
            };
            if !matches {
                return None;
            }
        }
        Some(params)
    }

    /// Whether the path has all literal segments in their places, and not too many segments.
    fn fits(&self, path: &DecodedPath<'_>) -> bool {
        let is_open = matches!(self.segments.last(), Some(Segment::CatchAll(_)));
        let literals = self.segments.iter().enumerate();
        (is_open || path.segment(self.segments.len()).is_none())
            && literals.into_iter().all(|(number, segment)| match segment {
                Segment::Literal(literal) => path
                    .segment(number)
                    .is_some_and(|text| text.eq_ignore_ascii_case(literal)),
                _ => true,
            })
    }
}

impl fmt::Display for RouteTemplate {
    /// Writes the template as written, without slashes around it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for RouteTemplate {
    type Error = RouteError;

    fn try_from(text: String) -> Result<Self, RouteError> {
        Self::parse(&text)
    }
}

impl From<RouteTemplate> for String {
    fn from(template: RouteTemplate) -> Self {
        template.text
    }
}

impl Part {
    fn parameter(&self) -> Option<&Parameter> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter(parameter) => Some(parameter),
        }
    }
}

impl Segment {
    /// Matches the text between two slashes, which must not be empty, and adds the parameters to `params`.
    fn matches<'a>(&'a self, text: &'a str, params: &mut Params<'a>) -> bool {
        match self {
            Self::Literal(literal) => text.eq_ignore_ascii_case(literal),
            Self::Parameter(parameter) => parameter.take(text, params),
            // A catch-all never gets here: it takes the whole rest of the path.
            Self::CatchAll(_) => false,
            Self::Mixed(parts) => {
                let found = params.len();
                take_mixed(parts, text, params) || {
                    params.truncate(found);
                    match parts.as_slice() {
                        // Without the last parameter, the "." before it goes too.
                        [before @ .., _, Part::Parameter(last)] if last.optional => {
                            take_mixed(before, text, params)
                        }
                        _ => false,
                    }
                }
            }
        }
    }
}

impl Parameter {
    fn allows(&self, value: &str) -> bool {
        self.constraints.iter().all(|constraint| constraint.allows(value))
    }

    fn take<'a>(&'a self, value: &'a str, params: &mut Params<'a>) -> bool {
        let taken = !value.is_empty() && self.allows(value);
        if taken {
            params.push((&self.name, value));
        }
        taken
    }

    /// Takes no value; returns whether it can do without.
    fn leave_out<'a>(&'a self, params: &mut Params<'a>) -> bool {
        if let Some(default) = &self.default {
            params.push((&self.name, default));
        }
        self.optional || self.default.is_some()
    }

    /// Takes the value of a catch-all: `rest` may be empty.
    fn take_rest<'a>(&'a self, rest: &'a str, params: &mut Params<'a>) -> bool {
        match (rest, &self.default) {
            ("", Some(_)) => self.leave_out(params),
            ("", None) => self.allows(""),
            (rest, _) => self.take(rest, params),
        }
    }
}

/// Matches the parts of a segment from its end to its start. Each parameter takes at least one character, and each
/// literal is searched from the right: if this finds no match, there is none.
fn take_mixed<'a>(parts: &'a [Part], text: &'a str, params: &mut Params<'a>) -> bool {
    let first = params.len();
    let mut rest = text;
    // The parameter whose end is known, but not its start.
    let mut open: Option<&'a Parameter> = None;
    let mut close = |parameter: &'a Parameter, value: &'a str| parameter.take(value, params);
    for part in parts.iter().rev() {
        match (part, open.take()) {
            (Part::Parameter(parameter), _) => open = Some(parameter),
            (Part::Literal(literal), None) => {
                let Some(start) = rest.len().checked_sub(literal.len()) else {
                    return false;
                };
                match rest.split_at_checked(start) {
                    Some((before, end)) if end.eq_ignore_ascii_case(literal) => rest = before,
                    _ => return false,
                }
            }
            (Part::Literal(literal), Some(parameter)) => {
                let Some((before, value)) = split_at_last(rest, literal) else {
                    return false;
                };
                if !close(parameter, value) {
                    return false;
                }
                rest = before;
            }
        }
    }
    let complete = match open {
        Some(parameter) => close(parameter, rest),
        None => rest.is_empty(),
    };
    params[first..].reverse();
    complete
}

/// Splits `text` at the last `literal` that has text after it. Returns the texts before and after it.
fn split_at_last<'t>(text: &'t str, literal: &str) -> Option<(&'t str, &'t str)> {
    let last = text.len().checked_sub(literal.len() + 1)?;
    (0..=last).rev().find_map(|at| {
        let (before, end) = text.split_at_checked(at)?;
        let (found, behind) = end.split_at_checked(literal.len())?;
        found.eq_ignore_ascii_case(literal).then_some((before, behind))
    })
}

#[cfg(test)]
mod tests;
