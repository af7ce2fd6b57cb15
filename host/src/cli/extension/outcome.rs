//! The outcome of a check, collected from its events.

use serde::Serialize;

use crate::extensions::{Described, Event, Step};

/// The outcome of the check of a library.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    /// The version of the extension API that the library was built for, if known.
    pub(super) api_version: Option<String>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl Outcome {
    /// Adds an event.
    pub(super) fn add(&mut self, event: Event) {
        match event {
            Event::Begin(step) => self.steps_mut().push(StepOutcome {
                step,
                ok: true,
                note: None,
                error: None,
            }),
            Event::Note(note) => {
                if let Some(last) = self.steps_mut().last_mut() {
                    last.note = Some(note);
                }
            }
            Event::Failed(error) => {
                // A check that fails before its first step gets one for the error.
                if self.steps_mut().is_empty() {
                    self.add(Event::Begin(Step::Look));
                }
                if let Some(last) = self.steps_mut().last_mut() {
                    last.ok = false;
                    last.error = Some(error);
                }
            }
            Event::Opened { api_version } => self.api_version = Some(api_version),
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
