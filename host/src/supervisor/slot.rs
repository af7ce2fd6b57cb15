//! A worker slot: starts a worker process, restarts it when it dies, replaces it when it is to be, and ends the last one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::SupervisorError;
use super::backoff::{Backoff, Next};
use super::dispatcher::WorkerCall;
use super::ending::Ending;
use super::functions::SlotFunctions;
use super::handover::{Handover, begin};
use super::heartbeat::Heartbeat;
use super::limits::{LimitWatch, ReachedLimit};
use super::pace::{Cause, Pace, PendingReplacement, REPLACEMENT_PAUSE};
use super::phase::{SlotEvent, SlotExit, stop};
use super::starting::{Purpose, Replacing, Started, Starting, Successor, start, started};
use super::worker_process::{WorkerEvent, WorkerProcess};
use super::worker_spec::WorkerSpec;
use crate::control::{SupervisorMessage, WorkerMessage};

/// The time between attempts to start a worker that failed again and again, while others serve.
const RETRY: Duration = Duration::from_secs(60);

/// How long a worker may take to say that it begins no more calls: longer than it gives requests to arrive.
const CLOSING: Duration = Duration::from_secs(1);

/// An order to a slot.
#[derive(Debug)]
pub(super) enum SlotOrder {
    /// Pass this message on to the worker.
    PassOn(SupervisorMessage),
    /// Replace the worker by one of this kind; say so once the one before begins no more calls.
    Replace(Arc<WorkerSpec>, Replacing),
}

/// One slot.
pub(super) struct Slot {
    pub(super) spec: Arc<WorkerSpec>,
    pub(super) ending: Ending,
    /// What its workers have loaded.
    pub(super) functions: SlotFunctions,
    pub(super) orders: mpsc::Receiver<SlotOrder>,
    /// The calls of the supervisor's triggers.
    pub(super) calls: mpsc::UnboundedReceiver<WorkerCall>,
    /// The number of slots whose worker is ready.
    pub(super) ready: Arc<AtomicU32>,
    /// The turn to replace a worker for a limit.
    pub(super) turns: Arc<Semaphore>,
    /// Predecessors that finish their calls.
    pub(super) retired: JoinSet<SlotExit>,
}

/// How one worker of a slot ended.
enum WorkerExit {
    /// The host stopped.
    Stopped(SlotExit),
    /// The worker died or could not be started.
    Died {
        /// How long it was ready; `None` if never.
        ready_for: Option<Duration>,
        reason: SupervisorError,
        /// The successor that starts already.
        successor: Option<Successor>,
    },
}

impl Slot {
    /// Keeps a worker running until the host stops serving.
    pub(super) async fn run(mut self) -> SlotExit {
        let exit = self.run_workers().await;
        let mut all_clean = true;
        while let Some(ended) = self.retired.join_next().await {
            all_clean &= matches!(ended, Ok(SlotExit::Clean));
        }
        match exit {
            SlotExit::Clean if !all_clean => SlotExit::Forced,
            exit => exit,
        }
    }

    async fn run_workers(&mut self) -> SlotExit {
        let index = self.ending.index;
        let mut backoff = Backoff::default();
        let mut starting = self.start();
        loop {
            let exit = self.run_worker(starting).await;
            self.ending.report(SlotEvent::Exited(index));
            // Another worker may make them sooner.
            while self.calls.try_recv().is_ok() {}
            let (ready_for, reason, successor) = match exit {
                WorkerExit::Stopped(exit) => return exit,
                WorkerExit::Died {
                    ready_for,
                    reason,
                    successor,
                } => (ready_for, reason, successor),
            };
            let next = backoff.died(ready_for, Instant::now());
            let text = with_causes(&reason);
            if let Some(successor) = successor {
                tracing::error!("{text}; its successor starts already");
                if let Purpose::Order(replacing) = successor.purpose {
                    tell(Some(replacing));
                }
                self.spec = successor.spec;
                starting = successor.starting;
                continue;
            }
            let delay = match next {
                Next::Restart(delay) => delay,
                Next::GiveUp(_) if self.ready.load(Ordering::Relaxed) > 0 => RETRY,
                Next::GiveUp(1) => return SlotExit::Failed(reason),
                Next::GiveUp(times) => {
                    let last = Box::new(reason);
                    return SlotExit::Failed(SupervisorError::GaveUp {
                        worker: index,
                        times,
                        last,
                    });
                }
            };
            match delay {
                Duration::ZERO => tracing::error!("{text}; starting another one"),
                RETRY => {
                    tracing::error!("{text}; the other workers serve, and the next attempt is in {RETRY:?}")
                }
                _ => tracing::error!("{text}; starting another one in {delay:?}"),
            }
            tokio::select! {
                () = sleep(delay) => {}
                () = stop(&mut self.ending.phase) => return SlotExit::Clean,
            }
            starting = self.start();
        }
    }

