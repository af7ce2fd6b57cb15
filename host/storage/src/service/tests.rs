//! Requests to a server whose responses are scripted: connections, retries, timeouts, TLS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::{Connection, Limits, Queue, StorageError};

const EXISTS: &str = "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n";
const BUSY: &str = "HTTP/1.1 503 Busy\r\nx-ms-error-code: ServerBusy\r\ncontent-length: 0\r\n\r\n";

fn quick() -> Limits {
    Limits {
        retries: 2,
        retry_delay: Duration::from_millis(5),
        connect_timeout: Duration::from_secs(1),
        try_timeout: Duration::from_millis(300),
    }
}

/// Answers requests in turn: each inner list is one connection, which is closed after its last response.
async fn server(script: Vec<Vec<&'static str>>) -> (String, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let served = tokio::spawn(async move {
        let mut requests = 0;
        for responses in script {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            for response in responses {
                read_head(&mut stream).await;
                requests += 1;
                stream
                    .write_all(response.as_bytes())
                    .await
                    .expect("the client reads");
            }
        }
        requests
    });
    (format!("http://{address}"), served)
}

async fn read_head(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await.expect("a whole head");
        head.push(byte);
    }
    String::from_utf8(head).expect("text")
}

fn queue(endpoint: &str, limits: Limits) -> Queue {
    let text = format!("AccountName=orders00;AccountKey=c2VjcmV0;QueueEndpoint={endpoint}");
    Connection::from_settings_with("x", |name| (name == "x").then(|| text.clone()), limits)
        .expect("a valid connection")
        .queue("orders")
        .expect("a valid name")
}

#[tokio::test]
async fn a_connection_is_used_again_and_replaced_when_it_is_closed() {
    let (endpoint, served) = server(vec![vec![EXISTS, EXISTS], vec![EXISTS]]).await;
    let queue = queue(&endpoint, quick());
    for _ in 0..3 {
        assert_eq!(queue.create_if_missing().await, Ok(false));
    }
    assert_eq!(served.await.expect("no panic"), 3);
}

#[tokio::test]
async fn a_busy_service_is_asked_again_until_the_limit() {
    let (endpoint, served) = server(vec![vec![BUSY, BUSY, EXISTS]]).await;
    assert_eq!(queue(&endpoint, quick()).create_if_missing().await, Ok(false));
    assert_eq!(served.await.expect("no panic"), 3);

    let (endpoint, served) = server(vec![vec![BUSY, BUSY, BUSY]]).await;
    let error = queue(&endpoint, quick()).create_if_missing().await;
    let error = error.expect_err("it stays busy");
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert_eq!(error.code(), Some("ServerBusy"));
    assert_eq!(served.await.expect("no panic"), 3);

    let (endpoint, served) = server(vec![vec![BUSY]]).await;
    let never = Limits {
        retries: 0,
        ..quick()
    };
    let error = queue(&endpoint, never).create_if_missing().await;
    assert!(matches!(error, Err(StorageError::Unavailable(_))), "{error:?}");
    assert_eq!(served.await.expect("no panic"), 1);
}

#[tokio::test]
async fn a_request_of_which_the_connection_is_lost_is_sent_again() {
    // The second response is cut off.
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    let (endpoint, served) = server(vec![vec![EXISTS, cut], vec![EXISTS]]).await;
    let queue = queue(&endpoint, quick());
    assert_eq!(queue.create_if_missing().await, Ok(false));
    assert_eq!(queue.create_if_missing().await, Ok(false));
    assert_eq!(served.await.expect("no panic"), 3);
}

#[tokio::test]
async fn a_response_that_stops_in_the_middle_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let stuck = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        read_head(&mut stream).await;
        let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
        stream.write_all(half).await.expect("the client reads");
        // Until the client gives up.
        let _ = stream.read_u8().await;
    });
    let never = Limits {
        retries: 0,
        ..quick()
    };
    let start = Instant::now();
    let error = queue(&format!("http://{address}"), never)
        .create_if_missing()
        .await;
    let error = error.expect_err("half a response is none");
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(
        error
            .to_string()
            .contains("timed out after 300ms waiting for more of a response"),
        "{error}"
    );
    assert!(start.elapsed() < Duration::from_secs(5));
    stuck.await.expect("no panic");
}

#[tokio::test]
async fn a_server_with_a_certificate_of_its_own_is_not_trusted() {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of this provider")
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key.into())
        .expect("they belong together");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        acceptor.accept(stream).await.map(drop)
    });
    let never = Limits {
        retries: 0,
        ..quick()
    };
    let error = queue(&format!("https://localhost:{port}"), never)
        .create_if_missing()
        .await;
    let error = error.expect_err("the certificate is not trusted");
    assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
    served.await.expect("no panic").expect_err("the client refuses");
}
