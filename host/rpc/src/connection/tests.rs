use futures_util::stream;
use tokio::net::TcpListener;

use super::*;

/// Opens a connection to this URI; returns the error.
async fn error(uri: String) -> String {
    let endpoint = Endpoint {
        uri,
        max_message_length: 1 << 20,
    };
    match Connection::open(&endpoint, stream::pending()).await {
        Ok(_) => panic!("it is open"),
        Err(error) => error.to_string(),
    }
}

// Time goes on by itself when nothing else happens.
#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let error = error(format!("http://{address}")).await;
    assert_eq!(
        error,
        format!(
            "cannot connect to the Functions host at http://{address}: it does not answer within 30 s; expected a gRPC server"
        )
    );
}

#[tokio::test]
async fn what_is_no_uri_is_named() {
    let error = error("a b".to_owned()).await;
    assert!(error.starts_with("\"a b\" is not the URI of a host: "), "{error}");
}
