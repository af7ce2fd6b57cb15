//! A receiver of spans: OTLP over HTTP with protobuf, as any collector takes it.

use std::io::{self, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use crate::server::{read_body, read_head};

/// Receives spans until the process ends.
pub struct Receiver {
    address: SocketAddr,
    received: Arc<Received>,
}

#[derive(Default)]
struct Received {
    keep: bool,
    count: AtomicUsize,
    spans: Mutex<Vec<Span>>,
}

impl Receiver {
    /// Receives and keeps spans, at a free port.
    pub fn start() -> Self {
        Receiver::listen("127.0.0.1:0", true).expect("a free port")
    }

    /// Receives spans at this address, and only counts them unless told to `keep` them.
    pub fn listen(address: &str, keep: bool) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let received = Arc::new(Received {
            keep,
            ..Received::default()
        });
        let shared = Arc::clone(&received);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let received = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // An exporter that goes away ends its connection.
                    let _ = serve(connection, &received);
                });
            }
        });
        Ok(Receiver { address, received })
    }

    /// The base URL, as OTEL_EXPORTER_OTLP_ENDPOINT takes it.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many spans have come.
    pub fn count(&self) -> usize {
        self.received.count.load(Ordering::Relaxed)
    }

    /// The spans that have come, in order of arrival.
    pub fn spans(&self) -> Vec<Span> {
        self.received
            .spans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// An [`ExportTraceServiceRequest`] as far as counting spans needs it: a span's bytes are not looked into, so
/// that in a benchmark the collector does not compete with what is measured.
#[derive(Clone, PartialEq, prost::Message)]
struct Counted {
    #[prost(message, repeated, tag = "1")]
    resource_spans: Vec<CountedResource>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CountedResource {
    #[prost(message, repeated, tag = "2")]
    scope_spans: Vec<CountedScope>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct CountedScope {
    #[prost(bytes = "bytes", repeated, tag = "2")]
    spans: Vec<bytes::Bytes>,
}

impl Received {
    fn take(&self, body: &Bytes) -> Result<(), prost::DecodeError> {
        let count = if self.keep {
            let request = ExportTraceServiceRequest::decode(body.clone())?;
            let scopes = request
                .resource_spans
                .into_iter()
                .flat_map(|resource| resource.scope_spans);
            let spans: Vec<Span> = scopes.flat_map(|scope| scope.spans).collect();
            let count = spans.len();
            self.spans
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(spans);
            count
        } else {
            let request = Counted::decode(body.clone())?;
            let scopes = request
                .resource_spans
                .iter()
                .flat_map(|resource| &resource.scope_spans);
            scopes.map(|scope| scope.spans.len()).sum()
        };
        self.count.fetch_add(count, Ordering::Relaxed);
        Ok(())
    }
}

fn serve(stream: TcpStream, received: &Received) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    while let Some(head) = read_head(&mut reader)? {
        let body = Bytes::from(read_body(&mut reader, &head)?);
        let answer = match received.take(&body) {
            Ok(()) if head.target == "/v1/traces" => {
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
            }
            Ok(()) => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            Err(_) => "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
        };
        writer.write_all(answer.as_bytes())?;
    }
    Ok(())
}
