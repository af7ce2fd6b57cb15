//! The functions that the workers of a slot have loaded: a successor must not lose one of them in silence.

use std::collections::BTreeSet;

use crate::control::Ready;

/// What the workers of a slot have loaded.
#[derive(Debug, Default)]
pub(super) struct SlotFunctions {
    loaded: BTreeSet<String>,
    lost: BTreeSet<String>,
}

impl SlotFunctions {
    /// Takes the functions of the worker that serves from now on.
    pub(super) fn serve(&mut self, ready: &Ready) {
        let has_failed = |name: &String| ready.not_loaded.contains(name);
        let known = self.loaded.union(&self.lost);
        // One that the app does not have any more is not lost.
        self.lost = known.filter(|name| has_failed(name)).cloned().collect();
        let names = ready.functions.iter().map(|function| &function.name);
        self.loaded = names.filter(|name| !has_failed(name)).cloned().collect();
    }

    /// Returns those that the worker has loaded.
    pub(super) fn loaded(&self) -> BTreeSet<String> {
        self.loaded.clone()
    }

    /// Returns those that the worker has loaded, and those that only an earlier one has.
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.loaded.union(&self.lost).cloned().collect()
    }

    /// Returns those that an earlier worker had loaded and this one could not load, as a list for people; `None` if there are
    /// none.
    pub(super) fn lost(&self) -> Option<String> {
        let names: Vec<_> = self.lost.iter().map(|name| format!("{name:?}")).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::FunctionListing;

    fn ready(loaded: &[&str], failed: &[&str]) -> Ready {
        let listing = |name: &&str| FunctionListing {
            name: (*name).to_owned(),
            kind: "httpTrigger".to_owned(),
            methods: Vec::new(),
            route: None,
            auth_level: None,
        };
        Ready {
            functions: loaded.iter().chain(failed).map(listing).collect(),
            not_loaded: failed.iter().map(|name| (*name).to_owned()).collect(),
            ..Ready::default()
        }
    }

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_function_is_lost_until_a_worker_loads_it_or_the_app_has_it_no_more() {
        let mut functions = SlotFunctions::default();
        functions.serve(&ready(&["a", "b"], &["never"]));
        assert_eq!(functions.lost(), None, "nobody has loaded it");
        functions.serve(&ready(&["b"], &["a", "never"]));
        assert_eq!(functions.lost().as_deref(), Some("\"a\""));
        assert_eq!(
            (functions.loaded(), functions.known()),
            (names(&["b"]), names(&["a", "b"]))
        );
        functions.serve(&ready(&[], &["a", "b"]));
        assert_eq!(functions.lost().as_deref(), Some("\"a\", \"b\""));
        functions.serve(&ready(&["a"], &[]));
        assert_eq!((functions.lost(), functions.known()), (None, names(&["a"])));
    }
}
