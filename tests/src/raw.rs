//! HTTP written by hand, for requests that a client library would not send.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::{Answer, DEADLINE, Host};

/// A connection to a host. Each read may take [`DEADLINE`].
#[derive(Debug)]
pub struct Raw(BufReader<TcpStream>);

impl Raw {
    /// Connects to the host.
    pub fn connect(host: &Host) -> Self {
        let stream = TcpStream::connect(host.address()).expect("the port is open");
        stream.set_read_timeout(Some(DEADLINE)).expect("not zero");
        stream.set_nodelay(true).expect("a TCP socket");
        Raw(BufReader::new(stream))
    }

    /// Sends these bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the connection is open");
    }

    /// Sends these bytes to a host that may have closed the connection.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes.as_ref())
    }

    /// Reads a response, which may be an interim one (1xx).
    pub fn answer(&mut self) -> Answer {
        self.read(true)
    }

    /// Reads the response to a HEAD request, which has no body.
    pub fn answer_to_head(&mut self) -> Answer {
        self.read(false)
    }

    /// Asserts that the host has closed the connection and that there is nothing more to read.
    pub fn assert_closed(mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => assert_eq!(String::from_utf8_lossy(&rest), "", "sent before the end"),
            // The host closed with unread bytes from this side.
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }

    fn read(&mut self, has_body: bool) -> Answer {
        let status = self.line();
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut answer = Answer {
            status: status.expect("a status line"),
            ..Answer::default()
        };
        loop {
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').expect("a header line");
            answer.add_header(&name.to_ascii_lowercase(), value.trim());
        }
        if has_body && !matches!(answer.status, 100..200 | 204 | 304) {
            answer.body = self.body(&answer);
        }
        answer
    }

    fn body(&mut self, answer: &Answer) -> Vec<u8> {
        let mut body = Vec::new();
        match answer.header("content-length") {
            // The host knows the length of every response.
            "" => panic!("a response without content-length: {answer:?}"),
            length => {
                body.resize(length.parse().expect("a length"), 0);
                self.0.read_exact(&mut body).expect("the body");
            }
        }
        body
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("a line of an answer");
        let line = line.strip_suffix("\r\n");
        line.expect("the line is complete").to_owned()
    }
}
