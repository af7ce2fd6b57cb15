//! The mock host calls the extension; a server on this machine is the issuer.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use funcdock_extension_api::testing::{Decision, Request, TestHost};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;

use super::*;

/// An Ed25519 key: PKCS#8 for the issuer, and what the issuer publishes.
const PRIVATE: &[u8] = include_bytes!("tests/key.pk8");
const PUBLIC: &str = "MqfjXbW9fnm5sA-KpZB4lImdQRlqa_8e98I9xiZAEUg";

fn token(audience: &str, lives: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs() as i64;
    let header = Header {
        kid: Some("one".to_owned()),
        ..Header::new(Algorithm::EdDSA)
    };
    let claims = json!({ "sub": "ada", "aud": audience, "exp": now + lives });
    encode(&header, &claims, &EncodingKey::from_ed_der(PRIVATE)).expect("a token")
}

/// Answers each request for keys with `answer`.
fn issuer(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/keys", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let _ = stream.read(&mut [0; 4096]);
            let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "one", "x": PUBLIC }] })
                .to_string();
            let length = keys.len();
            write!(
                stream,
                "HTTP/1.1 {answer}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{keys}"
            )
            .expect("it listens");
        }
    });
    url
}

fn host(url: String) -> TestHost {
    TestHost::app::<TokenAuth>(json!({ "keys_url": url, "audience": "shop" })).expect("it starts")
}

fn request(token: &str) -> Request {
    Request::get("/api/orders").header("authorization", format!("Bearer {token}"))
}

#[test]
fn a_valid_token_says_who_calls() {
    let host = host(issuer("200 OK"));
    // The first call waits for the keys, the second has them.
    for _ in 0..2 {
        let call = host.call(request(&token("shop", 60)));
        assert_eq!(call.decision(), &Decision::Continue);
        assert_eq!(call.attribute("user"), Some("ada".into()));
    }
}

#[test]
fn other_calls_are_answered_401() {
    let host = host(issuer("200 OK"));
    let forged = token("shop", 60).replace("ey", "eY");
    let requests = [
        Request::get("/api/orders"),
        request("none"),
        request(&forged),
        request(&token("bank", 60)),
        request(&token("shop", -120)),
    ];
    for request in requests {
        let call = host.call(request);
        let Decision::Respond(response) = call.decision() else {
            panic!("{:?}", call.decision())
        };
        assert_eq!(response.status, 401);
    }
}

#[test]
fn nobody_comes_through_without_keys() {
    let host = host(issuer("500 No"));
    let call = host.call(request(&token("shop", 60)));
    let Decision::Fail(reason) = call.decision() else {
        panic!("{:?}", call.decision())
    };
    assert!(reason.ends_with("/keys: http status: 500"), "{reason}");
}
