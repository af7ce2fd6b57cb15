//! A receiver of spans like Zipkin's server: JSON of its API v2.

use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::server::{read_body, read_head};

const PATH: &str = "/api/v2/spans";

/// Receives until the process ends.
pub struct Zipkin {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<Value>>>,
}

impl Zipkin {
    /// Receives at a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the listener is bound");
        let spans = Arc::new(Mutex::default());
        let shared = Arc::clone(&spans);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let spans = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // A client that disconnects ends its connection.
                    let _ = serve(connection, &spans);
                });
            }
        });
        Zipkin { address, spans }
    }

    /// Returns the whole URL for OTEL_EXPORTER_ZIPKIN_ENDPOINT.
    pub fn endpoint(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }

    /// Returns the received spans, in order of arrival.
    pub fn spans(&self) -> Vec<Value> {
        lock(&self.spans).clone()
    }
}

fn serve(stream: TcpStream, spans: &Mutex<Vec<Value>>) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    while let Some(head) = read_head(&mut reader)? {
        let body = read_body(&mut reader, &head)?;
        let status = match serde_json::from_slice::<Vec<Value>>(&body) {
            _ if head.target != PATH => "404 Not Found",
            Err(_) => "400 Bad Request",
            Ok(received) => {
                lock(spans).extend(received);
                "202 Accepted"
            }
        };
        write!(writer, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")?;
    }
    Ok(())
}

fn lock(spans: &Mutex<Vec<Value>>) -> MutexGuard<'_, Vec<Value>> {
    spans.lock().unwrap_or_else(PoisonError::into_inner)
}
