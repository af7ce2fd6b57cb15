//! Sends requests at a steady rate, however long the responses take: the load of benchmarks that compare latencies.
//!
//!     steady-load address path rate seconds connections
//!
//! Requests are due at even intervals, and the first free connection sends each. A latency is measured from the time
//! when the request was due, so that a server that stalls cannot hide its delays. Prints one JSON object: the numbers of
//! requests sent and failed, and percentiles of the latency in milliseconds.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use funcdock_tests::at_once;

/// A response that takes longer is a failure.
const PATIENCE: Duration = Duration::from_secs(10);

struct Load {
    address: String,
    request: Vec<u8>,
    rate: f64,
    requests: usize,
    connections: usize,
}

fn main() -> io::Result<()> {
    let load = arguments()
        .ok_or_else(|| io::Error::other("expected: steady-load address path rate seconds connections"))?;
    let next = AtomicUsize::new(0);
    let begin = Instant::now() + Duration::from_millis(20);
    let mut all = Done::default();
    for done in at_once(load.connections, |_| run(&load, begin, &next)) {
        let done = done?;
        all.latencies.extend(done.latencies);
        all.failures += done.failures;
    }
    all.latencies.sort_unstable();
    let at = |share: f64| {
        let index = (all.latencies.len() as f64 * share) as usize;
        let found = all.latencies.get(index).or(all.latencies.last());
        found.map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
    };
    println!(
        r#"{{"requests": {}, "failures": {}, "seconds": {:.3}, "p50_ms": {:.3}, "p99_ms": {:.3}, "p999_ms": {:.3}, "max_ms": {:.3}}}"#,
        load.requests,
        all.failures,
        begin.elapsed().as_secs_f64(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
    Ok(())
}

fn arguments() -> Option<Load> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, path, rate, seconds, connections] = &arguments[..] else {
        return None;
    };
    let rate: f64 = rate.parse().ok()?;
    let seconds: f64 = seconds.parse().ok()?;
    Some(Load {
        address: address.clone(),
        request: format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes(),
        rate,
        requests: (rate * seconds) as usize,
        connections: connections.parse().ok()?,
    })
}

#[derive(Default)]
struct Done {
    latencies: Vec<Duration>,
    failures: usize,
}

/// Sends requests over one connection; connects again after a failure.
fn run(load: &Load, begin: Instant, next: &AtomicUsize) -> io::Result<Done> {
    let mut done = Done::default();
    let mut connection = Some(Connection::open(&load.address)?);
    loop {
        let index = next.fetch_add(1, Ordering::Relaxed);
        if index >= load.requests {
            return Ok(done);
        }
        let due = begin + Duration::from_secs_f64(index as f64 / load.rate);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let mut open = match connection.take() {
            Some(open) => open,
            None => Connection::open(&load.address)?,
        };
        match open.ask(&load.request) {
            Ok(200) => {
                done.latencies.push(due.elapsed());
                connection = Some(open);
            }
            Ok(_) => {
                done.failures += 1;
                connection = Some(open);
            }
            Err(_) => done.failures += 1,
        }
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Connection(BufReader::new(stream)))
    }

    /// Sends a request and reads the response; returns its status.
    fn ask(&mut self, request: &[u8]) -> io::Result<u16> {
        self.0.get_mut().write_all(request)?;
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other("the response is not HTTP"))?;
        let mut length = 0;
        loop {
            line.clear();
            if self.0.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let header = line.trim_end();
            if header.is_empty() {
                break;
            }
            if let Some((name, value)) = header.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
        }
        io::copy(&mut self.0.by_ref().take(length), &mut io::sink())?;
        Ok(status)
    }
}
