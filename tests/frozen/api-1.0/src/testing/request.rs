//! What starts a call: an HTTP request, or another event.

use std::time::Duration;

use abi_stable::std_types::{ROption, RSlice, RStr, Tuple2};

use super::data::TestData;
use super::function::TestFunction;
use super::value::PyValue;
use crate::abi;
use crate::driver::table;

/// What starts a call: an HTTP request, or another event ([`event`](Self::event)).
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) http: Option<Http>,
    pub(super) function: Option<TestFunction>,
    pub(super) inputs: Vec<(String, TestData)>,
    pub(super) metadata: Vec<(String, TestData)>,
    pub(super) trace_context: Option<(String, String)>,
    pub(super) retry: (u32, u32),
    pub(super) timeout: Duration,
    pub(super) attributes: Vec<(String, PyValue)>,
}

#[derive(Debug, Clone)]
pub(super) struct Http {
    method: String,
    path: String,
    query: String,
    protocol_version: u8,
    headers: Vec<(String, Vec<u8>)>,
    /// `None` if it is a stream.
    pub(super) body: Option<Vec<u8>>,
    client: String,
    route_parameters: Vec<(String, String)>,
}

impl Request {
    /// `GET` of this path, with its query if any: `/api/hello?name=ada`.
    pub fn get(target: &str) -> Self {
        Request::new("GET", target)
    }

    /// `POST` to this path, with a body.
    pub fn post(target: &str, body: impl Into<Vec<u8>>) -> Self {
        Request::new("POST", target).body(body)
    }

    /// A request with this method. HTTP/1.1, from 127.0.0.1:50000, without headers and body.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            http: Some(Http {
                method: method.to_ascii_uppercase(),
                path: path.to_owned(),
                query: query.to_owned(),
                protocol_version: 1,
                headers: Vec::new(),
                body: Some(Vec::new()),
                client: "127.0.0.1:50000".to_owned(),
                route_parameters: Vec::new(),
            }),
            ..Request::event()
        }
    }

    /// No HTTP request: a timer, a message, … The function that is called says which; see
    /// [`function`](Self::function).
    pub fn event() -> Self {
        Request {
            http: None,
            function: None,
            inputs: Vec::new(),
            metadata: Vec::new(),
            trace_context: None,
            retry: (0, 0),
            timeout: Duration::from_secs(5),
            attributes: Vec::new(),
        }
    }

    /// Adds a header. `traceparent` and `tracestate` are the call's trace context, unless there are two
    /// `traceparent`s.
    ///
    /// # Panics
    /// For an [`event`](Self::event), which has none.
    #[track_caller]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        let (name, headers) = (name.to_ascii_lowercase(), &mut self.http_mut("headers").headers);
        // In the order of a host: by name, in the order in which each name came first.
        let after = headers.iter().rposition(|(known, _)| *known == name);
        let at = after.map_or(headers.len(), |index| index + 1);
        headers.insert(at, (name, value.into()));
        self
    }

    /// Sets the body.
    ///
    /// # Panics
    /// As [`header`](Self::header).
    #[track_caller]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.http_mut("a body").body = Some(body.into());
        self
    }

    /// Makes the body a stream, which hooks do not read.
    ///
    /// # Panics
    /// As [`header`](Self::header).
    #[track_caller]
    pub fn streaming(mut self) -> Self {
        self.http_mut("a body").body = None;
        self
    }

    /// Sets the client's address and port; empty if unknown.
    ///
    /// # Panics
    /// As [`header`](Self::header).
    #[track_caller]
    pub fn client_address(mut self, address: impl Into<String>) -> Self {
        self.http_mut("a client").client = address.into();
        self
    }

    /// Adds a parameter of the function's route, decoded. Parameters of the query are in the target.
    ///
    /// # Panics
    /// As [`header`](Self::header).
    #[track_caller]
    pub fn route_parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let parameters = &mut self.http_mut("a route").route_parameters;
        parameters.push((name.into(), value.into()));
        self
    }

    /// Makes it a request of HTTP/1.0.
    ///
    /// # Panics
    /// As [`header`](Self::header).
    #[track_caller]
    pub fn http_1_0(mut self) -> Self {
        self.http_mut("a version").protocol_version = 0;
        self
    }

    /// Sets the function that is called. Unless given, that of a function-level extension, and for others one called
    /// `test`, with an HTTP trigger.
    pub fn function(mut self, function: &TestFunction) -> Self {
        self.function = Some(function.clone());
        self
    }

    /// Adds the data of an input binding: text, bytes, JSON ([`json!`](super::json)), numbers, or any [`TestData`]. An HTTP
    /// request is there already, by the name of the trigger.
    pub fn input(mut self, name: impl Into<String>, data: impl Into<TestData>) -> Self {
        self.inputs.push((name.into(), data.into()));
        self
    }

    /// Adds an entry to the trigger's metadata.
    pub fn metadata(mut self, name: impl Into<String>, data: impl Into<TestData>) -> Self {
        self.metadata.push((name.into(), data.into()));
        self
    }

    /// Sets the W3C trace context of an [`event`](Self::event); an HTTP request has it in its headers.
    pub fn trace_context(mut self, traceparent: impl Into<String>, tracestate: impl Into<String>) -> Self {
        self.trace_context = Some((traceparent.into(), tracestate.into()));
        self
    }

    /// Sets the number of this retry, and the maximum.
    pub fn retry(mut self, count: u32, max: u32) -> Self {
        self.retry = (count, max);
        self
    }

    /// Adds an attribute that an extension in front of this one has set.
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<PyValue>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    /// Sets how long each hook that waits may take: host.json's `functionTimeout`. 5 seconds unless given.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    #[track_caller]
    fn http_mut(&mut self, what: &str) -> &mut Http {
        match &mut self.http {
            Some(http) => http,
            None => panic!("an event has no {what}: begin with Request::get, post or new"),
        }
    }
}

