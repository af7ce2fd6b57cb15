//! The settings of bindings to queues and blobs of a storage account.

use std::fmt::Display;

use funcdock_storage::check_queue_name;

use super::super::AppSettings;
use super::super::error::Problem;
use super::super::json::Item;
use super::super::setting_names::resolve;
use super::super::values::one_of;
use crate::model::expression::{BlobPathTemplate, BlobPattern, Template};
use crate::model::{BlobBinding, BlobSource, BlobTrigger, QueueOutput, QueueTrigger};

/// Reads the settings of a queueTrigger.
pub(super) fn queue_trigger(item: &Item<'_>, settings: &AppSettings) -> Result<QueueTrigger, Problem> {
    let (place, name) = queue_name(item, settings)?;
    let queue = name.to_lowercase();
    check_queue_name(&queue).map_err(wrong(&place))?;
    Ok(QueueTrigger {
        queue,
        connection: connection(item, settings)?,
    })
}

/// Reads the settings of a queue binding.
pub(super) fn queue(item: &Item<'_>, settings: &AppSettings) -> Result<QueueOutput, Problem> {
    let (place, name) = queue_name(item, settings)?;
    let queue = Template::parse(&name).map_err(wrong(&place))?;
    if let Some(name) = queue.constant() {
        check_queue_name(&name.to_lowercase()).map_err(wrong(&place))?;
    }
    Ok(QueueOutput {
        queue,
        connection: connection(item, settings)?,
    })
}

/// Reads the settings of a blobTrigger.
pub(super) fn blob_trigger(item: &Item<'_>, settings: &AppSettings) -> Result<BlobTrigger, Problem> {
    let (place, path) = path(item, settings)?;
    Ok(BlobTrigger {
        path: BlobPattern::parse(&path).map_err(wrong(&place))?,
        connection: connection(item, settings)?,
        source: match item.get("source")? {
            Some(source) => blob_source(&source)?,
            None => BlobSource::default(),
        },
    })
}

fn blob_source(item: &Item<'_>) -> Result<BlobSource, Problem> {
    let source = one_of(item, &["LogsAndContainerScan", "EventGrid"])?;
    Ok(if source == "EventGrid" {
        BlobSource::EventGrid
    } else {
        BlobSource::Polling
    })
}

/// Reads the settings of a blob binding.
pub(super) fn blob(item: &Item<'_>, settings: &AppSettings) -> Result<BlobBinding, Problem> {
    let (place, path) = path(item, settings)?;
    Ok(BlobBinding {
        path: BlobPathTemplate::parse(&path).map_err(wrong(&place))?,
        connection: connection(item, settings)?,
    })
}

/// Returns the name of the queue as it is written. The service has lower-case names only, and Azure's host makes them so.
fn queue_name<'a>(item: &Item<'a>, settings: &AppSettings) -> Result<(Item<'a>, String), Problem> {
    let name = item.get("queueName")?;
    let name = name.ok_or_else(|| item.problem("expected a member \"queueName\": the name of a queue"))?;
    let text = resolve(&name, name.non_empty_string()?, settings)?;
    Ok((name, text))
}

fn path<'a>(item: &Item<'a>, settings: &AppSettings) -> Result<(Item<'a>, String), Problem> {
    let path = item.get("path")?;
    let path = path.ok_or_else(|| {
        item.problem(
            "expected a member \"path\": a container and the name of a blob, such as \"samples/{name}\"",
        )
    })?;
    let text = resolve(&path, path.non_empty_string()?, settings)?;
    Ok((path, text))
}

/// Returns the name of the connection, which is that of an app setting, not its value.
fn connection(item: &Item<'_>, settings: &AppSettings) -> Result<String, Problem> {
    let Some(connection) = item.get("connection")? else {
        return Ok(String::new());
    };
    let name = resolve(&connection, connection.string()?, settings)?;
    if name.contains(';') {
        return Err(connection.problem(
            "expected the name of an app setting, found what looks like a connection string: put it into an app setting, \
             and its name here",
        ));
    }
    Ok(name)
}

fn wrong<E: Display>(place: &Item<'_>) -> impl Fn(E) -> Problem {
    move |error| place.problem(error.to_string())
}
