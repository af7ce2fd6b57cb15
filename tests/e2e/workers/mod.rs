//! A worker's threads and contexts, and workers that are replaced, reloaded, and share the load.

mod causes;
mod contexts;
mod even_load;
mod lifespans;
mod limits;
mod lost_functions;
mod reload;
mod service_manager;
mod stalls;
mod watch;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use funcdock_tests::{DEADLINE, Host, wait_for};

/// GETs a path on a connection of its own; returns (status, body), or `None` if the connection was lost. Panics if it is
/// refused: the port stays open.
fn get(host: &Host, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(host.address()).expect("the port stays open");
    stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
    let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// Returns the process id that the path answers with, on a connection of its own.
fn pid(host: &Host, path: &str) -> Option<i32> {
    get(host, path)?.1.parse().ok()
}

/// Waits until the path answers with another process id than this, and returns that.
#[track_caller]
fn successor_of(host: &Host, path: &str, worker: i32) -> i32 {
    let successor = wait_for(|| pid(host, path).filter(|pid| *pid != worker));
    successor.unwrap_or_else(|| panic!("the worker was not replaced\n{}", host.output()))
}
