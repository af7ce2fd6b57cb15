//! A receiver of telemetry as Application Insights' SDKs send it: JSON to `/v2.1/track` of the `IngestionEndpoint`.
//! It is also a web site that functions can request: as a proxy it answers for any host.

use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::server::{Head, read_body, read_head};

/// Receives until the process ends.
pub struct Ingestion {
    address: SocketAddr,
    received: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    envelopes: Vec<Value>,
    visits: Vec<Visit>,
}

/// A request that is not telemetry.
#[derive(Debug, Clone)]
pub struct Visit {
    /// The request's target: a whole URL if it came to a proxy.
    pub target: String,
    /// The `traceparent` header.
    pub traceparent: String,
}

impl Ingestion {
    /// Receives at a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the listener is bound");
        let received = Arc::new(Mutex::default());
        let shared = Arc::clone(&received);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let received = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // A client that disconnects ends its connection.
                    let _ = serve(connection, &received);
                });
            }
        });
        Ingestion { address, received }
    }

    /// The base URL.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the value for `APPLICATIONINSIGHTS_CONNECTION_STRING`.
    pub fn connection_string(&self) -> String {
        format!(
            "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint={}",
            self.endpoint()
        )
    }

    /// Returns the received envelopes in order of arrival.
    pub fn envelopes(&self) -> Vec<Value> {
        lock(&self.received).envelopes.clone()
    }

    /// Returns the other received requests.
    pub fn visits(&self) -> Vec<Visit> {
        lock(&self.received).visits.clone()
    }
}

fn serve(stream: TcpStream, received: &Mutex<Received>) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(head) = read_head(&mut reader)? {
        let body = read_body(&mut reader, &head)?;
        let answer = match head.target.as_str() {
            "/v2.1/track" | "/v2/track" => take(&body, received),
            _ => Ok(visit(&head, received)),
        };
        let (status, body) = match answer {
            Ok(body) => ("200 OK", body),
            Err(error) => ("400 Bad Request", error.to_string()),
        };
        let length = body.len();
        write!(
            writer,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )?;
    }
    Ok(())
}

/// Takes envelopes: one array, or one per line.
fn take(body: &[u8], received: &Mutex<Received>) -> serde_json::Result<String> {
    let mut envelopes = Vec::new();
    for value in serde_json::Deserializer::from_slice(body).into_iter() {
        match value? {
            Value::Array(values) => envelopes.extend(values),
            value => envelopes.push(value),
        }
    }
    let count = envelopes.len();
    lock(received).envelopes.extend(envelopes);
    Ok(json!({ "itemsReceived": count, "itemsAccepted": count, "errors": [] }).to_string())
}

fn visit(head: &Head, received: &Mutex<Received>) -> String {
    lock(received).visits.push(Visit {
        target: head.target.clone(),
        traceparent: head.header("traceparent").to_owned(),
    });
    "a page".to_owned()
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}
