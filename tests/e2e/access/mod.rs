//! Who may call an app: keys, the host's own paths, and pages of other origins.

mod cors;
mod keys;
mod metrics;
mod paths;

use funcdock_tests::{Answer, Host};
use ureq::http::Request;

/// Sends a request, "GET /path", with these headers and this body.
fn send(host: &Host, request: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let (method, path) = request.split_once(' ').expect("a method and a path");
    let mut builder = Request::builder().method(method).uri(host.url_of(path));
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    host.send(builder.body(body.as_bytes().to_vec()).expect("a valid request"))
}
