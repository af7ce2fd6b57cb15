//! How the call ended, as the test says it, and the response, as the post hook changes it.

use std::cell::RefCell;

use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RVec, Tuple2};

use super::tables::{invalid, lend, lend_bytes, table};
use crate::{OutcomeKind, Response, abi};

/// What a function returned: an HTTP [`Response`], text, bytes, or nothing (`()`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    kind: u8,
    /// Of `DATA_HTTP` it is in the response.
    data: Vec<u8>,
    response: Response,
}

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

impl From<Response> for Returned {
    fn from(response: Response) -> Self {
        Returned {
            kind: abi::DATA_HTTP,
            data: Vec::new(),
            response: lower_case(response),
        }
    }
}

impl From<()> for Returned {
    fn from((): ()) -> Self {
        Returned {
            kind: abi::DATA_NONE,
            data: Vec::new(),
            response: Response::new(204),
        }
    }
}

impl From<&str> for Returned {
    fn from(text: &str) -> Self {
        Returned::plain(abi::DATA_TEXT, TEXT, text.into())
    }
}

impl From<String> for Returned {
    fn from(text: String) -> Self {
        Returned::plain(abi::DATA_TEXT, TEXT, text.into())
    }
}

impl From<Vec<u8>> for Returned {
    fn from(bytes: Vec<u8>) -> Self {
        Returned::plain(abi::DATA_BYTES, BYTES, bytes)
    }
}

impl Returned {
    fn plain(kind: u8, content_type: &str, data: Vec<u8>) -> Self {
        Returned {
            kind,
            response: Response::new(200)
                .header("content-type", content_type)
                .body(data.clone()),
            data,
        }
    }
}

/// How a call ended.
pub(super) struct Ending {
    kind: u8,
    response: RefCell<Response>,
    is_http: bool,
    /// Type, message, traceback.
    exception: Option<[String; 3]>,
    extension: Option<String>,
    returned: Option<(u8, Vec<u8>)>,
    pub(super) allocated_blocks: Option<(u64, u64)>,
}

impl Ending {
    fn new(kind: u8, response: Response) -> Self {
        Ending {
            kind,
            response: RefCell::new(response),
            is_http: true,
            exception: None,
            extension: None,
            returned: None,
            allocated_blocks: None,
        }
    }

    pub(super) fn returned(value: Returned) -> Self {
        let data = match value.kind {
            // The body as it was returned: hooks change the response's.
            abi::DATA_HTTP => value.response.body.clone(),
            _ => value.data,
        };
        Ending {
            returned: Some((value.kind, data)),
            ..Ending::new(abi::OUTCOME_RETURNED, value.response)
        }
    }

    pub(super) fn raised(type_name: String, message: String) -> Self {
        let traceback = format!("Traceback (most recent call last):\n{type_name}: {message}\n");
        Ending {
            exception: Some([type_name, message, traceback]),
            ..Ending::new(abi::OUTCOME_RAISED, Response::new(500))
        }
    }

    pub(super) fn timed_out() -> Self {
        Ending::new(abi::OUTCOME_TIMED_OUT, Response::new(504))
    }

    pub(super) fn cancelled() -> Self {
        Ending::new(abi::OUTCOME_CANCELLED, Response::new(503))
    }

    pub(super) fn answered(extension: &str, response: Response) -> Self {
        Ending {
            extension: Some(extension.to_owned()),
            ..Ending::new(abi::OUTCOME_ANSWERED, lower_case(response))
        }
    }

    pub(super) fn refused(extension: &str, type_name: &str, message: String) -> Self {
        Ending {
            extension: Some(extension.to_owned()),
            exception: Some([type_name.to_owned(), message, String::new()]),
            ..Ending::new(abi::OUTCOME_REFUSED, Response::new(500))
        }
    }

    /// A call that no HTTP request made has no response.
    pub(super) fn of(mut self, is_http: bool) -> Self {
        self.is_http = is_http;
        self
    }

    pub(super) fn kind(&self) -> OutcomeKind {
        OutcomeKind::from_abi(self.kind)
    }

    /// The response; `None` where no HTTP request made the call.
    pub(super) fn response(&mut self) -> Option<&Response> {
        self.is_http.then_some(&*self.response.get_mut())
    }

