//! What a trigger in the supervisor knows of the app.

use std::path::PathBuf;

use funcdock_storage::{ConnectionError, Container};

use super::host_id::{host_id, warn_of_changes};
use crate::app::{App, AppSettings, BlobsConfig, QueuesConfig};
use crate::bindings::Connections;
use crate::model::schedule::Zone;

/// The app settings with the name of the time zone; the first that is set counts.
const ZONE_SETTINGS: [&str; 2] = ["WEBSITE_TIME_ZONE", "TZ"];

/// The container in which Azure's host keeps what it knows of apps, too.
const HOSTS_CONTAINER: &str = "azure-webjobs-hosts";

/// What a trigger knows of the app.
#[derive(Debug)]
pub struct EventSetup {
    /// What a reload may change.
    pub settings: EventSettings,
    /// Where timers keep what all hosts of the app must know; `None`: in files of the app's folder.
    pub timer_container: Option<Container>,
    /// The connections to storage accounts.
    pub connections: Connections,
}

/// The settings of triggers. Those of functions that have not changed go on with the same settings, and begin anew with others.
#[derive(Debug, Clone, PartialEq)]
pub struct EventSettings {
    /// The app's folder.
    pub root: PathBuf,
    /// The id of the app in storage accounts: the same for its hosts on all machines.
    pub host_id: String,
    /// The time zone of schedules.
    pub zone: Zone,
    /// `extensions.queues` of host.json.
    pub queues: QueuesConfig,
    /// `extensions.blobs` of host.json.
    pub blobs: BlobsConfig,
    /// The app settings, which have the connections.
    app_settings: AppSettings,
    /// Whether timers may use the default storage account.
    has_storage: bool,
}

impl EventSetup {
    /// Returns the setup of an app with these settings. Without `has_storage`, timers do not use its default storage account. A
    /// time zone that is not known is logged.
    pub fn new(app: &App, settings: &AppSettings, has_storage: bool) -> Self {
        let mut connections = Connections::new(settings.clone());
        warn_of_changes(settings);
        EventSetup {
            settings: EventSettings {
                root: app.root.clone(),
                host_id: host_id(app, settings),
                zone: zone(settings),
                queues: app.host.queues.clone(),
                blobs: app.host.blobs.clone(),
                app_settings: settings.clone(),
                has_storage,
            },
            timer_container: timer_container(&mut connections).filter(|_| has_storage),
            connections,
        }
    }
}

/// Returns the container of the app's default storage account; `None` without an account, or with one that cannot be used,
/// which is logged.
fn timer_container(connections: &mut Connections) -> Option<Container> {
    let connection = match connections.get("") {
        Ok(connection) => connection,
        Err(ConnectionError::Missing { .. }) => return None,
        Err(error) => {
            tracing::warn!("{error}; so timers are as if there was no storage account");
            return None;
        }
    };
    let container = connection.container(HOSTS_CONTAINER);
    container
        .inspect_err(|error| tracing::warn!("{error}; so timers are as if there was no storage account"))
        .ok()
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
