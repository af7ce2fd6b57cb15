//! What a trigger in the supervisor knows of the app.

use std::path::PathBuf;

use super::host_id::host_id;
use crate::app::{App, AppSettings, BlobsConfig, QueuesConfig};
use crate::bindings::Connections;
use crate::model::schedule::Zone;

/// The app settings with the name of the time zone; the first that is set counts.
const ZONE_SETTINGS: [&str; 2] = ["WEBSITE_TIME_ZONE", "TZ"];

/// What a trigger knows of the app.
#[derive(Debug)]
pub struct EventSetup {
    /// The app's folder.
    pub root: PathBuf,
    /// The time zone of schedules.
    pub zone: Zone,
    /// `extensions.queues` of host.json.
    pub queues: QueuesConfig,
    /// `extensions.blobs` of host.json.
    pub blobs: BlobsConfig,
    /// The name under which the app's hosts keep what they share in a storage account.
    pub host_id: String,
    /// The connections to storage accounts.
    pub connections: Connections,
}

impl EventSetup {
    /// Returns the setup of an app with these settings. A time zone that is not known is logged.
    pub fn new(app: &App, settings: &AppSettings) -> Self {
        EventSetup {
            root: app.root.clone(),
            zone: zone(settings),
            queues: app.host.queues.clone(),
            blobs: app.host.blobs.clone(),
            host_id: host_id(app, settings),
            connections: Connections::new(settings.clone()),
        }
    }
}

/// Returns the time zone of schedules: UTC, unless the app settings say otherwise.
fn zone(settings: &AppSettings) -> Zone {
    let Some(setting) = ZONE_SETTINGS.iter().find_map(|name| settings.get(name)) else {
        return Zone::utc();
    };
    // The form in which the C library takes a file of its database.
    let name = setting.value.trim_start_matches(':');
    Zone::named(name).unwrap_or_else(|error| {
        tracing::warn!("app setting {}: {error}; timers run in UTC", setting.name);
        Zone::utc()
    })
}
