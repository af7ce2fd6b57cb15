//! The manifests, as far as this program writes them: the fields that it sets, with the names of Kubernetes.

pub(super) mod keda;
pub(super) mod kubernetes;

use serde::Serialize;
use std::collections::BTreeMap;

/// One manifest.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest<S> {
    pub(super) api_version: &'static str,
    pub(super) kind: &'static str,
    pub(super) metadata: Metadata,
    #[serde(flatten)]
    pub(super) content: S,
}

/// What most manifests have beside their metadata.
#[derive(Debug, Serialize)]
pub(super) struct Spec<S> {
    pub(super) spec: S,
}

/// `metadata`.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) labels: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) annotations: BTreeMap<&'static str, String>,
}
