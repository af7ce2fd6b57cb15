//! The state of timers in the app's default storage account: blobs with the names and the content that Azure's host gives
//! them, so that it finds the status of a timer that ran here, and the other way round.

use std::time::Duration;

use bytes::Bytes;
use funcdock_storage::{Blob, Conditions, Container, StorageError, Upload};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;
use uuid::Uuid;

use super::Status;
use super::lease::{DURATION, HeldLease, Term};
use crate::model::schedule::{Timestamp, Zone};
use crate::triggers::events::EventCalls;
use crate::triggers::outage::Outage;

/// The time until the second attempt to get a lock: it may be the end of the timer that this one replaces.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// The time between two attempts to get a lock that another host has.
const PAUSE: Duration = Duration::from_secs(3);

/// The attempt at which it is said that another host has the lock.
const SAID_AT: u32 = 2;

/// The blob whose lease is the lock of a function.
pub(in crate::triggers::timer) struct LockBlob {
    function: String,
    container: Container,
    blob: Blob,
    /// The id of the lease, always the same one: a lease that was acquired, without a reply that arrived, can be acquired
    /// again.
    id: String,
    outage: Outage,
}

impl LockBlob {
    /// Returns the lock of the function with this name in the app with this id.
    pub(super) fn new(container: &Container, host_id: &str, function: &str) -> Result<Self, String> {
        let name = format!("locks/{host_id}/Host.Functions.{function}.Listener");
        Ok(LockBlob {
            function: function.to_owned(),
            container: container.clone(),
            blob: container.blob(&name).map_err(|error| error.to_string())?,
            id: Uuid::new_v4().to_string(),
            outage: outage(function),
        })
    }

    /// Waits until this timer has the lock; `None` if the trigger is to end before.
    pub(super) async fn acquire(&mut self, calls: &EventCalls) -> Option<HeldLease> {
        let mut waits = 0_u32;
        loop {
            let term = Term::begin();
            let acquired = tokio::select! {
                acquired = self.try_acquire() => acquired,
                // A lease that it is about to get expires.
                () = calls.stopping() => return None,
            };
            let pause = match acquired {
                Ok(true) => {
                    self.outage.ended();
                    let function = &self.function;
                    if waits >= SAID_AT {
                        tracing::info!("function {function:?}: this host calls it at its times from now on");
                    }
                    let holder = format!("function {function:?}: it is not called");
                    return Some(HeldLease::keep(self.blob.clone(), self.id.clone(), term, holder));
                }
                Ok(false) => {
                    self.outage.ended();
                    waits = waits.saturating_add(1);
                    if waits == SAID_AT {
                        tracing::info!(
                            "function {:?}: another host of this app calls it at its times, or a call still runs; this \
                             host takes over when that ends, or {DURATION:?} after it was killed",
                            self.function
                        );
                    }
                    if waits < SAID_AT { FIRST_PAUSE } else { PAUSE }
                }
                Err(error) => self.outage.failed(&error),
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = calls.stopping() => return None,
            }
        }
    }

