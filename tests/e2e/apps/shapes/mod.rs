//! Apps in the shapes of real ones, with the frameworks that people use: each lists its functions and answers as its
//! author expects.

mod blueprints;
mod chat;
mod django;
mod fastapi;
mod flask;
mod own_otel;
mod timer_and_http;
mod upload;

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use funcdock_tests::{Answer, App, DEADLINE, Host, python};
use ureq::http::{Request, response};

/// The packages of all these apps: one environment for all tests.
const PACKAGES: [&str; 6] = [
    "azure-functions",
    "azurefunctions-extensions-http-fastapi",
    "django",
    "fastapi",
    "flask",
    "opentelemetry-sdk",
];

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Starts an app that needs packages.
fn start(case: &str) -> Host {
    App::case(case).python(python()).start()
}

/// Returns an interpreter with the packages of all these apps.
pub(crate) fn python() -> PathBuf {
    python::with("shapes", &PACKAGES)
}

/// Returns environments with azure-functions only, of old and new Python versions.
fn plain_pythons() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let versions = [
        python::SUPPORTED[0],
        "3.11",
        python::SUPPORTED[python::SUPPORTED.len() - 1],
    ];
    versions
        .into_iter()
        .filter_map(|version| Some((version, python::with_packages(version)?)))
}

/// Returns the functions that the host lists, without its address.
fn listed(host: &Host) -> Vec<String> {
    let base = host.url().replace("127.0.0.1", "localhost");
    host.stdout()
        .lines()
        .filter_map(|line| line.strip_prefix('\t'))
        .map(|line| line.replace(&base, ""))
        .collect()
}

/// Asserts that the only function is one of a framework, which takes all paths below the prefix.
#[track_caller]
fn assert_framework_listed(host: &Host, prefix: &str) {
    let listed = listed(host);
    let [function] = listed.as_slice() else {
        panic!("expected one function: {listed:?}")
    };
    assert!(function.starts_with("http_app_func: "), "{function}");
    assert!(function.ends_with(&format!(" {prefix}/{{*route}}")), "{function}");
}

/// A request like "GET /path".
fn request(host: &Host, line: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let mut request = Request::builder().method(method).uri(host.url_of(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).expect("a valid request")
}

/// Sends a request like "GET /path" and asserts the status of the response.
#[track_caller]
fn ask(host: &Host, line: &str, status: u16) -> Answer {
    send(host, line, &[], "", status)
}

/// Sends a request with headers and a body and asserts the status of the response.
#[track_caller]
fn send(host: &Host, line: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>, status: u16) -> Answer {
    let answer = host.send(request(host, line, headers, body));
    assert_eq!(answer.status, status, "{line}: {answer:?}\n{}", host.output());
    answer
}

/// A response that is read while the app makes it. Dropping it closes the connection.
struct Streamed<'h> {
    host: &'h Host,
    head: response::Parts,
    body: BufReader<ureq::BodyReader<'static>>,
}

impl<'h> Streamed<'h> {
    #[track_caller]
    fn get(host: &'h Host, path: &str) -> Self {
        Streamed::send(host, request(host, &format!("GET {path}"), &[], ""))
    }

    #[track_caller]
    fn send(host: &'h Host, request: Request<Vec<u8>>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(DEADLINE))
            .proxy(None);
        let agent: ureq::Agent = config.build().into();
        let response = agent.run(request);
        let response = response.unwrap_or_else(|error| panic!("no response: {error}\n{}", host.output()));
        let (head, body) = response.into_parts();
        Streamed {
            host,
            head,
            body: BufReader::new(body.into_reader()),
        }
    }

    /// Reads one line, without its end.
    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        if let Err(error) = self.body.read_line(&mut line) {
            panic!("no line: {error}\n{}", self.host.output());
        }
        line.trim_end_matches('\n').to_owned()
    }

    /// Reads what is left.
    #[track_caller]
    fn rest(mut self) -> String {
        let mut rest = String::new();
        if let Err(error) = self.body.read_to_string(&mut rest) {
            panic!("the response does not end: {error}\n{}", self.host.output());
        }
        rest
    }

    fn header(&self, name: &str) -> &str {
        let value = self.head.headers.get(name);
        value.map_or("", |value| value.to_str().expect("an ASCII header"))
    }

    /// Returns "name=value" of each cookie that the response sets, one for each header of its own.
    fn cookies(&self) -> Vec<String> {
        let headers = self.head.headers.get_all("set-cookie").iter();
        let mut cookies: Vec<String> = headers
            .map(|value| value.to_str().expect("an ASCII header"))
            .map(|value| value.split(';').next().unwrap_or_default().to_owned())
            .collect();
        cookies.sort();
        cookies
    }
}
