//! Credentials of Microsoft Entra ID.

use std::env;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
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
    /// Returns the source of tokens, which caches them where the kind of identity is worth it.
    pub(crate) fn credential(&self, transport: &Transport) -> Result<Arc<dyn TokenCredential>, String> {
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
        Err(azure_core::Error::with_message(
            azure_core::error::ErrorKind::Credential,
            reasons.join("; "),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use azure_core::http::headers::Headers;
    use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, StatusCode};

    use super::*;

    const SCOPE: &str = "https://storage.azure.com/.default";

    /// Answers every request with a token, and keeps what was asked.
    #[derive(Debug, Default)]
    struct TokenService {
        requests: Mutex<Vec<(String, String)>>,
    }

    #[async_trait]
    impl HttpClient for TokenService {
        async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
            let Body::Bytes(body) = request.body() else {
                panic!("a streamed body");
            };
            let body = String::from_utf8_lossy(body).into_owned();
            let url = request.url().to_string();
            self.requests.lock().expect("no panic before").push((url, body));
            let token = r#"{"access_token":"a token","expires_in":3600,"expires_on":"4102444800","token_type":"Bearer","resource":"x"}"#;
            Ok(AsyncRawResponse::from_bytes(
                StatusCode::Ok,
                Headers::new(),
                token,
            ))
        }
    }

    /// Asks twice for a token. Returns the only request: the second answer comes from the cache.
    async fn only_request(identity: &Identity) -> (String, String) {
        let service = Arc::new(TokenService::default());
        let transport = Transport::new(service.clone());
        let credential = identity.credential(&transport).expect("valid ids");
        for _ in 0..2 {
            let token = credential.get_token(&[SCOPE], None).await.expect("a token");
            assert_eq!(token.token.secret(), "a token");
        }
        let mut requests = service.requests.lock().expect("no panic before");
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }

    #[tokio::test]
    async fn a_managed_identity_is_asked_for_at_the_machines_own_address() {
        let identity = Identity::Managed {
            client_id: Some("11111111-1111-4111-8111-111111111111".to_owned()),
        };
        let (url, _) = only_request(&identity).await;
        assert!(
            url.starts_with("http://169.254.169.254/metadata/identity/oauth2/token?"),
            "{url}"
        );
        assert!(
            url.contains("client_id=11111111-1111-4111-8111-111111111111"),
            "{url}"
        );
        assert!(url.contains("storage.azure.com"), "{url}");
    }

    #[tokio::test]
    async fn an_app_registration_sends_its_secret_to_entra_id() {
        let identity = Identity::ClientSecret {
            tenant_id: "22222222-2222-4222-8222-222222222222".to_owned(),
            client_id: "33333333-3333-4333-8333-333333333333".to_owned(),
            secret: Secret::new("s3cret"),
        };
        let (url, body) = only_request(&identity).await;
        assert_eq!(
            url,
            "https://login.microsoftonline.com/22222222-2222-4222-8222-222222222222/oauth2/v2.0/token"
        );
        assert!(
            body.contains("client_id=33333333-3333-4333-8333-333333333333"),
            "{body}"
        );
        assert!(body.contains("client_secret=s3cret"), "{body}");
    }

    #[tokio::test]
    async fn the_next_source_is_asked_if_one_has_no_token() {
        #[derive(Debug)]
        struct Fixed(Result<&'static str, &'static str>);

        #[async_trait]
        impl TokenCredential for Fixed {
            async fn get_token(
                &self,
                _: &[&str],
                _: Option<TokenRequestOptions<'_>>,
            ) -> azure_core::Result<AccessToken> {
                match self.0 {
                    Ok(token) => Ok(AccessToken::new(
                        token,
                        azure_core::time::OffsetDateTime::now_utc(),
                    )),
                    Err(reason) => Err(azure_core::Error::with_message(
                        azure_core::error::ErrorKind::Credential,
                        reason,
                    )),
                }
            }
        }

        let chain = |sources: [Result<&'static str, &'static str>; 2]| FirstThatWorks {
            sources: sources
                .into_iter()
                .map(|source| Arc::new(Fixed(source)) as Arc<dyn TokenCredential>)
                .collect(),
        };
        let token = chain([Err("no az"), Ok("second")])
            .get_token(&[SCOPE], None)
            .await;
        assert_eq!(token.expect("the second one works").token.secret(), "second");
        let error = chain([Err("no az"), Err("no machine")])
            .get_token(&[SCOPE], None)
            .await;
        assert_eq!(error.expect_err("none works").to_string(), "no az; no machine");
    }
}