    /// Returns whether this timer has the lock; `false` if another one has it.
    async fn try_acquire(&self) -> Result<bool, StorageError> {
        let mut acquired = self.blob.acquire_lease(Some(DURATION), Some(&self.id)).await;
        if let Err(StorageError::NotFound(_)) = acquired {
            self.create().await?;
            acquired = self.blob.acquire_lease(Some(DURATION), Some(&self.id)).await;
        }
        match acquired {
            Ok(_) => Ok(true),
            Err(StorageError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn create(&self) -> Result<(), StorageError> {
        self.container.create_if_missing().await?;
        let how = Upload {
            conditions: Conditions {
                if_missing: true,
                ..Conditions::default()
            },
            ..Upload::default()
        };
        match self.blob.upload(Bytes::new(), &how).await {
            Ok(_) => Ok(()),
            // Another host has made it meanwhile, and may have the lease already.
            Err(StorageError::Conflict(_) | StorageError::PreconditionFailed(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Returns what tells of a storage account that does not answer.
fn outage(function: &str) -> Outage {
    Outage::with_verb(
        format!("function {function:?}: the calls of its schedule"),
        "made",
    )
}

/// The blob with the status of a function.
pub(in crate::triggers::timer) struct StatusBlob {
    blob: Blob,
    zone: Zone,
    outage: Outage,
    /// Whether it was said already that it cannot be written.
    has_failed: bool,
}

impl StatusBlob {
    /// Returns the status of the function with this name in the app with this id. Times are written as those of `zone`.
    pub(super) fn new(
        container: &Container,
        host_id: &str,
        function: &str,
        zone: Zone,
    ) -> Result<Self, String> {
        let name = format!("timers/{host_id}/Host.Functions.{function}/status");
        Ok(StatusBlob {
            blob: container.blob(&name).map_err(|error| error.to_string())?,
            zone,
            outage: outage(function),
            has_failed: false,
        })
    }

    /// Reads the status; `None` if there is none.
    pub(super) async fn read(&mut self) -> Option<Status> {
        let content = loop {
            match self.blob.download().await {
                Ok(content) => break Some(content),
                Err(StorageError::NotFound(_)) => break None,
                Err(error) => sleep(self.outage.failed(&error)).await,
            }
        };
        self.outage.ended();
        let content = content?;
        parse(&content, &self.zone)
            .inspect_err(|error| {
                tracing::warn!(
                    "the blob {} cannot be read, so that a missed call of its timer is not made up for: {error}",
                    self.blob.name()
                );
            })
            .ok()
    }

    /// Writes the status.
    pub(super) async fn write(&mut self, status: &Status) {
        let how = Upload {
            content_type: Some("application/json".to_owned()),
            ..Upload::default()
        };
        if let Err(error) = self.blob.upload(format(status, &self.zone).into(), &how).await
            && !std::mem::replace(&mut self.has_failed, true)
        {
            tracing::warn!(
                "the blob {} cannot be written, so that a missed call of its timer is not made up for after a restart: \
                 {error}",
                self.blob.name()
            );
        }
    }
}

/// The content of the blob.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatusText {
    #[serde(default)]
    last: Option<String>,
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    last_updated: Option<String>,
}

/// .NET's time for none.
const NO_TIME: &str = "0001-01-01T00:00:00";

fn format(status: &Status, zone: &Zone) -> String {
    let text = |time: Option<Timestamp>| match time {
        Some(time) => zone.local_text(time),
        None => NO_TIME.to_owned(),
    };
    let text = StatusText {
        last: Some(text(status.last)),
        next: Some(text(status.next)),
        last_updated: Some(text(status.last_updated)),
    };
    // It has only texts, so that this is one of JSON in any case.
    serde_json::to_string(&text).unwrap_or_default()
}

fn parse(content: &[u8], zone: &Zone) -> Result<Status, String> {
    let text: StatusText = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    let time = |text: Option<String>| match text {
        // With an offset, or without one.
        Some(text) if !text.starts_with(NO_TIME) => zone
            .parse_local_text(&text)
            .map(Some)
            .map_err(|error| error.to_string()),
        _ => Ok(None),
    };
    Ok(Status {
        last: time(text.last)?,
        next: time(text.next)?,
        last_updated: time(text.last_updated)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Zone {
        Zone::named("Europe/Berlin").expect("a zone")
    }

    #[test]
    fn the_status_is_written_as_azures_host_writes_it() {
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        let status = Status {
            last: Some(time("2026-07-01T10:00:00Z")),
            next: Some(time("2026-12-01T10:00:00Z")),
            last_updated: Some(time("2026-07-01T10:00:00.125Z")),
        };
        let text = format(&status, &berlin());
        assert_eq!(
            text,
            r#"{"Last":"2026-07-01T12:00:00+02:00","Next":"2026-12-01T11:00:00+01:00","LastUpdated":"2026-07-01T12:00:00.125+02:00"}"#
        );
        assert_eq!(parse(text.as_bytes(), &berlin()), Ok(status));
        let none = format(&Status::default(), &berlin());
        assert!(none.contains(r#""Last":"0001-01-01T00:00:00""#), "{none}");
        assert_eq!(parse(none.as_bytes(), &berlin()), Ok(Status::default()));
    }

    #[test]
    fn what_azures_host_wrote_can_be_read() {
        let read = |text: &str| parse(text.as_bytes(), &berlin());
        let status = read(
            r#"{"Last":"2018-10-24T14:00:00.0231467-07:00","Next":"2018-10-24T14:05:00","LastUpdated":"0001-01-01T00:00:00+01:00"}"#,
        )
        .expect("valid");
        assert_eq!(
            status.last.map(|time| time.to_string()).as_deref(),
            Some("2018-10-24T21:00:00.0231467Z")
        );
        assert_eq!(
            status.next.map(|time| time.to_string()).as_deref(),
            Some("2018-10-24T12:05:00Z")
        );
        assert_eq!(status.last_updated, None);
        for wrong in ["", "12", r#"{"Last":"yesterday"}"#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        assert_eq!(read("{}"), Ok(Status::default()));
    }
}
