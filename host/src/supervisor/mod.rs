//! The supervisor: binds the port, runs the worker processes, restarts those that die, and ends them. It serves no
//! requests itself.
//!
//! In order: signals, port, interpreter (and the app's environment), workers. Each worker has a slot (`slot`). This
//! file sets the phase of all slots and handles their events.

mod backoff;
mod changes;
mod dispatcher;
mod emulator;
mod ending;
mod environment;
mod error;
mod functions;
mod handover;
mod heartbeat;
mod limits;
mod listener;
mod options;
mod pace;
mod phase;
mod pid_file;
mod relay;
mod reload;
mod service_manager;
mod slot;
mod starting;
mod time;
mod worker_process;
mod worker_spec;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use self::changes::Changes;
use self::dispatcher::Dispatcher;
use self::emulator::{Emulator, EmulatorNeeds, EmulatorReady};
use self::ending::Ending;
pub use self::error::SupervisorError;
use self::functions::SlotFunctions;
pub use self::limits::Limits;
pub use self::listener::Listen;
pub use self::options::Options;
use self::phase::{Phase, SlotEvent, SlotExit};
use self::pid_file::PidFile;
use self::relay::PeerRelay;
use self::reload::Reload;
use self::service_manager::ServiceManager;
use self::slot::Slot;
use self::worker_spec::WorkerSpec;
pub use self::worker_spec::site_packages;
use crate::app::App;
use crate::control::{Loads, Ready};
use crate::logging::Recent;
use crate::model::HostAddress;
use crate::sys::{HostSignal, HostSignals};
use crate::triggers::events::EventSetup;
use crate::triggers::sources::Sources;

/// The number of orders that may wait until a slot takes them.
const QUEUED_ORDERS: usize = 64;

/// How long triggers may take to end after the last worker: to give back what they hold.
const LAST_EVENTS: Duration = Duration::from_secs(5);

/// What [`run`] reports while it runs.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The first worker is ready; the others serve the same.
    FirstReady {
        /// The bound address.
        address: &'a HostAddress,
        /// What is served.
        ready: &'a Ready,
    },
    /// Every worker is ready, for the first time.
    AllReady,
    /// The statistics of a worker's extensions, when it stops.
    Statistics {
        /// Which worker.
        worker: u32,
        /// The statistics.
        statistics: &'a Value,
    },
}

/// How the host ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// After a signal; all workers have finished their work.
    Clean,
    /// After a signal; a worker did not finish in time, or failed.
    Forced,
    /// At once, by the signal with this number: while starting, or by a second signal.
    Signalled(u8),
}

impl Stopped {
    /// Returns the exit status of the program.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Forced => 1,
            Self::Signalled(number) => 128 + number,
        }
    }
}

