//! Ends the making of a package at a signal, so that nothing is left of it.

use std::io::{self, Read};

use anyhow::{Context as _, Result, anyhow};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Whether a signal has come: SIGINT or SIGTERM.
#[derive(Clone)]
pub(super) struct Interrupt(CancellationToken);

impl Interrupt {
    /// Takes over these signals for the rest of the process.
    pub(super) fn new() -> Result<Self> {
        let token = CancellationToken::new();
        let waiter = token.clone();
        let runtime = event_loop()?;
        let (mut interrupt, mut terminate) = {
            let _runtime = runtime.enter();
            let take = |kind| signal(kind).context("cannot take over signals");
            (take(SignalKind::interrupt())?, take(SignalKind::terminate())?)
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                    }
                });
                waiter.cancel();
            })
            .context("cannot start a thread")?;
        Ok(Interrupt(token))
    }

    /// Fails if a signal has come.
    pub(super) fn check(&self) -> Result<()> {
        match self.0.is_cancelled() {
            true => Err(interrupted()),
            false => Ok(()),
        }
    }

    /// Runs this on an event loop; fails as soon as a signal comes.
    pub(super) fn run<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        event_loop()?.block_on(async {
            tokio::select! {
                done = work => Ok(done),
                () = self.0.cancelled() => Err(interrupted()),
            }
        })
    }

    /// Returns a reader of the same that fails after a signal.
    pub(super) fn reading<R: Read>(&self, reader: R) -> Reading<'_, R> {
        Reading {
            reader,
            interrupt: self,
        }
    }
}

/// See [`Interrupt::reading`].
pub(super) struct Reading<'a, R> {
    reader: R,
    interrupt: &'a Interrupt,
}

impl<R: Read> Read for Reading<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupt.check().map_err(io::Error::other)?;
        self.reader.read(into)
    }
}

fn interrupted() -> anyhow::Error {
    anyhow!("interrupted: nothing is made")
}

fn event_loop() -> Result<Runtime> {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.context("cannot start the event loop")
}
