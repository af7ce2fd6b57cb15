//! The extension that is tried out, and what is reported of it.

use std::time::Duration;

use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{Hook, LoadedExtension};

use crate::app::ExtensionConfig;
use crate::extensions::error::ExtensionError;
use crate::extensions::step::{Event, Step};

/// The extension that is tried out.
pub(super) struct Subject {
    pub(super) extension: LoadedExtension,
    pub(super) config: ExtensionConfig,
}

impl Subject {
    /// Calls a hook, if the extension has it.
    pub(super) fn hook(
        &self,
        hook: Hook,
        step: Step,
        report: &mut dyn FnMut(Event),
        call: impl FnOnce() -> Result<(), abi::Error>,
    ) {
        if self.extension.has(hook) {
            report(Event::Begin(step));
            if let Err(error) = call() {
                self.failed(&step.to_string(), &error, report);
            }
        }
    }

    /// Warns if what a hook did on the thread took longer than the budget.
    pub(super) fn in_budget(&self, step: Step, took: Duration, report: &mut dyn FnMut(Event)) {
        let Some(budget) = self.config.hook_budget.filter(|budget| took > *budget) else {
            return;
        };
        self.warn(
            report,
            &format!(
                "{step} took {took:.1?}, longer than the budget of {budget:?}: other calls wait for it meanwhile \
                 (workerExtensions.{}.hookBudgetMs in host.json)",
                self.config.name
            ),
        );
    }

    pub(super) fn warn(&self, report: &mut dyn FnMut(Event), problem: &str) {
        report(Event::Warning(format!(
            "extension {:?}: {problem}",
            self.config.name
        )));
    }

    pub(super) fn failed(&self, hook: &str, error: &abi::Error, report: &mut dyn FnMut(Event)) {
        let failed = ExtensionError::Hook {
            name: self.config.name.clone(),
            hook: hook.to_owned(),
            reason: error.message.to_string(),
        };
        report(Event::Failed(failed.to_string()));
    }
}
