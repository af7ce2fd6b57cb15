//! The manifests of Kubernetes itself.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Metadata;

/// The content of a ConfigMap.
#[derive(Debug, Serialize)]
pub(crate) struct ConfigMap<'a> {
    pub(crate) data: &'a BTreeMap<String, String>,
}

/// A ServiceAccount has nothing beside its metadata.
#[derive(Debug, Serialize)]
pub(crate) struct ServiceAccount {}

/// Labels, as of the pods that belong to a manifest.
pub(crate) type Labels = BTreeMap<&'static str, String>;

/// The `spec` of a Service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Service {
    pub(crate) selector: Labels,
    pub(crate) ports: Vec<ServicePort>,
}

/// A port of a Service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServicePort {
    pub(crate) name: &'static str,
    pub(crate) port: u16,
    pub(crate) target_port: &'static str,
}

/// The `spec` of a Deployment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Deployment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) replicas: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) strategy: Option<Strategy>,
    pub(crate) selector: Selector,
    pub(crate) template: PodTemplate,
}

/// How pods replace others.
#[derive(Debug, Serialize)]
pub(crate) struct Strategy {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// The pods of a Deployment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Selector {
    pub(crate) match_labels: Labels,
}

/// A pod.
#[derive(Debug, Serialize)]
pub(crate) struct PodTemplate {
    pub(crate) metadata: Metadata,
    pub(crate) spec: Pod,
}

/// The `spec` of a pod.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pod {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_account_name: Option<String>,
    pub(crate) automount_service_account_token: bool,
    pub(crate) termination_grace_period_seconds: u32,
    pub(crate) security_context: PodSecurity,
    pub(crate) containers: [Container; 1],
    pub(crate) volumes: Vec<Volume>,
}

/// `securityContext` of a pod.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodSecurity {
    pub(crate) run_as_non_root: bool,
    pub(crate) run_as_user: u32,
    pub(crate) run_as_group: u32,
    pub(crate) fs_group: u32,
    pub(crate) seccomp_profile: SeccompProfile,
}

/// `seccompProfile`.
#[derive(Debug, Serialize)]
pub(crate) struct SeccompProfile {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// A container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container {
    pub(crate) name: &'static str,
    pub(crate) image: String,
    pub(crate) command: Vec<&'static str>,
    pub(crate) args: Vec<String>,
    pub(crate) ports: Vec<ContainerPort>,
    pub(crate) env_from: Vec<EnvironmentSource>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) env: Vec<Variable>,
    pub(crate) startup_probe: Probe,
    pub(crate) readiness_probe: Probe,
    pub(crate) liveness_probe: Probe,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lifecycle: Option<Lifecycle>,
    pub(crate) resources: Resources,
    pub(crate) security_context: ContainerSecurity,
    pub(crate) volume_mounts: Vec<Mount>,
}

/// A port of a container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerPort {
    pub(crate) name: &'static str,
    pub(crate) container_port: u16,
}

/// A source of several variables.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EnvironmentSource {
    pub(crate) config_map_ref: NamedReference,
}

/// A name.
#[derive(Debug, Serialize)]
pub(crate) struct NamedReference {
    pub(crate) name: String,
}

/// A variable.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Variable {
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value_from: Option<VariableSource>,
}

/// Where a variable has its value from.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VariableSource {
    pub(crate) secret_key_ref: SecretKey,
}

/// A key of a Secret.
#[derive(Debug, Serialize)]
pub(crate) struct SecretKey {
    pub(crate) name: String,
    pub(crate) key: String,
}

/// A probe.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Probe {
    pub(crate) http_get: HttpGet,
    pub(crate) period_seconds: u32,
    pub(crate) timeout_seconds: u32,
    pub(crate) failure_threshold: u32,
}

/// A request of a probe.
#[derive(Debug, Serialize)]
pub(crate) struct HttpGet {
    pub(crate) path: &'static str,
    pub(crate) port: &'static str,
}

/// `lifecycle`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lifecycle {
    pub(crate) pre_stop: PreStop,
}

/// What happens before the container gets SIGTERM.
#[derive(Debug, Serialize)]
pub(crate) struct PreStop {
    pub(crate) sleep: Sleep,
}

/// A pause.
#[derive(Debug, Serialize)]
pub(crate) struct Sleep {
    pub(crate) seconds: u32,
}

/// `resources`.
#[derive(Debug, Serialize)]
pub(crate) struct Resources {
    pub(crate) requests: BTreeMap<&'static str, &'static str>,
}

/// `securityContext` of a container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ContainerSecurity {
    pub(crate) allow_privilege_escalation: bool,
    pub(crate) read_only_root_filesystem: bool,
    pub(crate) capabilities: Capabilities,
}

/// `capabilities`.
#[derive(Debug, Serialize)]
pub(crate) struct Capabilities {
    pub(crate) drop: [&'static str; 1],
}

/// Where a volume is in a container.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mount {
    pub(crate) name: &'static str,
    pub(crate) mount_path: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) read_only: bool,
}

/// A volume.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(crate) name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) empty_dir: Option<EmptyFolder>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<SecretVolume>,
}

/// A folder that is empty when the pod starts, and goes with it.
#[derive(Debug, Serialize)]
pub(crate) struct EmptyFolder {}

/// The keys of a Secret as files.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecretVolume {
    pub(crate) secret_name: String,
    pub(crate) default_mode: u32,
}
