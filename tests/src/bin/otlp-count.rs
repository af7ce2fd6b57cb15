//! Receives spans at the address that is its argument, and counts them: the collector of the benchmark. Prints
//! the count for each line that it reads, and ends with its input.

use std::io::BufRead as _;

use funcdock_tests::otlp::Receiver;

fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:4318".to_owned());
    let receiver = Receiver::listen(&address, false)?;
    for _ in std::io::stdin().lock().lines() {
        println!("{}", receiver.count());
    }
    Ok(())
}
