//! Tokens from services that answer, refuse, or are silent.

use std::sync::Mutex;

use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, HttpClient, Request, StatusCode};

use super::*;
use crate::error::{StorageError, Target};

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
    let credential = identity
        .credential(&transport, Duration::from_secs(30))
        .expect("valid ids");
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
                Err(reason) => Err(Error::with_message(ErrorKind::Credential, reason)),
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

#[tokio::test]
async fn a_source_that_does_not_answer_is_given_up() {
    #[derive(Debug)]
    struct Silent;

    #[async_trait]
    impl TokenCredential for Silent {
        async fn get_token(
            &self,
            _: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            std::future::pending().await
        }
    }

    let source = WithinLimit {
        source: Arc::new(Silent),
        limit: Duration::from_millis(20),
    };
    let error = source.get_token(&[SCOPE], None).await.expect_err("it is silent");
    assert_eq!(*error.kind(), ErrorKind::Credential);
    let target = Target::new(
        "queue 'orders'".to_owned(),
        "a.example.org".to_owned(),
        "check the role",
    );
    let error = target.error(&error);
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "queue 'orders': there is no token for a.example.org: timed out after 20ms waiting for a token"
    );
}
