//! Receives spans and counts them: the collector of the benchmarks.
//!
//!     otlp-count [address [http|grpc]]
//!
//! For each line of its input it changes its behaviour (`up`, `503 2`, …; an empty line changes nothing) and prints how
//! many spans it has acknowledged. It exits at the end of its input.

use std::io::{self, BufRead as _};

use funcdock_tests::otlp::{Options, Protocol, Receiver};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:4318".to_owned());
    let protocol = match arguments.next().as_deref() {
        Some("grpc") => Protocol::Grpc,
        Some("http") | None => Protocol::Http,
        Some(other) => return Err(io::Error::other(format!("{other:?} is neither http nor grpc"))),
    };
    let receiver = Receiver::with(Options {
        address: Some(address),
        protocol,
        count_only: true,
        tls: None,
    })?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            receiver.behave(line.trim().parse().map_err(io::Error::other)?);
        }
        println!("{}", receiver.count());
    }
    Ok(())
}
