//! What Azure's variables say about where the app runs: those that OpenTelemetry's detectors for Azure Functions and App
//! Service read.

use opentelemetry::KeyValue;

/// The function app in Azure that runs here, if any.
#[derive(Debug, Default)]
pub struct Azure {
    site: Option<String>,
    /// The function app's id in Azure's resource manager.
    resource_id: Option<String>,
}

impl Azure {
    /// Reads Azure's variables.
    pub fn detect(env: impl Fn(&str) -> Option<String>) -> Azure {
        let site = env("WEBSITE_SITE_NAME");
        let resource_id = || {
            let subscription = subscription(&env)?;
            let group = env("WEBSITE_RESOURCE_GROUP")?;
            let site = site.as_ref()?;
            Some(format!(
                "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Web/sites/{site}"
            ))
        };
        Azure {
            resource_id: resource_id(),
            site,
        }
    }

    /// Returns `faas.name` of a function; the conventions put the function app's name before it.
    pub fn faas_name(&self, function: &str) -> String {
        match &self.site {
            Some(site) => format!("{site}/{function}"),
            None => function.to_owned(),
        }
    }

    /// Returns `cloud.resource_id` of a function.
    pub fn function_id(&self, function: &str) -> Option<String> {
        let app = self.resource_id.as_ref()?;
        Some(format!("{app}/functions/{function}"))
    }

    pub(super) fn attributes(&self, env: impl Fn(&str) -> Option<String>) -> Vec<KeyValue> {
        if self.site.is_none() {
            return Vec::new();
        }
        let mut attributes = vec![
            KeyValue::new("cloud.provider", "azure"),
            KeyValue::new("cloud.platform", "azure.functions"),
        ];
        let texts = [
            ("cloud.resource_id", self.resource_id.clone()),
            ("cloud.account.id", subscription(&env)),
            ("cloud.region", env("REGION_NAME")),
            ("faas.instance", env("WEBSITE_INSTANCE_ID")),
            ("host.id", env("WEBSITE_HOSTNAME")),
            ("deployment.environment.name", env("WEBSITE_SLOT_NAME")),
            ("azure.app.service.stamp", env("WEBSITE_HOME_STAMPNAME")),
        ];
        for (key, value) in texts {
            attributes.extend(value.map(|value| KeyValue::new(key, value)));
        }
        let memory = env("WEBSITE_MEMORY_LIMIT_MB").and_then(|limit| limit.trim().parse::<i64>().ok());
        if let Some(bytes) = memory.and_then(|mebibytes| mebibytes.checked_mul(1 << 20)) {
            attributes.push(KeyValue::new("faas.max_memory", bytes));
        }
        attributes
    }
}

/// Returns the part of WEBSITE_OWNER_NAME before the plus; a resource group and a region follow it.
fn subscription(env: impl Fn(&str) -> Option<String>) -> Option<String> {
    let owner = env("WEBSITE_OWNER_NAME")?;
    let subscription = owner.split('+').next()?;
    (!subscription.is_empty()).then(|| subscription.to_owned())
}
