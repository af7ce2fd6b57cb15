//! Reads the app again and replaces the workers, one after the other: as long as one of the new ones does not start, the
//! others stay as they are.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;

use super::Options;
use super::slot::{SlotOrder, with_causes};
use super::worker_spec::WorkerSpec;
use crate::control::Loads;

/// The reloads of a host.
pub(super) struct Reload<F> {
    /// The options of the workers: those that the host was started with, or those of the last reload.
    options: Options,
    reread: Arc<F>,
    loads: Arc<Loads>,
    slots: Vec<Sender<SlotOrder>>,
    running: Option<Running>,
    /// Whether another reload was asked for meanwhile.
    again: bool,
}

/// A reload that runs. Returns the options of the workers.
type Running = Pin<Box<dyn Future<Output = Result<Options, Failure>>>>;

/// Why some workers, or all, are as before.
struct Failure {
    reason: String,
    /// The number of workers that were replaced.
    replaced: usize,
}

impl From<String> for Failure {
    fn from(reason: String) -> Self {
        Failure { reason, replaced: 0 }
    }
}

impl<F: Fn() -> Result<Options, String> + Send + Sync + 'static> Reload<F> {
    /// Returns the reloads of these slots.
    pub(super) fn new(options: Options, reread: F, loads: Arc<Loads>, slots: Vec<Sender<SlotOrder>>) -> Self {
        Reload {
            options,
            reread: Arc::new(reread),
            loads,
            slots,
            running: None,
            again: false,
        }
    }

    /// Begins a reload. While one runs, another one follows it: it may have read the app before the last change.
    pub(super) fn begin(&mut self) {
        if self.running.is_some() {
            self.again = true;
            return;
        }
        tracing::info!("reading the app again");
        self.running = Some(Box::pin(reload(
            self.options.clone(),
            Arc::clone(&self.reread),
            Arc::clone(&self.loads),
            self.slots.clone(),
        )));
    }

    /// Returns the options of the workers.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Drives the running reload to its end. Without one it never returns. Cancel-safe.
    pub(super) async fn step(&mut self) {
        let Some(running) = &mut self.running else {
            return std::future::pending().await;
        };
        match running.as_mut().await {
            Ok(options) => {
                tracing::info!("all workers serve the app as it is now");
                self.options = options;
            }
            Err(Failure { reason, replaced: 0 }) => {
                tracing::error!("{reason}\nthe app is served as it was before");
            }
            Err(Failure { reason, replaced }) => tracing::error!(
                "{reason}\n{replaced} of {} workers serve the app as it is now, the others as it was before",
                self.options.workers
            ),
        }
        self.running = None;
        if std::mem::take(&mut self.again) {
            self.begin();
        }
    }
}

async fn reload<F>(
    old: Options,
    reread: Arc<F>,
    loads: Arc<Loads>,
    slots: Vec<Sender<SlotOrder>>,
) -> Result<Options, Failure>
where
    F: Fn() -> Result<Options, String> + Send + Sync + 'static,
{
    // It reads files, which may be slow.
    let read = tokio::task::spawn_blocking(move || reread()).await;
    let new = read.map_err(|error| format!("the app cannot be read: {error}"))??;
    for (name, differs) in [
        ("the port or address", !new.listen.is_at(&old.listen)),
        ("the number of workers", new.workers != old.workers),
    ] {
        if differs {
            tracing::warn!("{name} has changed, which needs a restart of the host");
        }
    }
    let new = Options {
        listen: old.listen,
        workers: old.workers,
        ..new
    };
    let spec = WorkerSpec::prepare(&new, &loads)
        .await
        .map_err(|error| with_causes(&error))?;
    let spec = Arc::new(spec);
    for (count, slot) in slots.into_iter().enumerate() {
        let stops = || Failure {
            reason: "the host stops".to_owned(),
            replaced: count,
        };
        let (replacing, replaced) = oneshot::channel();
        let order = SlotOrder::Replace(Arc::clone(&spec), replacing);
        if slot.send(order).await.is_err() {
            return Err(stops());
        }
        match replaced.await {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => {
                let reason = with_causes(&reason);
                return Err(Failure {
                    reason,
                    replaced: count,
                });
            }
            Err(_) => return Err(stops()),
        }
    }
    Ok(new)
}
