//! The client of HTTP against servers of the tests' own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;

use super::*;
use crate::settings::Identity;
use crate::testing::{OK, Reply, Server, gunzip};

const PROTOCOL: Protocol = Protocol {
    content_type: "text/plain",
    is_busy: |status, pause| status == StatusCode::SERVICE_UNAVAILABLE || pause.is_some(),
    follows_redirects: true,
};

fn to(url: &str) -> HttpTarget {
    HttpTarget {
        url: url.parse().expect("a URL"),
        headers: HeaderMap::new(),
        timeout: Duration::from_secs(10),
        compression: Compression::None,
        tls: Tls::default(),
    }
}

fn client(target: &HttpTarget) -> Client {
    Client::new(target, &PROTOCOL).expect("its certificates are valid")
}

/// An ending worker, so that unreachable servers are not tried again.
fn ending() -> ShutdownSignal {
    let closing = ShutdownSignal::default();
    closing.begin(Instant::now() + Duration::from_secs(20));
    closing
}

fn send(target: &HttpTarget) -> Result<Response, String> {
    let sent = client(target).send(&ending(), b"one ", b"two");
    sent.map_err(|error| error.to_string())
}

#[test]
fn both_parts_are_one_body() {
    for compression in [Compression::None, Compression::Gzip] {
        let server = Server::start(vec![Reply::new(OK, "taken").header("retry-after", "7")]);
        let mut target = HttpTarget {
            compression,
            ..to(&server.url("/here?a=b"))
        };
        target.headers.insert("api-key", HeaderValue::from_static("k"));
        let response = send(&target).expect("it is taken");
        assert_eq!(response.body, b"taken");
        assert_eq!(response.retry_after, Some(Duration::from_secs(7)));
        let received = &server.received()[0];
        let head = received.head.to_lowercase();
        assert!(head.starts_with("post /here?a=b http/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: text/plain\r\n"), "{head}");
        assert!(head.contains("api-key: k\r\n"), "{head}");
        let body = match compression {
            Compression::None => received.body.clone(),
            Compression::Gzip => gunzip(&received.body),
        };
        assert_eq!(body, b"one two", "{compression:?}");
    }
}

#[test]
fn only_the_busy_get_another_attempt() {
    let server = Server::start(vec![
        Reply::new("503 Service Unavailable", "later"),
        Reply::new("429 Too Many Requests", "").header("retry-after", "0"),
        Reply::new(OK, ""),
    ]);
    send(&to(&server.url("/"))).expect("the third is taken");
    assert_eq!(server.received().len(), 3);

    let server = Server::start(vec![Reply::new("400 Bad Request", "x".repeat(300))]);
    let error = send(&to(&server.url("/"))).expect_err("it is refused");
    assert_eq!(
        error,
        format!("it answered 400 Bad Request: {}…", "x".repeat(200))
    );
    server.received();
}

#[test]
fn no_message_shows_the_secret() {
    let server = Server::start(vec![Reply::new("400 Bad Request", "no such key: 123-abc\nsorry")]);
    let client = client(&to(&server.url("/"))).hiding("123-abc");
    let error = client.send(&ending(), b"", b"").expect_err("it is refused");
    assert_eq!(
        error.to_string(),
        "it answered 400 Bad Request: no such key: ***\\nsorry"
    );
}

#[test]
fn retry_after_in_seconds_and_as_a_date() {
    let read = |text: &'static str| delay(&HeaderValue::from_static(text));
    assert_eq!(read(" 3 "), Some(Duration::from_secs(3)));
    assert_eq!(
        read("Wed, 21 Oct 2015 07:28:00 GMT"),
        Some(Duration::ZERO),
        "that is over"
    );
    assert_eq!(read("-1"), None);
    assert_eq!(read("soon"), None);
    let later = SystemTime::now() + Duration::from_secs(90);
    let header = HeaderValue::try_from(httpdate::fmt_http_date(later)).expect("a date");
    let read = delay(&header).expect("a date").as_secs();
    assert!((80..=90).contains(&read), "{read}");
}

