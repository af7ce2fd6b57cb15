//! Changes the text of local.settings.json: comments, order and formatting stay.

use std::fmt;
use std::path::{Path, PathBuf};

use jsonc_parser::cst::{CstInputValue, CstObject, CstObjectProp, CstRootNode};

use super::error::{Problem, suggestion};
use super::json::{Document, SYNTAX, read_text};
use super::local_settings::{FILE, refuse_encrypted};
use super::read::app_root;
use super::{AppError, VariableError, Variables};

/// The file of an app that has none.
const NEW: &str = r#"{
  "IsEncrypted": false,
  "Values": {
    "FUNCTIONS_WORKER_RUNTIME": "python"
  }
}
"#;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The object of local.settings.json that has a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// App settings.
    Values,
    /// Connection strings.
    ConnectionStrings,
}

impl Section {
    /// The key in the file.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Section::Values => "Values",
            Section::ConnectionStrings => "ConnectionStrings",
        }
    }
}

/// The local.settings.json of an app, to be changed. Displays as the file's new text.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    /// The file, absolute.
    pub(crate) path: PathBuf,
    /// Whether the app has no such file yet.
    pub(crate) is_new: bool,
    has_mark: bool,
    root: CstRootNode,
    top: CstObject,
}

impl SettingsFile {
    /// Reads the file of the app in this folder. If there is none, the text is that of a new one.
    ///
    /// # Errors
    /// The folder is not an app; the file cannot be read, or is encrypted.
    pub(crate) fn open(folder: &Path) -> Result<Self, AppError> {
        let root = app_root(folder)?;
        let text = read_text(&root, Path::new(FILE)).map_err(AppError::LocalSettings)?;
        let is_new = text.is_none();
        Self::parse(root.join(FILE), is_new, text.as_deref().unwrap_or(NEW)).map_err(AppError::LocalSettings)
    }

    fn parse(path: PathBuf, is_new: bool, text: &str) -> Result<Self, Problem> {
        // Settings with problems stay as they are: this may be the command that removes them.
        let document = Document::parse(FILE.into(), text)?;
        let top = document.item();
        refuse_encrypted(&top)?;
        for section in [Section::Values, Section::ConnectionStrings] {
            if let Some(section) = top.get(section.key())? {
                section.entries()?;
            }
        }
        let plain = text.strip_prefix(BYTE_ORDER_MARK);
        let invalid = || Problem::of_file(Path::new(FILE), "invalid JSON; expected an object: {}");
        let root = CstRootNode::parse(plain.unwrap_or(text), &SYNTAX).map_err(|_| invalid())?;
        Ok(Self {
            path,
            is_new,
            has_mark: plain.is_some(),
            top: root.object_value().ok_or_else(invalid)?,
            root,
        })
    }

    /// Adds a setting, or replaces the value of the one with this name, compared without case.
    ///
    /// # Errors
    /// No environment variable can have this name or value.
    pub(crate) fn set(&mut self, section: Section, name: &str, value: &str) -> Result<(), VariableError> {
        Variables::default().insert(name, value)?;
        let settings = match members(&self.top, section.key()).pop() {
            Some(settings) => settings.object_value_or_set(),
            None => {
                let empty = CstInputValue::Object(Vec::new());
                self.top.append(section.key(), empty).object_value_or_set()
            }
        };
        let existing = members(&settings, name);
        if existing.is_empty() {
            settings.append(name, value.into());
        }
        for setting in existing {
            replace(&setting, section, value);
        }
        Ok(())
    }

    /// Removes the setting with this name, compared without case.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn remove(&mut self, section: Section, name: &str) -> Result<(), AppError> {
        let settings = members(&self.top, section.key()).pop();
        let settings = settings.and_then(|settings| settings.object_value());
        let existing = settings.iter().flat_map(|settings| members(settings, name));
        let existing: Vec<_> = existing.collect();
        if existing.is_empty() {
            let names = settings.iter().flat_map(CstObject::properties);
            let names: Vec<_> = names.filter_map(|setting| setting.decoded_name()).collect();
            let hint = suggestion(name, names.iter().map(String::as_str));
            let message = format!("has no {name:?}{hint}; see the names with: funcdock settings list");
            return Err(AppError::LocalSettings(Problem {
                key: section.key().to_owned(),
                ..Problem::of_file(Path::new(FILE), message)
            }));
        }
        existing.into_iter().for_each(CstObjectProp::remove);
        Ok(())
    }
}

impl fmt::Display for SettingsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.has_mark {
            write!(f, "{BYTE_ORDER_MARK}")?;
        }
        write!(f, "{}", self.root)
    }
}

/// Replaces the value of a setting. A connection string with a provider keeps it.
fn replace(setting: &CstObjectProp, section: Section, value: &str) {
    let object = setting
        .object_value()
        .filter(|_| section == Section::ConnectionStrings);
    let text = object.and_then(|object| members(&object, "ConnectionString").pop());
    text.as_ref().unwrap_or(setting).set_value(value.into());
}

/// Returns the members of the object with this name, compared without case. More than one is a mistake; readers use the
/// last one.
fn members(object: &CstObject, name: &str) -> Vec<CstObjectProp> {
    let is_it = |member: &CstObjectProp| {
        let found = member.decoded_name();
        found.is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    object.properties().into_iter().filter(is_it).collect()
}

#[cfg(test)]
mod tests;