    /// Starts a worker without a predecessor. Nobody serves better meanwhile, so a function may fail, as at the first start.
    fn start(&self) -> Starting {
        start(self.ending.clone(), Arc::clone(&self.spec), BTreeSet::new())
    }

    /// Runs one worker, and those that replace it, until one dies or the host stops.
    async fn run_worker(&mut self, starting: Starting) -> WorkerExit {
        let (worker, ready) = match starting.await {
            Started::Ready(worker, ready) => (*worker, ready),
            Started::Stopped(exit) => return WorkerExit::Stopped(exit),
            Started::Failed(reason) => {
                return WorkerExit::Died {
                    ready_for: None,
                    reason,
                    successor: None,
                };
            }
        };
        self.functions.serve(&ready);
        // The messages were for its predecessor. A worker of another kind is still to come.
        let mut successor = None;
        while let Ok(order) = self.orders.try_recv() {
            if let SlotOrder::Replace(spec, replacing) = order {
                successor = Some(self.successor(spec, Purpose::Order(replacing)));
            }
        }
        tracing::debug!("worker {} (pid {}) is ready", self.ending.index, worker.pid());
        self.ending.report(SlotEvent::Ready(self.ending.index, ready));
        self.ready.fetch_add(1, Ordering::Relaxed);
        let exit = self.serve(worker, successor).await;
        self.ready.fetch_sub(1, Ordering::Relaxed);
        exit
    }

    async fn serve(&mut self, mut worker: WorkerProcess, mut successor: Option<Successor>) -> WorkerExit {
        let mut since = Instant::now();
        let mut heartbeat = Heartbeat::new(self.spec.heartbeat_timeout);
        let index = self.ending.index;
        let mut limits = LimitWatch::new(worker.pid(), worker.limits());
        let mut pace = Pace::new(since);
        let mut pending = self.lost_functions(&mut pace);
        // Resolves when the worker may take requests.
        let mut handover = Some(Handover::now());
        // Who waits for that. A reload waits for one worker at a time.
        let mut replaced: Option<Replacing> = None;
        let reason = loop {
            tokio::select! {
                event = worker.next_event() => match event {
                    WorkerEvent::Message(WorkerMessage::Pong) => heartbeat.answered(),
                    WorkerEvent::Message(WorkerMessage::Unhealthy(_)) => {
                        let at = pace.of_unhealthy(Instant::now());
                        pending = Some(PendingReplacement { at, cause: Cause::Unhealthy });
                    }
                    WorkerEvent::Message(WorkerMessage::RequestLimitReached) => {
                        let reached = ReachedLimit::Requests(worker.limits().requests.unwrap_or_default());
                        pace.add_limit(&mut pending, index, reached);
                    }
                    WorkerEvent::Message(message) => self.ending.handle(message),
                    WorkerEvent::ChannelClosed(error) => break worker.channel_error(error, true).await,
                    WorkerEvent::Exited(status) => break worker.exit_error(status, true),
                },
                () = begin(&mut handover) => {
                    handover = None;
                    if let Err(reason) = worker.pass_on(&SupervisorMessage::Serve).await {
                        break reason;
                    }
                    tell(replaced.take());
                }
                Some(order) = self.orders.recv() => match order {
                    SlotOrder::PassOn(message) => if let Err(reason) = worker.pass_on(&message).await {
                        break reason;
                    },
                    SlotOrder::Replace(spec, replacing) => {
                        // If this one does not start, the worker is still to be replaced for what it was before.
                        if let Some(Successor { purpose: Purpose::Cause(cause), .. }) = successor {
                            pending = Some(PendingReplacement { at: Instant::now(), cause });
                        }
                        successor = Some(self.successor(spec, Purpose::Order(replacing)));
                    }
                },
                Some(call) = self.calls.recv() => if let Err(reason) = worker.call(call).await {
                    break reason;
                },
                ping = heartbeat.next() => {
                    let alive = match ping {
                        Ok(()) => worker.pass_on(&SupervisorMessage::Ping).await,
                        Err(silent_for) => Err(worker.silent_error(silent_for)),
                    };
                    if let Err(reason) = alive {
                        break reason;
                    }
                }
                reached = limits.reached() => pace.add_limit(&mut pending, index, reached),
                (cause, turn) = PendingReplacement::turn(&mut pending, &self.turns), if successor.is_none() => {
                    let next = self.successor(Arc::clone(&self.spec), Purpose::Cause(cause));
                    successor = Some(next.with_turn(turn));
                }
                started = started(&mut successor) => {
                    let Some(Successor { spec, purpose, .. }) = successor.take() else { continue };
                    match started {
                        Started::Ready(next, ready) => {
                            self.functions.serve(&ready);
                            self.ending.report(SlotEvent::Replaced(ready));
                            let predecessor = std::mem::replace(&mut worker, *next);
                            let closed = self.retire(predecessor, &worker, &purpose);
                            handover = Some(closed.after(handover.take()));
                            self.spec = spec;
                            heartbeat = Heartbeat::new(self.spec.heartbeat_timeout);
                            since = Instant::now();
                            limits = LimitWatch::new(worker.pid(), worker.limits());
                            pace.replaced(since);
                            pending = self.lost_functions(&mut pace);
                            if let Purpose::Order(replacing) = purpose {
                                replaced = Some(replacing);
                            }
                        }
                        Started::Failed(reason) => match purpose {
                            Purpose::Order(replacing) => drop(replacing.send(Err(reason))),
                            Purpose::Cause(cause) => {
                                let pause = match cause {
                                    Cause::Unhealthy => REPLACEMENT_PAUSE,
                                    // It still serves well.
                                    Cause::Limit(_) => RETRY,
                                    Cause::LostFunctions => pace.of_lost(),
                                };
                                tracing::error!("{}; the next attempt is in {pause:?}", with_causes(&reason));
                                pending = Some(PendingReplacement { at: Instant::now() + pause, cause });
                            }
                        },
                        // The phase has changed, which ends this loop.
                        Started::Stopped(_) => {}
                    }
                }
                () = stop(&mut self.ending.phase) => {
                    if let Some(Successor { starting, .. }) = successor {
                        self.retired.spawn(async move {
                            match starting.await {
                                Started::Stopped(exit) => exit,
                                _ => SlotExit::Clean,
                            }
                        });
                    }
                    return WorkerExit::Stopped(self.ending.clone().drain(worker, None, None).await);
                }
            }
        };
        worker.kill().await;
        // The next one is of its kind.
        tell(replaced);
        WorkerExit::Died {
            ready_for: Some(since.elapsed()),
            reason,
            successor,
        }
    }

