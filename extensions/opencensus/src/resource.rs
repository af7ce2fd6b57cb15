//! Who makes the telemetry: the app, this worker, and what Azure's variables tell where it runs there.
//!
//! The names are those of OpenTelemetry's semantic conventions; the variables are those that its detectors
//! for Azure Functions and App Service read.

use std::path::Path;

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use percent_encoding::percent_decode_str;

use crate::settings::Settings;

/// The variable with attributes, `key=value` with commas between and values percent-encoded.
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// The function app in Azure that this is, if it is one.
#[derive(Debug, Default)]
pub(crate) struct Azure {
    site: Option<String>,
    /// The function app's id as Azure's resource manager has it.
    resource_id: Option<String>,
}

impl Azure {
    pub(crate) fn detect(env: impl Fn(&str) -> Option<String>) -> Azure {
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

    /// `faas.name` of a function, which the conventions want with the function app's name in front.
    pub(crate) fn faas_name(&self, function: &str) -> String {
        match &self.site {
            Some(site) => format!("{site}/{function}"),
            None => function.to_owned(),
        }
    }

    /// `cloud.resource_id` of a function.
    pub(crate) fn function_id(&self, function: &str) -> Option<String> {
        let app = self.resource_id.as_ref()?;
        Some(format!("{app}/functions/{function}"))
    }

    fn attributes(&self, env: impl Fn(&str) -> Option<String>) -> Vec<KeyValue> {
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

/// The part of WEBSITE_OWNER_NAME in front of the plus, behind which a resource group and a region follow.
fn subscription(env: impl Fn(&str) -> Option<String>) -> Option<String> {
    let owner = env("WEBSITE_OWNER_NAME")?;
    let subscription = owner.split('+').next()?;
    (!subscription.is_empty()).then(|| subscription.to_owned())
}

/// The resource of all telemetry of this process. What the user says wins over what is found: the settings,
/// then the variables, then all else.
pub(crate) fn of(
    settings: &Settings,
    env: impl Fn(&str) -> Option<String>,
    azure: &Azure,
    app_root: &Path,
) -> Resource {
    let given = from_variable(&env);
    let named = given.iter().find(|pair| pair.key.as_str() == "service.name");
    let named = named.map(|pair| pair.value.to_string());
    let service = settings.service_name(&env, named, app_root);
    Resource::builder_empty()
        .with_attributes(of_process())
        .with_attributes(azure.attributes(&env))
        .with_attributes(given)
        .with_attributes(settings.resource_attributes())
        .with_service_name(service)
        .build()
}

fn of_process() -> Vec<KeyValue> {
    let mut attributes = vec![
        // "opentelemetry" is reserved for OpenTelemetry's own SDKs, whose way of a span is not ours.
        KeyValue::new("telemetry.sdk.name", env!("CARGO_PKG_NAME")),
        KeyValue::new("telemetry.sdk.language", "rust"),
        KeyValue::new("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        // Of this worker alone: the numbers of metrics are those of one process.
        KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
        KeyValue::new("process.pid", i64::from(std::process::id())),
        KeyValue::new("host.arch", architecture()),
        KeyValue::new("os.type", system()),
    ];
    if let Ok(executable) = std::env::current_exe() {
        let path = executable.to_string_lossy().into_owned();
        attributes.push(KeyValue::new("process.executable.path", path));
    }
    if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        attributes.push(KeyValue::new("host.name", name.trim_end().to_owned()));
    }
    attributes
}

/// The architecture as the conventions spell it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "arm" => "arm32",
        other => other,
    }
}

/// The operating system as the conventions spell it.
fn system() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    }
}

/// Attributes of `OTEL_RESOURCE_ATTRIBUTES`. What is malformed is reported and ignored.
fn from_variable(env: impl Fn(&str) -> Option<String>) -> Vec<KeyValue> {
    let Some(given) = env(ATTRIBUTES) else {
        return Vec::new();
    };
    let parse = |entry: &str| {
        let (key, value) = entry.split_once('=')?;
        let decode = |text: &str| {
            let text = percent_decode_str(text.trim()).decode_utf8().ok()?;
            Some(text.into_owned())
        };
        let key = decode(key).filter(|key| !key.is_empty())?;
        Some(KeyValue::new(key, decode(value)?))
    };
    let mut attributes = Vec::new();
    for (index, entry) in given.split(',').enumerate() {
        match parse(entry) {
            Some(pair) => attributes.push(pair),
            None if entry.trim().is_empty() => {}
            None => tracing::warn!(
                "{ATTRIBUTES}: entry {} is ignored; expected key=value, the value percent-encoded",
                index + 1
            ),
        }
    }
    attributes
}

#[cfg(test)]
mod tests {
    use opentelemetry::Key;

    use super::*;

    type Variables<'a> = &'a [(&'a str, &'a str)];

