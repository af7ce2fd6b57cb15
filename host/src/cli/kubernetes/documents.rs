//! All manifests of an app, and what is to be done beside applying them.

use serde::Serialize;

use super::manifests::keda::{
    Concurrency, InterceptorRoute, ObjectReference, RouteRule, RouteTarget, ScaledObject, ScalingMetric,
    TriggerAuthentication,
};
use super::manifests::kubernetes::{ConfigMap, Service, ServiceAccount, ServicePort};
use super::manifests::{Manifest, Metadata, Spec};
use super::output::Document;
use super::plan::{PORT_NAME, Plan};
use super::scaling::Scaling;
use super::workload;
use crate::cli::shell_word;

/// The port of the Service.
const SERVICE_PORT: u16 = 80;

impl Plan<'_> {
    /// Returns the manifests, those that others need first.
    pub(super) fn documents(&self) -> Vec<Document> {
        let mut documents = Vec::new();
        if self.sources.has_identity() {
            documents.push(self.service_account());
        }
        documents.push(Document::new(
            "configmap",
            &self.manifest(
                "v1",
                "ConfigMap",
                ConfigMap {
                    data: &self.variables.plain,
                },
            ),
        ));
        let deployment = self.spec("apps/v1", "Deployment", workload::deployment(self));
        let notes = self.notes_on_secrets();
        documents.push(Document::new("deployment", &deployment).with_comment(&notes.join("\n")));
        if self.functions.needs_service() {
            documents.push(self.service());
        }
        if !self.scaling.triggers.is_empty() {
            documents.extend(self.scaling());
        }
        documents
    }

    /// Returns what is to be done beside applying the manifests, one note for each.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = self.notes_on_secrets();
        if self.sources.has_identity() {
            let mut note = format!(
                "the identity of the ServiceAccount {} needs roles for the storage account's data: Storage Blob Data Owner, \
                 Storage Queue Data Contributor",
                self.name
            );
            if self.sources.client_id().is_none() {
                note += "; its annotation azure.workload.identity/client-id must name the identity";
            }
            if !self.scaling.identities.is_empty() {
                note += "; the identity of KEDA's operator needs Storage Queue Data Reader";
            }
            notes.push(note);
        }
        if self.arguments.http_scaler {
            notes.push(format!(
                "requests for {} must go to the Service keda-add-ons-http-interceptor-proxy of the namespace keda, not to the \
                 one of the app: name it in your Ingress or gateway",
                self.arguments.host.join(", ")
            ));
        }
        notes
    }

    fn notes_on_secrets(&self) -> Vec<String> {
        let namespace = self
            .namespace
            .map_or_else(String::new, |namespace| format!(" --namespace {namespace}"));
        let mut notes = Vec::new();
        if !self.variables.secret.is_empty() {
            let names: Vec<_> = self.variables.secret.iter().map(String::as_str).collect();
            notes.push(format!(
                "make the Secret {0} with these settings: {1}. Put a line NAME=value for each into a file settings.env, and run\n\
                 kubectl create secret generic {0}{namespace} --from-env-file=settings.env",
                self.settings_secret(),
                names.join(", "),
            ));
        }
        if self.functions.needs_keys {
            let file = self.secrets_folder.join("host.json");
            let made = if file.exists() {
                ""
            } else {
                " (funcdock start --enable-auth makes that file)"
            };
            notes.push(format!(
                "make the Secret {0} with the keys that requests to functions need, the same for all pods{made}:\n\
                 kubectl create secret generic {0}{namespace} --from-file=host.json={1}",
                self.keys_secret(),
                shell_word(&file)
            ));
        }
        notes
    }

    fn service_account(&self) -> Document {
        let mut account = self.manifest("v1", "ServiceAccount", ServiceAccount {});
        if let Some(id) = self.sources.client_id() {
            let annotations = &mut account.metadata.annotations;
            annotations.insert("azure.workload.identity/client-id", id.to_owned());
        }
        Document::new("serviceaccount", &account)
    }

    fn service(&self) -> Document {
        let service = Service {
            selector: self.labels(),
            ports: vec![ServicePort {
                name: PORT_NAME,
                port: SERVICE_PORT,
                target_port: PORT_NAME,
            }],
        };
        Document::new("service", &self.spec("v1", "Service", service))
    }

    fn scaling(&self) -> Vec<Document> {
        const API: &str = "keda.sh/v1alpha1";
        let Scaling {
            min,
            max,
            triggers,
            identities,
            requests,
            ..
        } = self.scaling;
        let mut documents = Vec::new();
        for (name, pod_identity) in identities {
            let mut authentication = self.spec(
                API,
                "TriggerAuthentication",
                TriggerAuthentication { pod_identity },
            );
            authentication.metadata.name = Some(name.clone());
            let file = format!("triggerauthentication-{name}");
            documents.push(Document::new(file, &authentication));
        }
        if self.arguments.http_scaler {
            let route = InterceptorRoute {
                target: RouteTarget {
                    service: self.name.to_owned(),
                    port: SERVICE_PORT,
                },
                rules: [RouteRule {
                    hosts: &self.arguments.host,
                }],
                scaling_metric: ScalingMetric {
                    concurrency: Concurrency {
                        target_value: *requests,
                    },
                },
            };
            let route = self.spec("http.keda.sh/v1beta1", "InterceptorRoute", route);
            documents.push(Document::new("interceptorroute", &route));
        }
        let scaled = ScaledObject {
            scale_target_ref: ObjectReference {
                name: self.name.to_owned(),
            },
            min_replica_count: *min,
            max_replica_count: *max,
            triggers,
        };
        documents.push(Document::new(
            "scaledobject",
            &self.spec(API, "ScaledObject", scaled),
        ));
        documents
    }

    fn spec<S: Serialize>(
        &self,
        api_version: &'static str,
        kind: &'static str,
        spec: S,
    ) -> Manifest<Spec<S>> {
        self.manifest(api_version, kind, Spec { spec })
    }

    fn manifest<S: Serialize>(
        &self,
        api_version: &'static str,
        kind: &'static str,
        content: S,
    ) -> Manifest<S> {
        Manifest {
            api_version,
            kind,
            metadata: Metadata {
                name: Some(self.name.to_owned()),
                namespace: self.namespace.map(str::to_owned),
                labels: self.labels(),
                ..Metadata::default()
            },
            content,
        }
    }
}