    /// Starts a successor of the worker that serves. It must load what that one has loaded: else that one is better.
    fn successor(&self, spec: Arc<WorkerSpec>, purpose: Purpose) -> Successor {
        let must_load = match purpose {
            Purpose::Cause(Cause::LostFunctions) => self.functions.known(),
            _ => self.functions.loaded(),
        };
        Successor::start(&self.ending, spec, must_load, purpose)
    }

    /// Has the worker replaced soon if it could not load what an earlier one had loaded: what was missing may be back then.
    fn lost_functions(&self, pace: &mut Pace) -> Option<PendingReplacement> {
        let Some(names) = self.functions.lost() else {
            pace.forget_lost();
            return None;
        };
        let pause = pace.of_lost();
        tracing::error!(
            "worker {} has not loaded what an earlier one had: {names}; another worker starts in {pause:?}, and takes over if \
             it can load that",
            self.ending.index
        );
        Some(PendingReplacement {
            at: Instant::now() + pause,
            cause: Cause::LostFunctions,
        })
    }

    /// Has a worker finish its calls while its successor serves. Returns when the successor may begin to.
    fn retire(
        &mut self,
        predecessor: WorkerProcess,
        successor: &WorkerProcess,
        purpose: &Purpose,
    ) -> Handover {
        let index = self.ending.index;
        let why = match purpose {
            Purpose::Cause(Cause::Limit(reached)) => format!(", as it {reached}"),
            Purpose::Cause(Cause::LostFunctions) => ", as its successor could load all functions".to_owned(),
            Purpose::Cause(Cause::Unhealthy) | Purpose::Order(_) => String::new(),
        };
        tracing::info!(
            "worker {index} is replaced{why}: pid {} serves, and pid {} finishes its calls",
            successor.pid(),
            predecessor.pid()
        );
        while self.retired.try_join_next().is_some() {}
        let deadline = Instant::now() + self.spec.drain_timeout;
        let (closed, was_closed) = oneshot::channel();
        let ending = self.ending.clone();
        self.retired
            .spawn(ending.drain(predecessor, Some(deadline), Some(closed)));
        Handover::when(async move {
            // The sender is dropped when it closes, or ends in another way.
            let _ = timeout(CLOSING, was_closed).await;
        })
    }
}

/// Tells who waits for it, if somebody does, that the worker before begins no more calls.
fn tell(waits: Option<Replacing>) {
    if let Some(waits) = waits {
        // Nobody waits any more if the host stops.
        let _ = waits.send(Ok(()));
    }
}

/// Returns an error and all its causes on one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