    const IN_AZURE: Variables<'_> = &[
        ("WEBSITE_SITE_NAME", "shop"),
        ("WEBSITE_OWNER_NAME", "0000-11+plan-WestEuropewebspace-Linux"),
        ("WEBSITE_RESOURCE_GROUP", "shop-rg"),
        ("WEBSITE_INSTANCE_ID", "c0ffee"),
        ("WEBSITE_MEMORY_LIMIT_MB", "1536"),
        ("REGION_NAME", "West Europe"),
    ];

    fn env<'a>(variables: Variables<'a>) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    fn resource(json: &str, variables: Variables<'_>) -> Resource {
        let settings: Settings = serde_json::from_str(json).expect("valid settings");
        let azure = Azure::detect(env(variables));
        of(&settings, env(variables), &azure, Path::new("/apps/folder"))
    }

    fn text(resource: &Resource, key: &'static str) -> Option<String> {
        let value = resource.get(&Key::from_static_str(key))?;
        Some(value.to_string())
    }

    #[test]
    fn a_function_app_in_azure() {
        let resource = resource("{}", IN_AZURE);
        let expected = [
            ("service.name", "shop"),
            ("cloud.provider", "azure"),
            ("cloud.platform", "azure.functions"),
            ("cloud.region", "West Europe"),
            ("cloud.account.id", "0000-11"),
            (
                "cloud.resource_id",
                "/subscriptions/0000-11/resourceGroups/shop-rg/providers/Microsoft.Web/sites/shop",
            ),
            ("faas.instance", "c0ffee"),
            ("faas.max_memory", "1610612736"),
        ];
        for (key, value) in expected {
            assert_eq!(text(&resource, key).as_deref(), Some(value), "{key}");
        }
        assert_eq!(text(&resource, "host.id"), None, "no variable, no attribute");

        let azure = Azure::detect(env(IN_AZURE));
        assert_eq!(azure.faas_name("pay"), "shop/pay");
        assert_eq!(
            azure.function_id("pay").as_deref(),
            Some(
                "/subscriptions/0000-11/resourceGroups/shop-rg/providers/Microsoft.Web/sites/shop/functions/pay"
            )
        );
    }

    #[test]
    fn elsewhere_nothing_of_a_cloud_is_said() {
        let resource = resource("{}", &[("REGION_NAME", "mine")]);
        let cloud = resource
            .iter()
            .find(|(key, _)| key.as_str().starts_with("cloud."));
        assert_eq!(cloud, None);
        assert_eq!(Azure::detect(env(&[])).faas_name("pay"), "pay");
        assert_eq!(Azure::detect(env(&[])).function_id("pay"), None);
    }

    #[test]
    fn a_worker_tells_itself_from_others() {
        let ids = [(); 2].map(|()| text(&resource("{}", &[]), "service.instance.id"));
        assert!(ids[0].is_some() && ids[0] != ids[1], "{ids:?}");
        let resource = resource("{}", &[]);
        let pid = std::process::id().to_string();
        assert_eq!(text(&resource, "process.pid"), Some(pid));
        for key in [
            "telemetry.sdk.version",
            "host.name",
            "host.arch",
            "process.executable.path",
        ] {
            assert!(
                text(&resource, key).is_some_and(|value| !value.is_empty()),
                "{key}"
            );
        }
        assert_eq!(text(&resource, "telemetry.sdk.language").as_deref(), Some("rust"));
    }

    #[test]
    fn what_is_given_wins_over_what_is_found() {
        let variable = "service.instance.id=mine,team=a%2Cb , cloud.region=here,bad,=worse,x=%ff";
        let variables = [IN_AZURE, &[(ATTRIBUTES, variable)]].concat();
        let resource = resource(
            r#"{"resource": {"cloud.region": "there", "shard": 3}}"#,
            &variables,
        );
        assert_eq!(text(&resource, "service.instance.id").as_deref(), Some("mine"));
        assert_eq!(text(&resource, "team").as_deref(), Some("a,b"));
        assert_eq!(text(&resource, "cloud.region").as_deref(), Some("there"));
        assert_eq!(text(&resource, "shard").as_deref(), Some("3"));
        assert_eq!(text(&resource, "cloud.provider").as_deref(), Some("azure"));
        assert_eq!(text(&resource, "x"), None, "not UTF-8");
    }

    #[test]
    fn the_service_has_the_name_that_is_nearest() {
        let named = (ATTRIBUTES, "service.name=variable");
        let own = ("OTEL_SERVICE_NAME", "own");
        let in_resource = r#"{"resource": {"service.name": "resource"}}"#;
        let both = r#"{"service_name": "setting", "resource": {"service.name": "resource"}}"#;
        let cases: [(&str, Variables<'_>, &str); 5] = [
            ("{}", &[named], "variable"),
            ("{}", &[named, own], "own"),
            (in_resource, &[named, own], "resource"),
            (both, &[named, own], "setting"),
            ("{}", &[("WEBSITE_SITE_NAME", "site")], "site"),
        ];
        for (json, variables, expected) in cases {
            let name = text(&resource(json, variables), "service.name");
            assert_eq!(name.as_deref(), Some(expected), "{json}");
        }
    }
}