/// Runs the host until SIGINT, SIGTERM or SIGQUIT, until `end` is ready, or until no worker can be started. At SIGHUP it reads the options with
/// `reread` and replaces its workers one after the other; an error is logged, and the workers stay as they are.
///
/// Takes over these signals for the whole process. Needs a tokio runtime with I/O and time. `report` must not block.
pub async fn run(
    options: Options,
    reread: impl Fn() -> Result<Options, String> + Send + Sync + 'static,
    mut report: impl FnMut(Progress<'_>),
    end: impl Future<Output = ()>,
) -> Result<Stopped, SupervisorError> {
    let mut signals = HostSignals::new().map_err(SupervisorError::Signals)?;
    let bound = listener::bind(&options.listen)?;
    let address = bound.listen().address();
    let listen = bound.listen().clone();
    let options = Options { listen, ..options };
    let _pid_file = options.pid_file.as_deref().map(PidFile::write).transpose()?;
    // What changes while the app is prepared counts already.
    let mut changes = watch(&options);
    let loads = Arc::new(Loads::new().map_err(SupervisorError::SharedMemory)?);
    // Such as under a limit for the size of files. Calls need none of it.
    if let Err(error) = Recent::begin() {
        tracing::warn!("funcdock logs has nothing to show: cannot make the memory for records: {error}");
    }
    let mut preparing = std::pin::pin!(WorkerSpec::prepare(&options, &loads));
    let prepared = loop {
        tokio::select! {
            spec = preparing.as_mut() => break spec,
            signal = signals.next() => match signal {
                HostSignal::Stop(number) => return Ok(Stopped::Signalled(number)),
                // The app is being read.
                HostSignal::Reload => {}
            }
        }
    };

    let spec = Arc::new(prepared?);
    let (phase, watched) = watch::channel(Phase::Serving(bound));
    let (sender, mut events) = mpsc::unbounded_channel();
    let mut slots = JoinSet::new();
    let (mut queues, mut call_queues) = (Vec::new(), Vec::new());
    let turns = Arc::new(Semaphore::new(1));
    let ready = Arc::new(AtomicU32::new(0));
    for index in 0..options.workers {
        let (queue, orders) = mpsc::channel(QUEUED_ORDERS);
        queues.push(queue);
        let (call_queue, calls) = mpsc::unbounded_channel();
        call_queues.push(call_queue);
        let (phase, events) = (watched.clone(), sender.clone());
        let slot = Slot {
            spec: Arc::clone(&spec),
            ending: Ending {
                index,
                phase,
                events,
                starts: Arc::default(),
            },
            functions: SlotFunctions::default(),
            orders,
            calls,
            ready: Arc::clone(&ready),
            turns: Arc::clone(&turns),
            retired: JoinSet::new(),
        };
        slots.spawn(slot.run());
    }
    drop((watched, sender));
    let mut reload = Reload::new(options.clone(), reread, Arc::clone(&loads), queues.clone());

    let mut been_ready = BTreeSet::new();
    let mut relay = PeerRelay::new(queues);
    let mut dispatcher = Dispatcher::new(call_queues);
    let (pending, mut pending_calls) = mpsc::unbounded_channel();
    let mut sources = Sources::new(pending);
    let mut emulator = Emulator::default();
    // The functions that events call, and the connections of bindings, as the last worker that became ready has them.
    let (mut event_functions, mut connections) = (Vec::new(), BTreeSet::new());
    let mut manager = ServiceManager::of_this_process();
    let mut outcome = Ok(Stopped::Clean);
    let mut end = std::pin::pin!(end);
    let mut is_ended = false;
    loop {
        tokio::select! {
            // Events first, so that none is left when the last slot ends.
            biased;
            Some(event) = events.recv() => match event {
                SlotEvent::Ready(worker, ready) if been_ready.contains(&worker) => {
                    relay.add(worker);
                    dispatcher.add(worker, ready.threads);
                    tracing::info!("worker {worker} is back");
                }
                SlotEvent::Ready(worker, ready) => {
                    relay.add(worker);
                    dispatcher.add(worker, ready.threads);
                    event_functions.clone_from(&ready.events);
                    connections.clone_from(&ready.connections);
                    if been_ready.is_empty() {
                        report(Progress::FirstReady { address: &address, ready: &ready });
                    }
                    been_ready.insert(worker);
                    if been_ready.len() == options.workers as usize {
                        manager.ready();
                        report(Progress::AllReady);
                        if options.events {
                            emulator.prepare(EmulatorNeeds::new(reload.options(), &connections, &event_functions));
                        }
                    }
                }
                SlotEvent::Replaced(ready) => (event_functions, connections) = (ready.events, ready.connections),
                SlotEvent::Exited(worker) => {
                    relay.remove(worker);
                    dispatcher.remove(worker);
                }
                SlotEvent::PeerRequest { asker, id, question } => relay.request(asker, id, question),
                SlotEvent::PeerReply { worker, asker, id, reply } => relay.reply(worker, asker, id, reply),
                SlotEvent::Statistics(worker, statistics) => {
                    report(Progress::Statistics { worker, statistics: &statistics });
                }
            },
            Some(call) = pending_calls.recv() => dispatcher.dispatch(call),
            () = dispatcher.ended() => dispatcher.hand_out(),
            signal = signals.next() => match signal {
                HostSignal::Reload => {
                    manager.reloading();
                    reload.begin();
                }
                HostSignal::Stop(number) => if begin_drain(&phase, options.drain_timeout) {
                    end_events(&mut sources, &mut dispatcher, &mut emulator);
                    manager.stopping();
                    tracing::info!("stopping; a second signal stops at once");
                } else {
                    phase.send_replace(Phase::Killing);
                    outcome = outcome.and(Ok(Stopped::Signalled(number)));
                }
            },
            () = &mut end, if !is_ended => {
                is_ended = true;
                begin_drain(&phase, options.drain_timeout);
                end_events(&mut sources, &mut dispatcher, &mut emulator);
            }
            files = changed(&mut changes) => {
                let names = files.iter().map(|file| file.strip_prefix(&options.app.root).unwrap_or(file).display());
                let names: Vec<_> = names.map(|name| name.to_string()).collect();
                tracing::info!("changed: {}", names.join(", "));
                changes::remove_bytecode(&files);
                manager.reloading();
                reload.begin();
            }
            () = reload.step() => {
                manager.ready();
                if options.events && !is_stopping(&phase) {
                    emulator.prepare(EmulatorNeeds::new(reload.options(), &connections, &event_functions));
                }
                if let Some(changes) = &mut changes {
                    let app = &reload.options().app;
                    changes.follow(&app.root, libraries(app));
                }
            }
            EmulatorReady { is_default_missing } = emulator.ready() => {
                let Options { app, settings, .. } = reload.options();
                let setup = EventSetup::new(app, settings, !is_default_missing);
                sources.serve(event_functions.clone(), setup);
            }
            never = manager.keep_informed() => match never {},
            ended = slots.join_next() => match ended {
                None => {
                    sources.ended(LAST_EVENTS).await;
                    // After a second signal, it is killed.
                    if !matches!(outcome, Ok(Stopped::Signalled(_))) {
                        emulator.stop().await;
                    }
                    return outcome;
                }
                Some(Ok(SlotExit::Clean)) => {}
                Some(Ok(SlotExit::Forced)) => {
                    if let Ok(stopped @ Stopped::Clean) = &mut outcome {
                        *stopped = Stopped::Forced;
                    }
                }
                Some(Ok(SlotExit::Failed(error))) => {
                    if outcome.is_ok() {
                        outcome = Err(error);
                    }
                    begin_drain(&phase, options.drain_timeout);
                    end_events(&mut sources, &mut dispatcher, &mut emulator);
                }
                // Slots are never aborted, so this is a panic.
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            }
        }
    }
}

/// Watches the app, if it is to be reloaded. A failure is logged.
fn watch(options: &Options) -> Option<Changes> {
    let watched = options
        .reload
        .then(|| Changes::watch(&options.app.root, libraries(&options.app)))?;
    watched
        .inspect_err(|error| {
            tracing::warn!("changes of the app are not noticed: {error}; SIGHUP reads it again")
        })
        .ok()
}

/// Returns the libraries that host.json names.
fn libraries(app: &App) -> Vec<PathBuf> {
    let extensions = app.host.worker_extensions.iter();
    extensions
        .filter_map(|extension| extension.library.clone())
        .collect()
}

/// Waits for changes of the app's files; without a watch, forever. Cancel-safe.
async fn changed(changes: &mut Option<Changes>) -> Vec<PathBuf> {
    match changes {
        Some(changes) => changes.next().await,
        None => std::future::pending().await,
    }
}

/// Has events start no more calls.
fn end_events(sources: &mut Sources, dispatcher: &mut Dispatcher, emulator: &mut Emulator) {
    emulator.cancel();
    sources.stop();
    dispatcher.close();
}

/// Whether the host ends.
fn is_stopping(phase: &watch::Sender<Phase>) -> bool {
    !matches!(*phase.borrow(), Phase::Serving(_))
}

/// Has the slots drain and closes our listening socket. Returns whether they were serving until now.
fn begin_drain(phase: &watch::Sender<Phase>, time: Duration) -> bool {
    phase.send_if_modified(|phase| {
        let serving = matches!(phase, Phase::Serving(_));
        if serving {
            // Before a worker is told to drain.
            if let Some(recent) = Recent::get() {
                recent.stop();
            }
            *phase = Phase::Draining(Instant::now() + time);
        }
        serving
    })
}
