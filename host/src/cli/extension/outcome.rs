//! What came of trying out a library, collected from what happens.

use serde::Serialize;

use crate::extensions::{Described, Event, Step};

/// What came of trying out a library.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    /// The version of the extension API that it was built for, once that is known.
    pub(super) api_version: Option<String>,
    /// The steps of opening it.
    pub(super) steps: Vec<Taken>,
    /// Its extensions.
    pub(super) extensions: Vec<Tried>,
}

/// What came of trying out an extension.
#[derive(Debug, Serialize)]
pub(super) struct Tried {
    #[serde(flatten)]
    pub(super) described: Described,
    pub(super) steps: Vec<Taken>,
}

/// A step that was taken.
#[derive(Debug, Serialize)]
pub(super) struct Taken {
    pub(super) step: Step,
    pub(super) ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

impl Outcome {
    /// Takes note of what happened.
    pub(super) fn add(&mut self, event: Event) {
        match event {
            Event::Begin(step) => self.steps_mut().push(Taken {
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
                // One that fails before its first step has none to put this to.
                if self.steps_mut().is_empty() {
                    self.add(Event::Begin(Step::Look));
                }
                if let Some(last) = self.steps_mut().last_mut() {
                    last.ok = false;
                    last.error = Some(error);
                }
            }
            Event::Opened { api_version } => self.api_version = Some(api_version),
            Event::Extension(described) => self.extensions.push(Tried {
                described,
                steps: Vec::new(),
            }),
            Event::End => {}
        }
    }

    /// The step that was begun last.
    pub(super) fn last(&self) -> Option<&Taken> {
        match self.extensions.last() {
            Some(extension) => extension.steps.last(),
            None => self.steps.last(),
        }
    }

    /// Why steps failed, in order.
    pub(super) fn errors(&self) -> impl Iterator<Item = &str> {
        self.taken().filter_map(|taken| taken.error.as_deref())
    }

    /// Whether a step of this kind failed.
    pub(super) fn failed(&self, step: Step) -> bool {
        self.taken().any(|taken| taken.step == step && !taken.ok)
    }

    fn taken(&self) -> impl Iterator<Item = &Taken> {
        let of_extensions = self.extensions.iter().flat_map(|extension| &extension.steps);
        self.steps.iter().chain(of_extensions)
    }

    fn steps_mut(&mut self) -> &mut Vec<Taken> {
        match self.extensions.last_mut() {
            Some(extension) => &mut extension.steps,
            None => &mut self.steps,
        }
    }
}
