//! Reports an extension whose `init` blocks: nothing else would say why the host does not start.

use std::sync::{Arc, mpsc};
use std::time::Duration;

/// How long an `init` may take before it is reported.
const INIT_PATIENCE: Duration = Duration::from_secs(5);

/// Watches an `init` until it is dropped.
pub(super) struct InitWatch {
    _over: mpsc::Sender<()>,
}

impl InitWatch {
    /// Starts to watch.
    pub(super) fn start(name: &Arc<str>) -> Self {
        let (over, wait) = mpsc::channel::<()>();
        let name = Arc::clone(name);
        // Without a thread there is no report, and all else goes on.
        let _ = std::thread::Builder::new()
            .name("init watch".to_owned())
            .spawn(move || {
                if wait.recv_timeout(INIT_PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                    tracing::error!(
                        extension = %name,
                        "init has not returned for {INIT_PATIENCE:?}: the host waits for it and serves nothing yet"
                    );
                }
            });
        InitWatch { _over: over }
    }
}
