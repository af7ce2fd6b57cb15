//! Who makes the telemetry: the app, this worker, its host, and the function app in Azure.

mod azure;
mod process;

use std::path::Path;

use opentelemetry::KeyValue;
pub use opentelemetry_sdk::Resource;
use percent_encoding::percent_decode_str;

use crate::settings::Settings;
pub use azure::Azure;

/// The variable with attributes: `key=value` with commas between, values percent-encoded.
const ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// Returns the resource of all telemetry of this process. Settings win over variables, and those over what is detected.
pub fn of(
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
        .with_attributes(process::attributes())
        .with_attributes(azure.attributes(&env))
        .with_attributes(given)
        .with_attributes(settings.resource_attributes())
        .with_service_name(service)
        .build()
}

/// Reads `OTEL_RESOURCE_ATTRIBUTES`. Reports and ignores malformed entries.
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
    fn elsewhere_there_is_no_cloud() {
        let resource = resource("{}", &[("REGION_NAME", "mine")]);
        let cloud = resource
            .iter()
            .find(|(key, _)| key.as_str().starts_with("cloud."));
        assert_eq!(cloud, None);
        assert_eq!(Azure::detect(env(&[])).faas_name("pay"), "pay");
        assert_eq!(Azure::detect(env(&[])).function_id("pay"), None);
    }

    #[test]
    fn each_worker_has_its_own_id() {
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
