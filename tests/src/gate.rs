//! Calls that last as long as a test wants, to the functions `wait` and `wait_sync` in `tests/apps/gates`.

use std::fs;
use std::path::PathBuf;

use crate::{Host, wait_for};

/// A gate that calls with `?gate=<name>` wait at.
pub struct Gate<'a> {
    host: &'a Host,
    name: &'a str,
}

impl<'a> Gate<'a> {
    /// Returns the gate with this name; it is closed at first.
    pub fn new(host: &'a Host, name: &'a str) -> Self {
        Gate { host, name }
    }

    /// Waits until a call is at the gate.
    pub fn wait_until_entered(&self) {
        self.wait_for("entered");
    }

    /// Opens the gate; it stays open.
    pub fn open(&self) {
        fs::write(self.file("open"), "").expect("the app's folder is writable");
    }

    /// Waits until a call has passed the gate.
    pub fn wait_until_left(&self) {
        self.wait_for("left");
    }

    fn wait_for(&self, what: &str) {
        let file = self.file(what);
        let seen = wait_for(|| file.exists().then_some(()));
        assert!(
            seen.is_some(),
            "no call has {what} {}\n{}",
            self.name,
            self.host.output()
        );
    }

    fn file(&self, what: &str) -> PathBuf {
        self.host.app().path().join(format!("{}.{what}", self.name))
    }
}
