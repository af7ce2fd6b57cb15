//! Credentials of Microsoft Entra ID.

#[cfg(test)]
mod tests;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::error::{Error, ErrorKind};
use azure_core::http::{ClientOptions, Transport};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

/// Whose tokens authorize requests.
pub(crate) enum Identity {
    /// The identity of the machine or app that Azure manages; with a client id, a user-assigned one.
    Managed { client_id: Option<String> },
    /// An app registration with a secret.
    ClientSecret {
        tenant_id: String,
        client_id: String,
        secret: Secret,
    },
    /// The first of these that the process's environment configures: an app registration (`AZURE_TENANT_ID`,
    /// `AZURE_CLIENT_ID`, `AZURE_CLIENT_SECRET`), workload identity (`AZURE_FEDERATED_TOKEN_FILE`), the managed identity
    /// of App Service or Container Apps (`IDENTITY_ENDPOINT`). Otherwise the account that is logged in with the Azure
    /// CLI or the Azure Developer CLI, and if there is none, the managed identity of a virtual machine.
    Default { client_id: Option<String> },
}

impl Identity {
    /// Returns the source of tokens. A token that takes longer than the limit is an error: some sources try for more than
    /// a minute, as on machines without a managed identity.
    pub(crate) fn credential(
        &self,
        transport: &Transport,
        limit: Duration,
    ) -> Result<Arc<dyn TokenCredential>, String> {
        let source = self.source(transport)?;
        Ok(Arc::new(WithinLimit { source, limit }))
    }

    fn source(&self, transport: &Transport) -> Result<Arc<dyn TokenCredential>, String> {
        match self {
            Identity::Managed { client_id } => managed(client_id.clone(), transport),
            Identity::ClientSecret {
                tenant_id,
                client_id,
                secret,
            } => client_secret(tenant_id, client_id, secret.clone(), transport),
            Identity::Default { client_id } => default(client_id.clone(), transport),
        }
    }
}

fn default(client_id: Option<String>, transport: &Transport) -> Result<Arc<dyn TokenCredential>, String> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let client_id = client_id.or_else(|| variable("AZURE_CLIENT_ID"));
    if let (Some(tenant_id), Some(client_id), Some(secret)) = (
        variable("AZURE_TENANT_ID"),
        &client_id,
        variable("AZURE_CLIENT_SECRET"),
    ) {
        return client_secret(&tenant_id, client_id, secret.into(), transport);
    }
    if variable("AZURE_FEDERATED_TOKEN_FILE").is_some() {
        let options = WorkloadIdentityCredentialOptions {
            credential_options: ClientAssertionCredentialOptions {
                client_options: client_options(transport),
            },
            client_id,
            ..WorkloadIdentityCredentialOptions::default()
        };
        return WorkloadIdentityCredential::new(Some(options))
            .map(|credential| credential as Arc<dyn TokenCredential>)
            .map_err(|error| format!("the workload identity cannot be used: {error}"));
    }
    if variable("IDENTITY_ENDPOINT").is_some() {
        return managed(client_id, transport);
    }
    let tools = DeveloperToolsCredential::new(None)
        .map_err(|error| format!("the developer tools' credentials cannot be used: {error}"))?;
    Ok(Arc::new(FirstThatWorks {
        sources: vec![tools, managed(client_id, transport)?],
    }))
}

fn managed(client_id: Option<String>, transport: &Transport) -> Result<Arc<dyn TokenCredential>, String> {
    let options = ManagedIdentityCredentialOptions {
        user_assigned_id: client_id.map(UserAssignedId::ClientId),
        client_options: client_options(transport),
    };
    ManagedIdentityCredential::new(Some(options))
        .map(|credential| credential as Arc<dyn TokenCredential>)
        .map_err(|error| format!("the managed identity cannot be used: {error}"))
}

fn client_secret(
    tenant_id: &str,
    client_id: &str,
    secret: Secret,
    transport: &Transport,
) -> Result<Arc<dyn TokenCredential>, String> {
    let options = ClientSecretCredentialOptions {
        client_options: client_options(transport),
    };
    ClientSecretCredential::new(tenant_id, client_id.to_owned(), secret, Some(options))
        .map(|credential| credential as Arc<dyn TokenCredential>)
        .map_err(|error| format!("the app registration cannot be used: {error}"))
}

fn client_options(transport: &Transport) -> ClientOptions {
    ClientOptions {
        transport: Some(transport.clone()),
        ..ClientOptions::default()
    }
}

/// Asks a source for at most this time.
#[derive(Debug)]
struct WithinLimit {
    source: Arc<dyn TokenCredential>,
    limit: Duration,
}

#[async_trait]
impl TokenCredential for WithinLimit {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let token = self.source.get_token(scopes, options);
        match tokio::time::timeout(self.limit, token).await {
            Ok(token) => token,
            Err(_) => {
                let cause = Error::with_message(
                    ErrorKind::Io,
                    format!("timed out after {:?} waiting for a token", self.limit),
                );
                // Of this kind, so that it is not tried again.
                Err(Error::with_error(ErrorKind::Credential, cause, "no token"))
            }
        }
    }
}

/// Asks several sources in turn.
#[derive(Debug)]
struct FirstThatWorks {
    sources: Vec<Arc<dyn TokenCredential>>,
}

#[async_trait]
impl TokenCredential for FirstThatWorks {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut reasons = Vec::new();
        for source in &self.sources {
            match source.get_token(scopes, options.clone()).await {
                Ok(token) => return Ok(token),
                Err(error) => reasons.push(error.to_string()),
            }
        }
        Err(Error::with_message(ErrorKind::Credential, reasons.join("; ")))
    }
}
