//! What tests of exporters share: spans, and a server with scripted replies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Status;
use opentelemetry_proto::tonic::trace::v1::span::{Event, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

pub(crate) use opentelemetry_proto::tonic::trace::v1::Span;

/// 2023-11-14T22:13:20.123Z
pub(crate) const START: u64 = 1_700_000_000_123_000_000;
pub(crate) const OK: &str = "200 OK";

const WAIT: Duration = Duration::from_secs(20);

/// A root span of kind server that took 1.5 ms.
pub(crate) fn span(name: &str) -> Span {
    Span {
        trace_id: 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128
            .to_be_bytes()
            .to_vec(),
        span_id: 2_u64.to_be_bytes().to_vec(),
        kind: SpanKind::Server.into(),
        name: name.to_owned(),
        start_time_unix_nano: START,
        end_time_unix_nano: START + 1_500_000,
        status: Some(Status::default()),
        ..Span::default()
    }
}

/// A span of this kind with these attributes, child of span 1.
pub(crate) fn child(kind: SpanKind, attributes: &[(&str, Value)]) -> Span {
    Span {
        parent_span_id: 1_u64.to_be_bytes().to_vec(),
        kind: kind.into(),
        attributes: pairs(attributes),
        ..span("child")
    }
}

/// An event of that time.
pub(crate) fn event(name: &str, attributes: &[(&str, Value)]) -> Event {
    Event {
        time_unix_nano: START + 1_000_000,
        name: name.to_owned(),
        attributes: pairs(attributes),
        ..Event::default()
    }
}

pub(crate) fn failed(message: &str) -> Option<Status> {
    Some(Status {
        code: StatusCode::Error.into(),
        message: message.to_owned(),
    })
}

pub(crate) fn pairs(attributes: &[(&str, Value)]) -> Vec<KeyValue> {
    attributes
        .iter()
        .map(|(key, value)| attribute(key, value.clone()))
        .collect()
}

pub(crate) fn attribute(key: &str, of: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(any(of)),
        ..KeyValue::default()
    }
}

pub(crate) fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

pub(crate) fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

pub(crate) fn int(number: i64) -> Value {
    Value::IntValue(number)
}

pub(crate) fn double(number: f64) -> Value {
    Value::DoubleValue(number)
}

pub(crate) fn list(values: &[Value]) -> Value {
    Value::ArrayValue(ArrayValue {
        values: values.iter().cloned().map(any).collect(),
    })
}

/// What a server answers.
#[derive(Default)]
pub(crate) struct Reply {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Reply {
            status,
            body: body.into(),
            ..Reply::default()
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }
}

/// A request.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) head: String,
    /// As it came, compressed or not.
    pub(crate) body: Vec<u8>,
}

impl Received {
    /// The body as JSON, decompressed where the request says that it is compressed.
    pub(crate) fn json(&self) -> serde_json::Value {
        let body = match self.head.to_lowercase().contains("content-encoding: gzip\r\n") {
            true => gunzip(&self.body),
            false => self.body.clone(),
        };
        serde_json::from_slice(&body).expect("JSON")
    }
}

pub(crate) fn gunzip(compressed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(compressed);
    decoder.read_to_end(&mut plain).expect("gzip");
    plain
}

/// A server for as many requests as it has replies, each on its own connection.
pub(crate) struct Server {
    authority: String,
    replies: usize,
    received: Receiver<Received>,
}

impl Server {
    pub(crate) fn start(replies: Vec<Reply>) -> Self {
        Server::serve(replies, Ok)
    }

    /// One for TLS. Connections whose handshake fails are left.
    pub(crate) fn over_tls(config: rustls::ServerConfig, replies: Vec<Reply>) -> Self {
        let config = Arc::new(config);
        Server::serve(replies, move |mut connection| {
            let mut tls =
                rustls::ServerConnection::new(Arc::clone(&config)).map_err(std::io::Error::other)?;
            tls.complete_io(&mut connection)?;
            Ok(rustls::StreamOwned::new(tls, connection))
        })
    }

    fn serve<S: Read + Write>(
        replies: Vec<Reply>,
        accept: impl Fn(TcpStream) -> std::io::Result<S> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let authority = listener.local_addr().expect("it is bound").to_string();
        let (sender, received) = channel();
        let count = replies.len();
        std::thread::spawn(move || {
            let mut replies = replies.into_iter();
            while replies.len() > 0 {
                let (connection, _) = listener.accept().expect("a connection");
                let Ok(stream) = accept(connection) else {
                    continue;
                };
                let mut reader = BufReader::new(stream);
                let request = receive(&mut reader);
                let Reply {
                    status,
                    headers,
                    body,
                } = replies.next().unwrap_or_default();
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
                );
                let answer = [head.as_bytes(), &body].concat();
                reader.get_mut().write_all(&answer).expect("the client reads");
                reader.get_mut().flush().expect("the client reads");
                // The test may have ended.
                let _ = sender.send(request);
            }
        });
        Server {
            authority,
            replies: count,
            received,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.authority)
    }

    pub(crate) fn port(&self) -> &str {
        let (_, port) = self.authority.rsplit_once(':').expect("an address has a port");
        port
    }

    /// The requests, one for each reply.
    pub(crate) fn received(self) -> Vec<Received> {
        (0..self.replies)
            .map(|index| {
                let received = self.received.recv_timeout(WAIT);
                received.unwrap_or_else(|_| panic!("only {index} requests of {} came", self.replies))
            })
            .collect()
    }
}

fn receive(reader: &mut impl BufRead) -> Received {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let read = reader.read_line(&mut head).expect("a header");
        assert_ne!(read, 0, "it ends early: {head}");
    }
    let length = head.to_lowercase().lines().find_map(|line| {
        let length = line.strip_prefix("content-length: ")?;
        length.parse().ok()
    });
    let mut body = vec![0; length.expect("a length")];
    reader.read_exact(&mut body).expect("the body");
    Received { head, body }
}