impl Http {
    pub(super) fn header(&self, name: &str) -> Option<&[u8]> {
        let header = self
            .headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(&header.1)
    }

    /// `traceparent` and `tracestate` as a host reads them: several `traceparent`s count as none, several `tracestate`s
    /// are one list.
    pub(super) fn trace_context(&self) -> (String, String) {
        let all = |wanted: &str| {
            let values = self.headers.iter().filter(move |(name, _)| name == wanted);
            values
                .map(|(_, value)| str::from_utf8(value).ok().filter(|text| text.is_ascii()))
                .collect::<Vec<_>>()
        };
        match all("traceparent")[..] {
            [Some(traceparent)] if !traceparent.is_empty() => {
                let fields: Option<Vec<_>> = all("tracestate").into_iter().collect();
                let mut fields = fields.unwrap_or_default();
                fields.retain(|field| !field.is_empty());
                (traceparent.to_owned(), fields.join(","))
            }
            _ => Default::default(),
        }
    }

    pub(super) fn raw(&self) -> abi::HttpRequest<'_> {
        // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
        unsafe { abi::HttpRequest::new(HTTP_REQUEST, std::ptr::from_ref(self).cast()) }
    }
}

table! {
    HTTP_REQUEST: HttpRequestFns, HttpRequestFnsRef of Http {
        fn method(request) -> RStr<'static> { RStr::from_str(&request.method) }
        fn path(request) -> RStr<'static> { RStr::from_str(&request.path) }
        fn query(request) -> RStr<'static> { RStr::from_str(&request.query) }
        fn protocol_version(request) -> u8 { request.protocol_version }
        fn header(request, name: RStr<'_>) -> ROption<RSlice<'static, u8>> {
            request.header(name.as_str()).map(RSlice::from_slice).into()
        }
        fn header_at(request, index: usize) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>> {
            let header = request.headers.get(index);
            header.map(|(name, value)| Tuple2(RStr::from_str(name), RSlice::from_slice(value))).into()
        }
        fn body(request) -> ROption<RSlice<'static, u8>> { request.body.as_deref().map(RSlice::from_slice).into() }
        fn client_address(request) -> RStr<'static> { RStr::from_str(&request.client) }
        fn route_parameter_at(request, index: usize) -> ROption<Tuple2<RStr<'static>, RStr<'static>>> {
            let parameter = request.route_parameters.get(index);
            parameter.map(|(name, value)| Tuple2(RStr::from_str(name), RStr::from_str(value))).into()
        }
    }
}
