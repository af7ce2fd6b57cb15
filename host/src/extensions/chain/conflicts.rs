//! Warnings about attributes that several extensions offer: each once a worker.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::HookChain;
use crate::model::Conflict;

/// The warnings that the log has. All chains of a worker share it.
#[derive(Default)]
pub(in crate::extensions) struct Conflicts(Mutex<HashSet<Warning>>);

/// The attribute, the extension that loses, and the one that wins.
type Warning = (String, Arc<str>, Arc<str>);

impl Conflicts {
    /// Warns of a conflict, the first time.
    #[cold]
    pub(super) fn warn(&self, attribute: &str, loser: &Arc<str>, winner: &Arc<str>) {
        let warning = (attribute.to_owned(), Arc::clone(loser), Arc::clone(winner));
        let is_new = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(warning);
        if is_new {
            tracing::warn!(
                "the extensions {loser} and {winner} both set the attribute {attribute:?} of the context: functions get \
                 that of {winner}; rename one, or dock only one of them"
            );
        }
    }
}

impl HookChain {
    /// Warns that a hook has replaced another extension's attribute.
    #[cold]
    pub(super) fn warn_of(&self, conflict: &Conflict) {
        let extension = |setter: u16| {
            let link = self.links.get(usize::from(setter).checked_sub(1)?)?;
            Some(&link.instance.name)
        };
        if let (Some(loser), Some(winner)) = (extension(conflict.loser), extension(conflict.winner)) {
            self.conflicts.warn(&conflict.name, loser, winner);
        }
    }
}

/// The number of a link as a setter of attributes. 0 is nobody.
#[inline]
pub(super) fn setter(link: usize) -> u16 {
    u16::try_from(link + 1).unwrap_or_default()
}
