//! The outcome of a check, collected from its events.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::extensions::{Described, Event, Step};

/// The outcome of the check of a library.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    /// The version of the extension API that the library was built for, if known.
    pub(super) api_version: Option<String>,
    /// How many extensions were to be checked, once the library is open.
    #[serde(skip)]
    pub(super) count: Option<usize>,
    /// The steps of opening the library.
    pub(super) steps: Vec<StepOutcome>,
    /// Its extensions.
    pub(super) extensions: Vec<ExtensionOutcome>,
}

/// The outcome of the check of an extension.
#[derive(Debug, Serialize)]
pub(super) struct ExtensionOutcome {
    #[serde(flatten)]
    pub(super) described: Described,
    pub(super) steps: Vec<StepOutcome>,
}

/// A step of a check, done or failed.
#[derive(Debug, Serialize)]
pub(super) struct StepOutcome {
    pub(super) step: Step,
    pub(super) ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
    /// What is a mistake although the step succeeded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// How many extensions of a library were checked, and how they did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Summary {
    /// Those in the library; `None` if it could not be opened.
    pub(super) extensions: Option<usize>,
    /// Those that were checked: the others come after one that ended the process.
    pub(super) checked: usize,
    pub(super) fine: usize,
    pub(super) warned: usize,
    pub(super) failed: usize,
}

impl Outcome {
    /// Adds an event.
    pub(super) fn add(&mut self, event: Event) {
        match event {
            Event::Begin(step) => self.steps_mut().push(StepOutcome {
                step,
                ok: true,
                note: None,
                warnings: Vec::new(),
                error: None,
            }),
            Event::Note(note) => {
                if let Some(last) = self.steps_mut().last_mut() {
                    last.note = Some(note);
                }
            }
            Event::Warning(warning) => {
                if let Some(last) = self.steps_mut().last_mut() {
                    last.warnings.push(warning);
                }
            }
            Event::Failed(error) => {
                // A check that fails before its first step gets one for the error.
                if self.steps_mut().is_empty() {
                    self.add(Event::Begin(Step::Look));
                }
                if let Some(last) = self.steps_mut().last_mut() {
                    last.ok = false;
                    match &mut last.error {
                        Some(errors) => errors.push_str(&format!("\n{error}")),
                        None => last.error = Some(error),
                    }
                }
            }
            Event::Opened { api_version } => self.api_version = Some(api_version),
            Event::Count(count) => self.count = Some(count),
            Event::Extension(described) => self.extensions.push(ExtensionOutcome {
                described,
                steps: Vec::new(),
            }),
            Event::End => {}
        }
    }

    /// Returns the last step.
    pub(super) fn last(&self) -> Option<&StepOutcome> {
        match self.extensions.last() {
            Some(extension) => extension.steps.last(),
            None => self.steps.last(),
        }
    }

    /// Returns the errors of all steps, in order.
    pub(super) fn errors(&self) -> impl Iterator<Item = &str> {
        self.all_steps().filter_map(|step| step.error.as_deref())
    }

    /// Returns the warnings of all steps, in order.
    pub(super) fn warnings(&self) -> impl Iterator<Item = &str> {
        self.all_steps()
            .flat_map(|step| &step.warnings)
            .map(String::as_str)
    }

    /// Counts the extensions by how they did.
    pub(super) fn summary(&self) -> Summary {
        let mut summary = Summary {
            extensions: self.count,
            checked: self.extensions.len(),
            fine: 0,
            warned: 0,
            failed: 0,
        };
        for ExtensionOutcome { steps, .. } in &self.extensions {
            let count = if steps.iter().any(|step| !step.ok) {
                &mut summary.failed
            } else if steps.iter().any(|step| !step.warnings.is_empty()) {
                &mut summary.warned
            } else {
                &mut summary.fine
            };
            *count += 1;
        }
        summary
    }

    /// Whether a step of this kind failed.
    pub(super) fn failed(&self, step: Step) -> bool {
        self.all_steps().any(|taken| taken.step == step && !taken.ok)
    }

    fn all_steps(&self) -> impl Iterator<Item = &StepOutcome> {
        let of_extensions = self.extensions.iter().flat_map(|extension| &extension.steps);
        self.steps.iter().chain(of_extensions)
    }

    fn steps_mut(&mut self) -> &mut Vec<StepOutcome> {
        match self.extensions.last_mut() {
            Some(extension) => &mut extension.steps,
            None => &mut self.steps,
        }
    }
}

impl Display for Summary {
    /// As one line: "3 extensions checked: 2 fine, 1 with warnings".
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(extensions) = self.extensions else {
            return f.write_str("no extension checked: the library cannot be opened");
        };
        if self.checked < extensions {
            write!(f, "{} of ", self.checked)?;
        }
        let plural = if extensions == 1 { "" } else { "s" };
        write!(f, "{extensions} extension{plural} checked: ")?;
        let counts = [
            (self.fine, "fine"),
            (self.warned, "with warnings"),
            (self.failed, "failed"),
        ];
        let parts = counts.into_iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_is_a_line() {
        let none = Summary {
            extensions: None,
            checked: 0,
            fine: 0,
            warned: 0,
            failed: 0,
        };
        let one = Summary {
            extensions: Some(1),
            checked: 1,
            fine: 1,
            ..none
        };
        let three = Summary {
            extensions: Some(3),
            checked: 3,
            fine: 2,
            warned: 1,
            failed: 0,
        };
        let stopped = Summary {
            extensions: Some(30),
            checked: 2,
            fine: 1,
            warned: 0,
            failed: 1,
        };
        for (summary, expected) in [
            (none, "no extension checked: the library cannot be opened"),
            (one, "1 extension checked: 1 fine"),
            (three, "3 extensions checked: 2 fine, 1 with warnings"),
            (stopped, "2 of 30 extensions checked: 1 fine, 1 failed"),
        ] {
            assert_eq!(summary.to_string(), expected);
        }
    }
}
