//! What unit tests of several folders share.

use std::collections::BTreeMap;
use std::path::Path;

use super::{App, Declarations, Driver, HostConfig, LocalSettings};

/// Returns an app without functions.
pub(crate) fn app(root: impl AsRef<Path>) -> App {
    App {
        root: root.as_ref().to_owned(),
        host: HostConfig::default(),
        settings: LocalSettings::default(),
        declarations: Declarations::Folders(Vec::new()),
        driver: Driver::default(),
        unreadable: BTreeMap::new(),
    }
}
