//! What a worker does that may end or hang its process: foreign code that has not proved itself yet. Whoever watches the
//! process is told before, as nobody can be told after.

use std::fmt;
use std::sync::Arc;

/// Who is told. By default nobody.
#[derive(Clone, Default)]
pub struct Activity(Option<Arc<Tell>>);

/// Tells somebody what is done from now on: "loaded extension x", as the end of "it died while it …". `None` when it is
/// over.
type Tell = dyn Fn(Option<&str>) + Send + Sync;

impl Activity {
    /// Tells through this function, which returns when the message has left the process.
    pub fn new(tell: impl Fn(Option<&str>) + Send + Sync + 'static) -> Self {
        Activity(Some(Arc::new(tell)))
    }

    /// Tells what is done until the returned value is dropped.
    pub(super) fn begin(&self, what: impl FnOnce() -> String) -> impl Drop + '_ {
        if let Some(tell) = &self.0 {
            tell(Some(&what()));
        }
        Over(self)
    }
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Activity").field(&self.0.is_some()).finish()
    }
}

/// The end of an activity.
struct Over<'a>(&'a Activity);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        if let Some(tell) = &self.0.0 {
            tell(None);
        }
    }
}
