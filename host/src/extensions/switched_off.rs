//! Worker extensions that an app names while they are switched off: without some of them it must not run, and a warning
//! names each of the others.

use super::activity::Activity;
use super::error::ExtensionError;
use super::finding::{Search, normalised};
use super::from_code::DockError;
use super::registry::Extensions;
use super::slot::ExtensionSlot;
use crate::app::ExtensionConfig;

impl Extensions {
    /// Returns no extensions, although the app may name some: worker extensions are switched off.
    ///
    /// A library is opened only to learn whether a hook of it is strict, and only if host.json does not say whether the
    /// extension is `required`.
    ///
    /// # Errors
    /// [`ExtensionError::SwitchedOff`].
    pub fn switched_off(
        configs: &[ExtensionConfig],
        search: &Search,
        activity: Activity,
    ) -> Result<Self, ExtensionError> {
        for config in configs {
            let found = match config.required {
                Some(true) => Some("host.json says that it is required".to_owned()),
                Some(false) => None,
                None => strict_hook(ExtensionSlot::open(config.clone(), search, &activity)),
            };
            if let Some(found) = found {
                return Err(refusal(&config.name, found));
            }
            warn(&config.name, "host.json names it");
        }
        let mut extensions = Extensions::default();
        extensions.search = search.clone();
        extensions.activity = activity;
        extensions.switched_off = configs.to_vec();
        Ok(extensions)
    }

    /// Notes that function code imports an extension, which does not run.
    ///
    /// # Errors
    /// [`ExtensionError::SwitchedOff`]. Then [`start`](Self::start) fails as well: code may catch this error, and other
    /// functions were to have the extension, too.
    pub fn import_switched_off(&mut self, name: &str) -> Result<(), DockError> {
        let wanted = normalised(name);
        let mut named = self.switched_off.iter().map(|config| normalised(&config.name));
        if named.any(|known| known == wanted) {
            // That was noted at the start.
            return Ok(());
        }
        let Some(found) = strict_hook(self.open(name)) else {
            warn(name, "the app imports it");
            return Ok(());
        };
        self.refusal = Some(refusal(name, found.clone()));
        Err(refusal(name, found).into())
    }
}

/// Says which hook is strict. A library that cannot be opened has none: the app can run without it.
fn strict_hook(slot: Result<ExtensionSlot, ExtensionError>) -> Option<String> {
    let hook = slot.ok()?.strict_hook()?;
    Some(format!("its hook {hook} is strict"))
}

fn refusal(name: &str, found: String) -> ExtensionError {
    ExtensionError::SwitchedOff {
        name: name.to_owned(),
        found,
    }
}

/// Warns about an extension that does not run. `by` says who wants it.
fn warn(name: &str, by: &str) {
    tracing::warn!(
        "extension {name:?}: {by}, but it does not run, because worker extensions are off: set \
         PYTHON_ENABLE_WORKER_EXTENSIONS=1"
    );
}
