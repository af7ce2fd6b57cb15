//! The manifests of KEDA (`keda.sh/v1alpha1`) and of its HTTP add-on (`http.keda.sh/v1beta1`).

use std::collections::BTreeMap;

use serde::Serialize;

/// The `spec` of a ScaledObject.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ScaledObject<'a> {
    pub(crate) scale_target_ref: ObjectReference,
    pub(crate) min_replica_count: u32,
    pub(crate) max_replica_count: u32,
    pub(crate) triggers: &'a [Trigger],
}

/// The name of another manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ObjectReference {
    pub(crate) name: String,
}

/// What KEDA counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Trigger {
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metric_type: Option<&'static str>,
    pub(crate) metadata: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authentication_ref: Option<ObjectReference>,
}

impl Trigger {
    /// Returns a trigger of this kind, with these metadata.
    pub(crate) fn new(kind: &'static str, metadata: &[(&'static str, &str)]) -> Self {
        let metadata = metadata.iter().map(|(key, value)| (*key, (*value).to_owned()));
        Trigger {
            kind,
            metric_type: None,
            metadata: metadata.collect(),
            authentication_ref: None,
        }
    }

    /// Sets one of the metadata.
    pub(crate) fn set(&mut self, key: &'static str, value: &str) {
        self.metadata.insert(key, value.to_owned());
    }
}

/// The `spec` of a TriggerAuthentication.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TriggerAuthentication<'a> {
    pub(crate) pod_identity: &'a PodIdentity,
}

/// The identity with which KEDA asks a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PodIdentity {
    pub(crate) provider: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity_id: Option<String>,
}

/// The `spec` of an InterceptorRoute.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InterceptorRoute<'a> {
    pub(crate) target: RouteTarget,
    pub(crate) rules: [RouteRule<'a>; 1],
    pub(crate) scaling_metric: ScalingMetric,
}

/// The Service that gets the requests.
#[derive(Debug, Serialize)]
pub(crate) struct RouteTarget {
    pub(crate) service: String,
    pub(crate) port: u16,
}

/// Which requests.
#[derive(Debug, Serialize)]
pub(crate) struct RouteRule<'a> {
    pub(crate) hosts: &'a [String],
}

/// What the add-on counts.
#[derive(Debug, Serialize)]
pub(crate) struct ScalingMetric {
    pub(crate) concurrency: Concurrency,
}

/// The requests that a pod is to have at the same time.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Concurrency {
    pub(crate) target_value: u32,
}
