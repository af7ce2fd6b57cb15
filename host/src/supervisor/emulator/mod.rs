//! The storage emulator, for apps in development: where an app's settings name it, and nothing listens there, the host starts
//! Azurite, and ends it with itself.
//!
//! Which functions an app has is known when a worker is ready, and triggers are served when the emulator is. Requests do not
//! wait for it.

mod azurite;
mod program;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::pin::Pin;

use funcdock_storage::EmulatorPorts;

use self::azurite::{Azurite, AzuriteError, FOLDER, is_listening, places, used};
use super::Options;
use crate::bindings::Connections;
use crate::model::{BindingSettings, EventFunction};
use crate::sys::describe_exit;

/// What an app needs of the emulator.
pub(super) struct EmulatorNeeds {
    root: PathBuf,
    /// Whether the host may start it.
    may_start: bool,
    /// The emulator that is the default storage account.
    default: Option<EmulatorPorts>,
    /// All emulators of connections, that of the default one first.
    emulators: Vec<EmulatorPorts>,
    has_timers: bool,
}

impl EmulatorNeeds {
    /// Returns what an app needs of which bindings have these connections, and events call these functions.
    pub(super) fn new(
        options: &Options,
        connections: &BTreeSet<String>,
        functions: &[EventFunction],
    ) -> Self {
        let is_timer =
            |function: &EventFunction| matches!(function.trigger.settings, BindingSettings::Timer(_));
        let has_timers = functions.iter().any(is_timer);
        let mut all = Connections::new(options.settings.clone());
        // What is wrong with a connection is said by what uses it.
        let mut ports = |name: &str| all.get(name).ok()?.local_emulator();
        let default = ports("").filter(|_| has_timers || !connections.is_empty());
        let mut emulators = Vec::from_iter(default);
        for name in connections {
            emulators.extend(ports(name).filter(|ports| !emulators.contains(ports)));
        }
        EmulatorNeeds {
            root: options.app.root.clone(),
            may_start: options.azurite,
            default,
            emulators,
            has_timers,
        }
    }
}

/// How a preparation ended.
#[derive(Debug)]
struct Prepared {
    started: Option<Azurite>,
    /// Whether nothing listens where the default storage account is expected.
    is_default_missing: bool,
    warnings: Vec<String>,
}

/// The emulator, if this host has started it.
#[derive(Default)]
pub(super) struct Emulator {
    running: Option<Azurite>,
    preparing: Option<Pin<Box<dyn Future<Output = Prepared>>>>,
    /// What to prepare after `preparing`.
    next: Option<EmulatorNeeds>,
    /// The warnings of the last preparation: a reload does not repeat them.
    warnings: Vec<String>,
}

/// The emulator is there, as far as it can be.
pub(super) struct EmulatorReady {
    /// Whether the default storage account is an emulator that is not there.
    pub(super) is_default_missing: bool,
}

impl Emulator {
    /// Begins to see to what an app needs. While that runs, a further one follows it.
    pub(super) fn prepare(&mut self, needs: EmulatorNeeds) {
        if self.preparing.is_some() {
            self.next = Some(needs);
        } else {
            self.preparing = Some(Box::pin(prepare(needs)));
        }
    }

    /// Gives up the preparation.
    pub(super) fn cancel(&mut self) {
        self.preparing = None;
        self.next = None;
    }

    /// Waits until a preparation has ended. Without one it never returns. Logs when the emulator ends by itself. Cancel-safe.
    pub(super) async fn ready(&mut self) -> EmulatorReady {
        loop {
            let prepared = tokio::select! {
                prepared = prepared(&mut self.preparing) => prepared,
                status = ended(&mut self.running) => {
                    let said = self.running.take().map(|azurite| azurite.last_lines()).unwrap_or_default();
                    tracing::error!(
                        "Azurite, the storage emulator that this host has started, {}; what needs it waits until it runs \
                         again: start it yourself, or this host again\n{said}",
                        describe_exit(status)
                    );
                    continue;
                }
            };
            self.preparing = None;
            if let Some(azurite) = prepared.started {
                self.running = Some(azurite);
            }
            for warning in &prepared.warnings {
                if !self.warnings.contains(warning) {
                    tracing::warn!("{warning}");
                }
            }
            self.warnings = prepared.warnings;
            match self.next.take() {
                Some(needs) => self.prepare(needs),
                None => {
                    return EmulatorReady {
                        is_default_missing: prepared.is_default_missing,
                    };
                }
            }
        }
    }

    /// Ends the emulator, if this host has started it.
    pub(super) async fn stop(self) {
        if let Some(azurite) = self.running {
            azurite.stop().await;
        }
    }
}

async fn prepared(preparing: &mut Option<Pin<Box<dyn Future<Output = Prepared>>>>) -> Prepared {
    match preparing {
        Some(preparing) => preparing.as_mut().await,
        None => std::future::pending().await,
    }
}

async fn ended(running: &mut Option<Azurite>) -> std::process::ExitStatus {
    match running {
        Some(azurite) => azurite.ended().await,
        None => std::future::pending().await,
    }
}

async fn prepare(needs: EmulatorNeeds) -> Prepared {
    let mut prepared = Prepared {
        started: None,
        is_default_missing: false,
        warnings: Vec::new(),
    };
    for ports in &needs.emulators {
        if is_listening(&used(*ports)).await {
            continue;
        }
        let started = if !needs.may_start {
            Err(AzuriteError::NotWanted)
        } else if prepared.started.is_some() {
            // The folder of the data is in use.
            Err(AzuriteError::Second)
        } else {
            Azurite::start(&needs.root, *ports).await
        };
        match started {
            Ok(azurite) => {
                tracing::info!(
                    "Azurite, the storage emulator, runs at {} with its data in {FOLDER} of the app",
                    places(&used(*ports))
                );
                prepared.started = azurite.or(prepared.started);
            }
            Err(error) => {
                let is_default = needs.default == Some(*ports);
                prepared.is_default_missing |= is_default;
                let timers = if is_default && needs.has_timers {
                    ", and timers keep their state in files of the app's folder"
                } else {
                    ""
                };
                prepared.warnings.push(format!(
                    "queues and blobs of the storage emulator do not work until it listens at {}{timers}: {error}",
                    places(&used(*ports))
                ));
            }
        }
    }
    prepared
}
