//! Tells a service manager such as systemd what the host does, if one has asked for it (`NOTIFY_SOCKET`, `WATCHDOG_USEC`).

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The service manager that has started the host, or none.
pub(super) struct ServiceManager {
    /// Ticks when it wants to know that the host still runs.
    watchdog: Option<Interval>,
    is_stopping: bool,
}

impl ServiceManager {
    /// Returns the one that this process was started by. Needs a tokio runtime.
    pub(super) fn of_this_process() -> Self {
        let watchdog = sd_notify::watchdog_enabled().map(|longest| {
            // As its manual advises.
            let mut interval = interval((longest / 2).max(Duration::from_millis(1)));
            interval.set_missed_tick_behavior(MissedTickBehavior::Skip);
            interval
        });
        ServiceManager {
            watchdog,
            is_stopping: false,
        }
    }

    /// The host serves: for the first time, or as it is now after a reload.
    pub(super) fn ready(&self) {
        // A reload may end while the host stops.
        if !self.is_stopping {
            notify(&[NotifyState::Ready]);
        }
    }

    /// The host reads its app again.
    pub(super) fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => notify(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!("the service manager is not told of the reload: {error}"),
        }
    }

    /// The host stops.
    pub(super) fn stopping(&mut self) {
        self.is_stopping = true;
        notify(&[NotifyState::Stopping]);
    }

    /// Tells it in time, again and again, that the host still runs. Cancel-safe.
    pub(super) async fn keep_informed(&mut self) -> std::convert::Infallible {
        let Some(watchdog) = &mut self.watchdog else {
            return std::future::pending().await;
        };
        loop {
            watchdog.tick().await;
            notify(&[NotifyState::Watchdog]);
        }
    }
}

/// Without a service manager, this does nothing.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!("the service manager cannot be reached: {error}");
    }
}
