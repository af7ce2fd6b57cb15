//! A receiver of spans, metrics and log records, as any collector takes them: OTLP over HTTP or gRPC, with or without
//! TLS. It can be told to make trouble with spans.
//!
//! Counted is what is acknowledged: a request that is answered with success, once.

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

/// How OTLP travels.
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
    /// It takes what comes.
    Up,
    /// Nobody listens, and connections are closed.
    Down,
    /// It reads requests and does not answer.
    Hanging,
    /// It takes no request: 429, or RESOURCE_EXHAUSTED; asks to be left alone for so long.
    Throttling(Option<Duration>),
    /// It takes no request: 503, or UNAVAILABLE; asks to be left alone for so long.
    Unavailable(Option<Duration>),
    /// It takes no request, now or ever: 400, or INVALID_ARGUMENT.
    Refusing,
    /// It takes each request, but for so many spans of it.
    Rejecting(usize),
    /// It talks some other protocol.
    Garbage,
}

impl FromStr for Mood {
    type Err = String;

    /// A word, and a number of seconds or spans: "up", "503 2", "rejecting 1".
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

/// What kind of receiver to start.
#[derive(Default)]
pub struct Options {
    /// Where it listens.
    pub address: Option<String>,
    /// What it speaks.
    pub protocol: Protocol,
    /// Whether spans are only counted.
    pub count_only: bool,
    /// TLS, and which clients it takes.
    pub tls: Option<Arc<ServerConfig>>,
}

/// Receives spans until the process ends.
pub struct Receiver {
    address: SocketAddr,
    scheme: &'static str,
    received: Arc<Received>,
    mood: watch::Sender<Mood>,
}

/// What has come.
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

    /// The base URL, as OTEL_EXPORTER_OTLP_ENDPOINT takes it.
    pub fn endpoint(&self) -> String {
        // The name that certificates of tests are for; a literal address is quicker, where there are none.
        match self.scheme {
            "https" => format!("https://localhost:{}", self.address.port()),
            scheme => format!("{scheme}://{}", self.address),
        }
    }

    /// How many requests have come, whatever they were answered.
    pub fn requests(&self) -> usize {
        self.received.requests.load(Ordering::Relaxed)
    }

    /// How many spans were acknowledged.
    pub fn count(&self) -> usize {
        self.received.acknowledged.load(Ordering::Relaxed)
    }

    /// How many spans were refused, of requests that were acknowledged.
    pub fn rejected(&self) -> usize {
        self.received.rejected.load(Ordering::Relaxed)
    }

    /// The spans that were acknowledged, in order of arrival.
    pub fn spans(&self) -> Vec<Span> {
        self.received
            .spans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The exports of metrics that have come, in order of arrival.
    pub fn metrics(&self) -> Vec<ExportMetricsServiceRequest> {
        let metrics = self.received.metrics.lock();
        metrics.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The exports of log records that have come, in order of arrival.
    pub fn logs(&self) -> Vec<ExportLogsServiceRequest> {
        let logs = self.received.logs.lock();
        logs.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
