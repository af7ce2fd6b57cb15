//! How many pods an app has, and what KEDA counts for that.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use funcdock_storage::{ConnectionSource, SourceKind};

use super::Arguments;
use super::connections::Sources;
use super::functions::Functions;
use super::manifests::keda::{ObjectReference, PodIdentity, Trigger};
use super::names;
use crate::app::HostConfig;
use crate::model::QueueTrigger;

/// The address of the add-on's scaler, as its chart installs it into the namespace keda.
const HTTP_SCALER: &str = "keda-add-ons-http-external-scaler.keda:9090";

/// The requests that a pod is to have at the same time, unless host.json limits them.
const REQUESTS: u32 = 100;

/// The percentage of the requested CPU time that a pod is to use.
const CPU_PERCENT: u32 = 70;

/// The hosts of the queues in Azure's public cloud.
const PUBLIC_QUEUES: &str = "queue.core.windows.net";

/// How many pods an app has, and what KEDA counts for that.
#[derive(Debug)]
pub(super) struct Scaling {
    /// The fewest pods.
    pub(super) min: u32,
    /// The most pods.
    pub(super) max: u32,
    /// What KEDA counts; empty if the number of pods does not change.
    pub(super) triggers: Vec<Trigger>,
    /// The identities with which KEDA counts, by the names of their manifests.
    pub(super) identities: BTreeMap<String, PodIdentity>,
    /// The requests that a pod is to have at the same time, for the HTTP add-on.
    pub(super) requests: u32,
    /// Whether two pods must not run at the same time, not even while one replaces the other.
    pub(super) is_single: bool,
}

impl Scaling {
    /// Returns the scaling of an app with these functions. Adds a warning for what cannot be had.
    ///
    /// # Errors
    /// The arguments ask for what does not work.
    pub(super) fn new(
        name: &str,
        arguments: &Arguments,
        functions: &Functions,
        sources: &Sources,
        host: &HostConfig,
        warnings: &mut Vec<String>,
    ) -> Result<Self> {
        if arguments.http_scaler && !functions.has_http {
            bail!(
                "--http-scaler scales by requests, and the app has no function with an HTTP trigger; leave it out"
            );
        }
        let is_single = !functions.timers.is_empty() && !sources.has_storage;
        let min = fewest(arguments, functions)?;
        let mut max = arguments.max_replicas;
        if is_single && max > 1 {
            warnings.push(format!(
                "there is one pod at most: without AzureWebJobsStorage, hosts on several machines do not know of each other, \
                 and each would call the timers ({}); set it to have more",
                functions.timers.join(", ")
            ));
            max = 1;
        }
        if min > max {
            bail!(
                "--min-replicas is {min}, and there can be {max} pod at most: set AzureWebJobsStorage to have more"
            );
        }
        let mut scaling = Scaling {
            min,
            max,
            triggers: Vec::new(),
            identities: BTreeMap::new(),
            requests: host.http.max_concurrent_requests.unwrap_or(REQUESTS).max(1),
            is_single,
        };
        if min == max {
            return Ok(scaling);
        }
        for (function, queue) in &functions.queues {
            let is_counted = scaling.add_queue(name, queue, sources, host.queues.batch_size);
            if !is_counted {
                warnings.push(format!(
                    "function {function:?}: KEDA cannot look into the queue {:?}, as its connection is a signed address; give \
                     it a connection string or an identity to have it scaled",
                    queue.queue
                ));
                // Nothing else would start a pod for it.
                scaling.min = scaling.min.max(1);
            }
        }
        if arguments.http_scaler {
            scaling.triggers.push(Trigger::new(
                "external-push",
                &[("scalerAddress", HTTP_SCALER), ("interceptorRoute", name)],
            ));
        } else if functions.has_http {
            scaling.triggers.push(Trigger {
                metric_type: Some("Utilization"),
                ..Trigger::new("cpu", &[("value", &CPU_PERCENT.to_string())])
            });
        }
        Ok(scaling)
    }

    /// Has KEDA count the messages of a queue. Returns whether it can.
    fn add_queue(&mut self, name: &str, queue: &QueueTrigger, sources: &Sources, batch_size: usize) -> bool {
        // All connections of functions have been looked up.
        let Some(ConnectionSource { setting, kind }) = sources.get(&queue.connection) else {
            return false;
        };
        let length = batch_size.to_string();
        let mut trigger = Trigger::new(
            "azure-queue",
            &[("queueName", queue.queue.as_str()), ("queueLength", &length)],
        );
        match kind {
            SourceKind::ConnectionString | SourceKind::Emulator => trigger.set("connectionFromEnv", setting),
            SourceKind::Identity {
                account,
                queue_suffix,
                client_id,
                ..
            } => {
                trigger.set("accountName", account);
                if let Some(suffix) = queue_suffix.as_deref().filter(|suffix| *suffix != PUBLIC_QUEUES) {
                    trigger.set("cloud", "Private");
                    trigger.set("endpointSuffix", suffix);
                }
                let authentication = format!("{name}-{}", names::valid_part(setting));
                trigger.authentication_ref = Some(ObjectReference {
                    name: authentication.clone(),
                });
                let identity = PodIdentity {
                    provider: "azure-workload",
                    identity_id: client_id.clone(),
                };
                self.identities.insert(authentication, identity);
            }
            SourceKind::SignedAddresses => return false,
        }
        // Two functions may have one queue.
        if !self.triggers.contains(&trigger) {
            self.triggers.push(trigger);
        }
        true
    }
}

/// Returns the fewest pods.
fn fewest(arguments: &Arguments, functions: &Functions) -> Result<u32> {
    let mut reasons = Vec::new();
    if !functions.timers.is_empty() {
        reasons.push(format!("timers ({})", functions.timers.join(", ")));
    }
    if !functions.blobs.is_empty() {
        let names: Vec<_> = functions.blobs.iter().map(|(name, _)| name.as_str()).collect();
        reasons.push(format!("blob triggers ({})", names.join(", ")));
    }
    if functions.has_http && !arguments.http_scaler {
        reasons.push("HTTP functions without --http-scaler".to_owned());
    }
    let needs_one = !reasons.is_empty() || functions.queues.is_empty() && !functions.has_http;
    match arguments.min_replicas {
        Some(0) if needs_one => bail!(
            "--min-replicas is 0, and nothing would start a pod for these: {}; expected 1 at least",
            if reasons.is_empty() {
                "none of the functions has a trigger that KEDA counts".to_owned()
            } else {
                reasons.join(", ")
            }
        ),
        Some(min) => Ok(min),
        None => Ok(u32::from(needs_one)),
    }
}

#[cfg(test)]
mod tests;