#[test]
fn redirects_are_followed_and_moves_remembered() {
    let there = Server::start(vec![Reply::new(OK, ""), Reply::new(OK, ""), Reply::new(OK, "")]);
    let here = Server::start(vec![
        Reply::new("307 Temporary Redirect", "").header("location", &there.url("/a")),
        Reply::new("308 Permanent Redirect", "").header("location", "/moved"),
        Reply::new("307 Temporary Redirect", "").header("location", &there.url("/b")),
        Reply::new("308 Permanent Redirect", "").header("location", &there.url("/c")),
    ]);
    let client = client(&to(&here.url("/")));
    for _ in 0..3 {
        client.send(&ending(), b"x", b"y").expect("it is taken elsewhere");
    }
    let paths = |received: Vec<crate::testing::Received>| {
        let path = |head: String| head.split(' ').nth(1).map(str::to_owned).unwrap_or_default();
        received.into_iter().map(|one| path(one.head)).collect::<Vec<_>>()
    };
    assert_eq!(paths(here.received()), ["/", "/", "/moved", "/moved"]);
    assert_eq!(paths(there.received()), ["/a", "/b", "/c"]);
}

#[test]
fn some_redirects_are_refused() {
    let redirect = |from: &str, to: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_static(to));
        let from = from.parse().expect("a URL");
        let url = elsewhere(&from, &headers);
        url.map(|url| url.to_string()).map_err(|error| error.to_string())
    };
    let ok = |url: &str| Ok(url.to_owned());
    assert_eq!(redirect("https://a/x", "https://b/y"), ok("https://b/y"));
    assert_eq!(redirect("http://a/x", "https://b/y"), ok("https://b/y"));
    assert_eq!(redirect("https://a/x", "/y?z"), ok("https://a/y?z"));
    let error = |text: &str| Err(text.to_owned());
    assert_eq!(
        redirect("https://a/x", "http://b/y"),
        error("it redirects to \"http://b/y\": that leads from https to http")
    );
    assert_eq!(
        redirect("http://a/x", "ftp://b/y"),
        error("it redirects to \"ftp://b/y\": that is not a URL of http or https")
    );
    assert_eq!(
        redirect("http://a/x", ""),
        error("it redirects to \"\": that is not a URL")
    );

    let round = Server::start((0..=REDIRECTS).map(|_| moved_to("/")).collect());
    let error = send(&to(&round.url("/"))).expect_err("it never ends");
    assert!(error.ends_with("it redirects again and again"), "{error}");
    round.received();
}

fn moved_to(location: &str) -> Reply {
    Reply::new("307 Temporary Redirect", "").header("location", location)
}

/// An authority of the test's own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a certificate")
}

/// A certificate for `name`, and its key.
fn issue(by: &CertifiedIssuer<'static, KeyPair>, name: &str) -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    (params.signed_by(&key, by).expect("a certificate"), key)
}

fn tls_server(
    authority: &CertifiedIssuer<'static, KeyPair>,
    asks_who_calls: bool,
    replies: Vec<Reply>,
) -> Server {
    let (certificate, key) = issue(authority, "localhost");
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(std::sync::Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS");
    let config = if asks_who_calls {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(authority.der().to_vec()))
            .expect("a certificate");
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
        config.with_client_cert_verifier(verifier.build().expect("an authority"))
    } else {
        config.with_no_client_auth()
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = config
        .with_single_cert(vec![certificate.der().clone()], key)
        .expect("they belong together");
    Server::over_tls(config, replies)
}

#[test]
fn a_server_is_known_by_its_authority() {
    let own = authority();
    let server = tls_server(&own, false, vec![Reply::new(OK, "")]);
    let url = format!("https://localhost:{}/", server.port());
    let error = send(&to(&url)).expect_err("no public authority knows it");
    assert!(error.to_lowercase().contains("certificate"), "{error}");
    let trusting = |authority: &CertifiedIssuer<'static, KeyPair>| HttpTarget {
        tls: Tls {
            authorities: Some(authority.pem().into_bytes()),
            identity: None,
        },
        ..to(&url)
    };
    let error = send(&trusting(&authority())).expect_err("another authority");
    assert!(error.to_lowercase().contains("certificate"), "{error}");
    send(&trusting(&own)).expect("its own authority is trusted");
    server.received();
}

#[test]
fn a_client_shows_its_certificate() {
    let own = authority();
    let server = tls_server(&own, true, vec![Reply::new(OK, "")]);
    let (certificate, key) = issue(&own, "the exporter");
    let mut target = to(&format!("https://localhost:{}/", server.port()));
    target.tls.authorities = Some(own.pem().into_bytes());
    send(&target).expect_err("it does not say who it is");
    target.tls.identity = Some(Identity {
        certificate: certificate.pem().into_bytes(),
        key: key.serialize_pem().into_bytes(),
    });
    send(&target).expect("it says who it is");
    server.received();
}