    pub(super) fn raw(&self) -> abi::Outcome {
        abi::Outcome {
            functions: OUTCOME,
            this: std::ptr::from_ref(self).cast(),
        }
    }
}

table! {
    OUTCOME: OutcomeFns, OutcomeFnsRef of Ending {
        fn kind(ending) -> u8 { ending.kind }
        fn status(ending) -> u16 {
            if ending.is_http { ending.response.borrow().status } else { 0 }
        }
        fn exception(ending) -> ROption<abi::Exception<'static>> {
            let exception = ending.exception.as_ref();
            exception
                .map(|[type_name, message, traceback]| abi::Exception {
                    type_name: lend(type_name),
                    message: lend(message),
                    traceback: lend(traceback),
                })
                .into()
        }
        fn extension(ending) -> ROption<RStr<'static>> { ending.extension.as_deref().map(lend).into() }
        fn return_value(ending) -> ROption<abi::Data> {
            let returned = ending.returned.as_ref();
            returned.map(|(kind, data)| abi::Data { kind: *kind, bytes: lend_bytes(data) }).into()
        }
        fn allocated_blocks(ending) -> ROption<Tuple2<u64, u64>> {
            ending.allocated_blocks.map(|(before, after)| Tuple2(before, after)).into()
        }
        fn response(ending) -> ROption<abi::HttpResponse> {
            let response = abi::HttpResponse {
                functions: HTTP_RESPONSE,
                this: std::ptr::from_ref(&ending.response).cast(),
            };
            ending.is_http.then_some(response).into()
        }
    }
}

// What is lent lives until the next change, which the SDK sees to; no borrow of the cell outlives its function.
table! {
    HTTP_RESPONSE: HttpResponseFns, HttpResponseFnsRef of RefCell<Response> {
        fn status(response) -> u16 { response.borrow().status }
        fn set_status(response, status: u16) -> RResult<(), abi::Error> {
            match final_status(status) {
                Ok(()) => {
                    response.borrow_mut().status = status;
                    RResult::ROk(())
                }
                Err(problem) => RResult::RErr(invalid(problem)),
            }
        }
        fn header(response, name: RStr<'_>) -> ROption<RSlice<'static, u8>> {
            first(&response.borrow(), name.as_str()).map(|value| lend_bytes(value.as_bytes())).into()
        }
        fn header_at(response, index: usize) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>> {
            let response = response.borrow();
            let found = response.headers.get(index);
            found.map(|(name, value)| Tuple2(lend(name), lend_bytes(value.as_bytes()))).into()
        }
        fn set_header(response, name: RStr<'_>, value: RStr<'_>, append: bool) -> RResult<(), abi::Error> {
            if let Err(problem) = valid_header(name.as_str(), value.as_str()) {
                return RResult::RErr(invalid(problem));
            }
            let (name, headers) = (name.to_ascii_lowercase(), &mut response.borrow_mut().headers);
            if !append {
                headers.retain(|(known, _)| *known != name);
            }
            headers.push((name, value.to_string()));
            RResult::ROk(())
        }
        fn remove_header(response, name: RStr<'_>) {
            let name = name.as_str();
            response.borrow_mut().headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        }
        fn body(response) -> RSlice<'static, u8> { lend_bytes(&response.borrow().body) }
        fn set_body(response, body: RVec<u8>) { response.borrow_mut().body = body.into(); }
    }
}

/// The first value of a header.
pub(super) fn first<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut headers = response.headers.iter();
    let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Whether a host can send this answer.
pub(super) fn sendable(response: &Response) -> Result<(), String> {
    for (name, value) in &response.headers {
        valid_header(name, value)?;
    }
    final_status(response.status)
}

fn final_status(status: u16) -> Result<(), String> {
    match status {
        200..1000 => Ok(()),
        _ => Err(format!("{status} is no final HTTP status")),
    }
}

fn valid_header(name: &str, value: &str) -> Result<(), String> {
    let in_name = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    if name.is_empty() || !name.bytes().all(in_name) {
        return Err(format!("{name:?} is no header name"));
    }
    if !value.bytes().all(|c| c == b'\t' || (c >= b' ' && c != 0x7f)) {
        return Err(format!("the value of header {name:?} is not valid"));
    }
    Ok(())
}

fn lower_case(mut response: Response) -> Response {
    for (name, _) in &mut response.headers {
        name.make_ascii_lowercase();
    }
    response
}
