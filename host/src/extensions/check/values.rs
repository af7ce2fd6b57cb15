//! What an extension gives to function code: its objects, as Python would find them.

use std::sync::Arc;

use abi_stable::std_types::{ROption, RStr};
use funcdock_extension_api::abi;

use super::subject::Subject;
use crate::extensions::step::Event;
use crate::model::Attribute;

/// A name that no object should have: Python, too, asks objects for names that they do not know (`hasattr`, `copy`).
const UNKNOWN: &str = "__funcdock_check__";

/// The objects that an extension gave out, each with the expression by which function code gets it.
#[derive(Default)]
pub(super) struct Values(Vec<(String, Arc<abi::Object>)>);

impl Values {
    /// Whether there is no object.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the objects of a value.
    pub(super) fn add(&mut self, expression: &str, value: &Attribute) {
        match value {
            Attribute::Value(_) => {}
            Attribute::Object(object) => self.0.push((expression.to_owned(), Arc::clone(object))),
            Attribute::List(values) => {
                for (index, value) in values.iter().enumerate() {
                    self.add(&format!("{expression}[{index}]"), value);
                }
            }
            Attribute::Map(entries) => {
                for (key, value) in entries.iter() {
                    self.add(&format!("{expression}[{key:?}]"), value);
                }
            }
        }
    }

    /// Reads the class, the methods and an unknown attribute of each object. Calls no method: only their author knows the
    /// arguments, and what a call changes.
    pub(super) fn look_at(&self, subject: &Subject, report: &mut dyn FnMut(Event)) {
        let mut notes = Vec::new();
        for (expression, object) in &self.0 {
            let class = object.class_name();
            let methods: Vec<&str> = object.methods().iter().map(|name| name.as_str()).collect();
            notes.push(match methods.as_slice() {
                [] => format!("{expression}: {class}, no methods"),
                methods => format!("{expression}: {class} with {}", methods.join(", ")),
            });
            for problem in problems(&class, &methods) {
                subject.warn(report, &format!("{expression}: {problem}"));
            }
            match object.get(RStr::from_str(UNKNOWN)).into_result() {
                Ok(ROption::RNone) => {}
                Ok(ROption::RSome(_)) => subject.warn(
                    report,
                    &format!(
                        "{expression}: it has every attribute, also one called {UNKNOWN:?}: a misspelt name is no error in \
                         Python"
                    ),
                ),
                Err(error) if error.kind == abi::ERROR_PANIC => {
                    subject.failed(&format!("get of {class} ({expression})"), &error, report);
                }
                Err(error) if error.kind == abi::ERROR_ATTRIBUTE => {}
                Err(error) => subject.warn(
                    report,
                    &format!(
                        "{expression}: reading an attribute that is not there is not an AttributeError, so hasattr() raises \
                         it: {}",
                        error.message
                    ),
                ),
            }
        }
        report(Event::Note(notes.join("; ")));
    }
}

/// Returns what Python cannot do with names like these.
fn problems(class: &str, methods: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    if !is_identifier(class) {
        problems.push(format!("the class name {class:?} is not an identifier"));
    }
    for (index, method) in methods.iter().enumerate() {
        if !is_identifier(method) {
            problems.push(format!(
                "the method {method:?} is not an identifier: Python cannot call it"
            ));
        }
        if methods[..index].contains(method) {
            problems.push(format!("the method {method:?} is listed twice"));
        }
    }
    problems
}

fn is_identifier(name: &str) -> bool {
    let mut letters = name.chars();
    letters
        .next()
        .is_some_and(|first| first == '_' || first.is_alphabetic())
        && letters.all(|letter| letter == '_' || letter.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_python_cannot_use_are_problems() {
        assert!(problems("Tracer", &["span", "inject_2"]).is_empty());
        let found = problems("my class", &["span", "end-span", "span"]);
        assert_eq!(
            found,
            [
                "the class name \"my class\" is not an identifier",
                "the method \"end-span\" is not an identifier: Python cannot call it",
                "the method \"span\" is listed twice",
            ]
        );
    }
}
