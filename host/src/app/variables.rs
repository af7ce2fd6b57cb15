//! Environment variables that a process can have.

use std::collections::{BTreeMap, btree_map};

use serde::{Deserialize, Serialize};

/// Environment variables. Each is valid: the name is not empty and has no `=`, and neither name nor value has a NUL.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct Variables(BTreeMap<String, String>);

/// Why a text cannot be the name or the value of an environment variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// The name is empty, or has a character that no name has.
    #[error(
        "{0:?} is not a valid name of an environment variable; expected at least one character, without \"=\" and NUL"
    )]
    Name(String),
    /// The value has a NUL.
    #[error("the value of an environment variable cannot contain a NUL character; remove it")]
    Value,
}

impl Variables {
    /// Adds a variable, or replaces the one of this name.
    ///
    /// # Errors
    /// The name or the value is not valid.
    pub fn insert(&mut self, name: &str, value: &str) -> Result<(), VariableError> {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(VariableError::Name(name.to_owned()));
        }
        if value.contains('\0') {
            return Err(VariableError::Value);
        }
        self.0.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// Returns the value of the variable with exactly this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl TryFrom<BTreeMap<String, String>> for Variables {
    type Error = VariableError;

    fn try_from(map: BTreeMap<String, String>) -> Result<Self, VariableError> {
        let mut variables = Self::default();
        for (name, value) in &map {
            variables.insert(name, value)?;
        }
        Ok(variables)
    }
}

impl<'a> IntoIterator for &'a Variables {
    type Item = (&'a String, &'a String);
    type IntoIter = btree_map::Iter<'a, String, String>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_no_process_can_have_is_refused() {
        let name = "is not a valid name of an environment variable";
        let value = "the value of an environment variable cannot contain a NUL character";
        for (variable, text, expected) in [
            ("", "x", name),
            ("A=B", "x", name),
            ("A\0", "x", name),
            ("A", "x\0y", value),
        ] {
            let mut variables = Variables::default();
            let error = variables.insert(variable, text).expect_err("refused").to_string();
            assert!(error.contains(expected), "{error}");
            assert_eq!(variables, Variables::default(), "nothing is added");
        }
    }

    #[test]
    fn a_worker_checks_variables_too() {
        let valid: Variables = serde_json::from_str(r#"{"A": "1", "B b": ""}"#).expect("valid");
        assert_eq!(
            (valid.get("A"), valid.get("B b"), valid.get("C")),
            (Some("1"), Some(""), None)
        );
        let json = serde_json::to_string(&valid).expect("serializable");
        assert_eq!(
            serde_json::from_str::<Variables>(&json).expect("as it was"),
            valid
        );
        serde_json::from_str::<Variables>(r#"{"A=": "1"}"#).expect_err("a bad name");
    }
}
