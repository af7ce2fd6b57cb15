//! The timer trigger: calls a function at the times of its schedule.
//!
//! The rules are those of the reference: a call that was missed while no host ran is made up for at the next start, once, if
//! the schedule is monitored. Times that pass while a call still runs are skipped. One host at a time calls a function at its
//! times (see `state`).

mod state;

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::events::{CallsEnd, EventCalls, EventSetup};
use crate::model::schedule::{Schedule, Timestamp, Zone};
use crate::model::{Event, EventData, EventFunction, TimerTrigger};
use state::{HeldLock, Lock, Status, StatusStore};

/// The longest time to sleep at once: the system's clock may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(20);

/// How many of a timer's next times the log has when it says more than one.
const TIMES_LOGGED: usize = 5;

/// How often a call is made whose worker died.
const ATTEMPTS: u32 = 3;

/// Says where the timers of the app keep what its hosts must know, as that decides what several hosts may do.
pub(super) fn log_place_of_state(setup: &mut EventSetup) {
    match (&setup.timer_container, setup.connections.get("")) {
        (Some(_), Ok(connection)) => tracing::info!(
            "of all hosts of the app {:?}, one calls a timer at its times: their locks and times are in {}",
            setup.settings.host_id,
            connection.description()
        ),
        _ => tracing::info!(
            "of the hosts on this machine, one calls a timer at its times; if other machines run the app, too, set \
             AzureWebJobsStorage to one storage account for all of them"
        ),
    }
}

/// A timer.
struct Timer {
    function: EventFunction,
    schedule: Schedule,
    zone: Zone,
    calls: EventCalls,
    /// Where the last call is remembered; `None` if the schedule is not monitored.
    store: Option<StatusStore>,
    status: Option<Status>,
}

/// Returns what calls this function at its times, until `calls` stops.
///
/// # Errors
/// Why it cannot be called: a message for the user.
pub(super) fn run(
    function: EventFunction,
    settings: TimerTrigger,
    calls: EventCalls,
    setup: &EventSetup,
) -> Result<impl Future<Output = ()> + Send + use<>, String> {
    let is_monitored = settings
        .use_monitor
        .unwrap_or_else(|| !settings.schedule.is_below_a_minute());
    let mut lock = Lock::new(setup, &function.name)?;
    let store = is_monitored.then(|| StatusStore::new(setup, &function.name));
    let mut timer = Timer {
        store: store.transpose()?,
        function,
        schedule: settings.schedule,
        zone: setup.settings.zone.clone(),
        calls,
        status: None,
    };
    timer.log_next_times();
    Ok(async move {
        let mut run_on_startup = settings.run_on_startup;
        while let Some(held) = lock.acquire(&timer.calls).await {
            timer.catch_up(run_on_startup, &held).await;
            timer.go_on(&held).await;
            held.release().await;
            run_on_startup = false;
            if timer.calls.is_stopping() {
                break;
            }
        }
    })
}

impl Timer {
    /// Says when the function is called next. That there is no time is said when it counts.
    fn log_next_times(&self) {
        let after = |time: &Timestamp| self.schedule.next_after(*time, &self.zone);
        let times = std::iter::successors(after(&Timestamp::now()), after);
        let times: Vec<_> = times
            .take(TIMES_LOGGED)
            .map(|time| self.zone.local_text(time))
            .collect();
        let Some(next) = times.first() else {
            return;
        };
        let (name, zone) = (&self.function.name, self.zone.name());
        tracing::info!(
            "function {name:?}: its schedule {} is next at {next} ({zone})",
            self.schedule
        );
        tracing::debug!(
            "function {name:?}: its next times are {} ({zone})",
            times.join(", ")
        );
    }

    /// Makes up for a call that was missed, or makes the call of the start.
    async fn catch_up(&mut self, run_on_startup: bool, held: &HeldLock) {
        if let Some(store) = &mut self.store {
            self.status = tokio::select! {
                status = store.read() => status,
                () = held.lost() => return,
                () = self.calls.stopping() => return,
            };
        }
        let now = Timestamp::now();
        let missed = self.status.as_ref().and_then(|status| status.last).map(|last| {
            let next = self.schedule.next_after(last, &self.zone);
            next.is_some_and(|next| next < now)
        });
        if missed == Some(true) {
            tracing::info!(
                "function {:?}: its last call is past due, as no host ran at that time; calling it now",
                self.function.name
            );
            self.call(now, true, held).await;
        } else if run_on_startup {
            self.call(now, false, held).await;
        }
    }

    /// Makes the calls of the schedule, until the trigger is to end or the lock is lost.
    async fn go_on(&mut self, held: &HeldLock) {
        while !self.calls.is_stopping() && held.is_held() {
            let Some(next) = self.schedule.next_after(Timestamp::now(), &self.zone) else {
                tracing::warn!(
                    "function {:?} is never called again: its schedule {} has no time in the years to come",
                    self.function.name,
                    self.schedule
                );
                return self.calls.stopping().await;
            };
            if self.wait_until(next, held).await {
                self.call(next, false, held).await;
            }
        }
    }

    /// Waits until this time. Returns `false` if the trigger is to end before, or the lock is lost.
    async fn wait_until(&self, time: Timestamp, held: &HeldLock) -> bool {
        loop {
            let now = Timestamp::now();
            let Ok(left) = Duration::try_from(time.duration_since(now)) else {
                return true;
            };
            if left.is_zero() {
                return true;
            }
            tokio::select! {
                () = sleep(left.min(LONGEST_SLEEP)) => {}
                () = held.lost() => return false,
                () = self.calls.stopping() => return false,
            }
        }
    }

    /// Makes the call of this time, and remembers it. Does nothing without the lock.
    async fn call(&mut self, time: Timestamp, is_past_due: bool, held: &HeldLock) {
        if !held.is_held() {
            return;
        }
        let event = Event {
            function: self.function.name.clone(),
            data: EventData::Json(self.data(is_past_due)),
            ..Event::default()
        };
        match self.calls.make(&self.function, event, ATTEMPTS).await {
            CallsEnd::Succeeded | CallsEnd::Failed => {}
            // The next start makes up for it.
            CallsEnd::Interrupted => return,
            CallsEnd::WorkersEnded(times) => tracing::error!(
                "function {:?}: its worker ended in each of {times} calls; it is not called again before its next time",
                self.function.name
            ),
        }
        if let Some(store) = &mut self.store {
            let status = Status {
                last: Some(time),
                next: self.schedule.next_after(time, &self.zone),
                last_updated: Some(Timestamp::now()),
            };
            store.write(&status).await;
            self.status = Some(status);
        }
    }

    /// Returns the data of the trigger, as the reference has it.
    fn data(&self, is_past_due: bool) -> String {
        let text = |time: Option<Timestamp>| match time {
            Some(time) => self.zone.local_text(time),
            // .NET's time for none.
            None => "0001-01-01T00:00:00+00:00".to_owned(),
        };
        let status = self.store.as_ref().map(|_| {
            let status = self.status.clone().unwrap_or_else(|| Status {
                next: self.schedule.next_after(Timestamp::now(), &self.zone),
                ..Status::default()
            });
            json!({
                "Last": text(status.last),
                "Next": text(status.next),
                "LastUpdated": text(status.last_updated),
            })
        });
        json!({
            "Schedule": { "AdjustForDST": self.schedule.interval().is_none() },
            "ScheduleStatus": status,
            "IsPastDue": is_past_due,
        })
        .to_string()
    }
}
