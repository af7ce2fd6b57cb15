//! A receiver of spans, metrics and log records, like a collector: OTLP over HTTP or gRPC, with or without TLS. It can
//! fail in several ways on request.
//!
//! It counts each request that it acknowledges with success, once.

mod answer;
mod counted;
mod serve;
pub mod tls;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;

/// The transport of OTLP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, protobuf.
    #[default]
    Http,
    /// gRPC.
    Grpc,
}

/// How a receiver behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It accepts all requests.
    Up,
    /// It does not listen, and closes its connections.
    Down,
    /// It reads requests and does not respond.
    Hanging,
    /// It refuses requests with 429 or RESOURCE_EXHAUSTED, and asks the client to wait this long.
    Throttling(Option<Duration>),
    /// It refuses requests with 503 or UNAVAILABLE, and asks the client to wait this long.
    Unavailable(Option<Duration>),
    /// It refuses requests for good, with 400 or INVALID_ARGUMENT.
    Refusing,
    /// It accepts each request except for this many of its spans.
    Rejecting(usize),
    /// It speaks another protocol.
    Garbage,
}

impl FromStr for Mood {
    type Err = String;

    /// Parses a word and a number of seconds or spans: "up", "503 2", "rejecting 1".
    fn from_str(text: &str) -> Result<Self, String> {
        let (word, number) = text.split_once(' ').map_or((text, None), |(word, number)| {
            (word, Some(number.trim().parse::<usize>()))
        });
        let number = number.transpose().map_err(|error| format!("{text:?}: {error}"))?;
        let rest = number.map(|seconds| Duration::from_secs(seconds as u64));
        Ok(match word {
            "up" => Mood::Up,
            "down" => Mood::Down,
            "hanging" => Mood::Hanging,
            "429" => Mood::Throttling(rest),
            "503" => Mood::Unavailable(rest),
            "400" => Mood::Refusing,
            "rejecting" => Mood::Rejecting(number.unwrap_or(1)),
            "garbage" => Mood::Garbage,
            _ => {
                return Err(format!(
                    "{text:?}: expected up, down, hanging, 429, 503, 400, rejecting or garbage"
                ));
            }
        })
    }
}

/// The options of a receiver.
#[derive(Default)]
pub struct Options {
    /// The address to listen at.
    pub address: Option<String>,
    /// The protocol.
    pub protocol: Protocol,
    /// Whether spans are only counted.
    pub count_only: bool,
    /// TLS, and the clients that it accepts.
    pub tls: Option<Arc<ServerConfig>>,
}

/// Receives spans until the process ends.
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    received: Arc<Received>,
    mood: watch::Sender<Mood>,
}

/// Received telemetry.
#[derive(Default)]
struct Received {
    count_only: bool,
    protocol: Protocol,
    requests: AtomicUsize,
    acknowledged: AtomicUsize,
    rejected: AtomicUsize,
    spans: Mutex<Vec<Span>>,
    metrics: Mutex<Vec<ExportMetricsServiceRequest>>,
    logs: Mutex<Vec<ExportLogsServiceRequest>>,
}

impl Receiver {
    /// Receives and keeps spans over HTTP, at a free port.
    pub fn start() -> Self {
        Receiver::with(Options::default()).expect("a free port")
    }

    /// Receives and keeps spans, at a free port.
    pub fn speaking(protocol: Protocol) -> Self {
        let options = Options {
            protocol,
            ..Options::default()
        };
        Receiver::with(options).expect("a free port")
    }

    /// Starts a receiver.
    pub fn with(options: Options) -> io::Result<Self> {
        let address = options.address.as_deref().unwrap_or("127.0.0.1:0");
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let received = Arc::new(Received {
            count_only: options.count_only,
            protocol: options.protocol,
            ..Received::default()
        });
        let (mood, moods) = watch::channel(Mood::Up);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shared = Arc::clone(&received);
        std::thread::spawn(move || {
            if let Err(error) = runtime.block_on(serve::run(listener, options.tls, shared, moods)) {
                panic!("the receiver at {address} ends: {error}");
            }
        });
        Ok(Receiver {
            address,
            scheme,
            received,
            mood,
        })
    }

    /// Behaves like this from now on.
    pub fn behave(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// Returns the base URL for OTEL_EXPORTER_OTLP_ENDPOINT.
    pub fn endpoint(&self) -> String {
        // The tests' certificates name `localhost`; without TLS a literal address is faster.
        match self.scheme {
            "https" => format!("https://localhost:{}", self.address.port()),
            scheme => format!("{scheme}://{}", self.address),
        }
    }

    /// Returns the number of requests, whatever their responses.
    pub fn requests(&self) -> usize {
        self.received.requests.load(Ordering::Relaxed)
    }

    /// Returns the number of acknowledged spans.
    pub fn count(&self) -> usize {
        self.received.acknowledged.load(Ordering::Relaxed)
    }

    /// Returns the number of refused spans in acknowledged requests.
    pub fn rejected(&self) -> usize {
        self.received.rejected.load(Ordering::Relaxed)
    }

    /// Returns the acknowledged spans in order of arrival.
    pub fn spans(&self) -> Vec<Span> {
        self.received
            .spans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the received exports of metrics in order of arrival.
    pub fn metrics(&self) -> Vec<ExportMetricsServiceRequest> {
        let metrics = self.received.metrics.lock();
        metrics.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the received exports of log records in order of arrival.
    pub fn logs(&self) -> Vec<ExportLogsServiceRequest> {
        let logs = self.received.logs.lock();
        logs.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
