//! What a trigger in the supervisor knows of the app.

use std::path::PathBuf;

use crate::app::AppSettings;
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
}

impl EventSetup {
    /// Returns the setup of the app at `root` with these settings. One that cannot be used is logged.
    pub fn new(root: PathBuf, settings: &AppSettings) -> Self {
        EventSetup {
            root,
            zone: zone(settings),
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
