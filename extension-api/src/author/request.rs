//! The HTTP request that triggered an invocation.

use std::borrow::Cow;

use abi_stable::std_types::Tuple2;

use crate::abi;

/// The HTTP request that triggered an invocation.
#[derive(Clone, Copy)]
pub struct HttpRequest<'a> {
    raw: abi::HttpRequest<'a>,
}

impl<'a> HttpRequest<'a> {
    pub(crate) fn new(raw: abi::HttpRequest<'a>) -> Self {
        HttpRequest { raw }
    }

    /// The method, upper case.
    pub fn method(&self) -> &'a str {
        self.raw.method().as_str()
    }

    /// The path as sent, percent-encoded.
    pub fn path(&self) -> &'a str {
        self.raw.path().as_str()
    }

    /// The query string as sent, without the question mark; empty if there is none.
    pub fn query(&self) -> &'a str {
        self.raw.query().as_str()
    }

    /// The parameters of the query string, decoded, in order: names may come several times.
    pub fn query_parameters(&self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> + use<'a> {
        form_urlencoded::parse(self.query().as_bytes())
    }

    /// The first value of a parameter of the query string, decoded.
    pub fn query_parameter(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut parameters = self.query_parameters();
        parameters.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The parameters of the function's route, decoded, in the order of the route: `id` of `api/orders/{id}`. An optional
    /// one that the path does not have is left out.
    pub fn route_parameters(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let raw = self.raw;
        (0..).map_while(move |index| {
            let Tuple2(name, value) = raw.route_parameter_at(index).into_option()?;
            Some((name.as_str(), value.as_str()))
        })
    }

    /// The value of a parameter of the function's route, decoded.
    pub fn route_parameter(&self, name: &str) -> Option<&'a str> {
        let mut parameters = self.route_parameters();
        parameters.find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The protocol version: "1.0", "1.1" or "2".
    pub fn version(&self) -> &'static str {
        match self.raw.protocol_version() {
            0 => "1.0",
            1 => "1.1",
            _ => "2",
        }
    }

    /// The first value of a header, as sent; names compare without case.
    pub fn header_bytes(&self, name: &str) -> Option<&'a [u8]> {
        let value = self.raw.header(name.into()).into_option()?;
        Some(value.as_slice())
    }

    /// The first value of a header; `None` also if it is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.header_bytes(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All headers, names in lower case, in order of arrival by name.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> + use<'a> {
        let raw = self.raw;
        (0..).map_while(move |index| {
            let Tuple2(name, value) = raw.header_at(index).into_option()?;
            Some((name.as_str(), value.as_slice()))
        })
    }

    /// The body; `None` if it is a stream, which hooks do not read.
    pub fn body(&self) -> Option<&'a [u8]> {
        let body = self.raw.body().into_option()?;
        Some(body.as_slice())
    }

    /// The scheme with which the client sent the request: "http" or "https".
    ///
    /// A proxy that the host trusts (`--forwarded-allow-ips`) says so in `X-Forwarded-Proto`. So it is for [`host`](Self::host) and
    /// [`client_address`](Self::client_address): ask for these instead of reading the headers, which any client can send.
    pub fn scheme(&self) -> &'a str {
        self.header(abi::SCHEME).unwrap_or("http")
    }

    /// The host and port to which the client sent the request; `None` if unknown.
    pub fn host(&self) -> Option<&'a str> {
        self.header(abi::AUTHORITY).or_else(|| self.header("host"))
    }

    /// The address and port of the other end of the connection, which may be a proxy; `None` if unknown.
    pub fn peer_address(&self) -> Option<&'a str> {
        let peer = self.header(abi::PEER).filter(|peer| !peer.is_empty());
        peer.or_else(|| self.client_address())
    }

    /// The client's address and port, which is 0 if a proxy does not say; `None` if unknown.
    pub fn client_address(&self) -> Option<&'a str> {
        let address = self.raw.client_address().as_str();
        Some(address).filter(|address| !address.is_empty())
    }
}
