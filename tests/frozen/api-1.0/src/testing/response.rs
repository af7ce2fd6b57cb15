//! The HTTP response of a call, as hooks change it.

use std::cell::RefCell;

use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RVec, Tuple2};

use crate::driver::{check_header, check_status, extend, extend_bytes, table};
use crate::{Response, abi};

/// The response on its way to the client. Its header names are in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TestResponse {
    pub(super) response: Response,
    /// Whether its body is a stream.
    pub(super) streams: bool,
}

impl TestResponse {
    pub(super) fn new(mut response: Response) -> Self {
        for (name, _) in &mut response.headers {
            name.make_ascii_lowercase();
        }
        TestResponse {
            response,
            streams: false,
        }
    }

    /// The response of a cell, for a hook to change.
    pub(super) fn raw(cell: &RefCell<TestResponse>) -> abi::HttpResponse<'static> {
        // SAFETY: the table is one for this type; the cell lives as long as the outcome, which is borrowed for the hook.
        unsafe { abi::HttpResponse::new(HTTP_RESPONSE, std::ptr::from_ref(cell).cast()) }
    }
}

table! {
    HTTP_RESPONSE: HttpResponseFns, HttpResponseFnsRef of RefCell<TestResponse> {
        fn status(cell) -> u16 { cell.borrow().response.status }
        fn set_status(cell, status: u16) -> RResult<(), abi::Error> {
            checked(check_status(status)).map(|()| cell.borrow_mut().response.status = status)
        }
        fn header(cell, name: RStr<'_>) -> ROption<RSlice<'static, u8>> {
            let borrowed = cell.borrow();
            let value = first(&borrowed.response, name.as_str());
            // SAFETY: it does not change before a method with `&mut self` changes the response.
            value.map(|value| unsafe { extend_bytes(value.as_bytes()) }).into()
        }
        fn header_at(cell, index: usize) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>> {
            let borrowed = cell.borrow();
            let found = borrowed.response.headers.get(index);
            // SAFETY: as above.
            found.map(|(name, value)| unsafe { Tuple2(extend(name), extend_bytes(value.as_bytes())) }).into()
        }
        fn set_header(cell, name: RStr<'_>, value: RStr<'_>, append: bool) -> RResult<(), abi::Error> {
            checked(check_header(name.as_str(), value.as_str())).map(|()| {
                let (name, headers) = (name.to_ascii_lowercase(), &mut cell.borrow_mut().response.headers);
                if !append {
                    headers.retain(|(known, _)| *known != name);
                }
                headers.push((name, value.to_string()));
            })
        }
        fn remove_header(cell, name: RStr<'_>) {
            let name = name.as_str();
            cell.borrow_mut().response.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        }
        fn body(cell) -> ROption<RSlice<'static, u8>> {
            let borrowed = cell.borrow();
            let body = (!borrowed.streams).then_some(&borrowed.response.body);
            // SAFETY: as above.
            body.map(|body| unsafe { extend_bytes(body) }).into()
        }
        fn set_body(cell, body: RVec<u8>) {
            let mut response = cell.borrow_mut();
            response.response.body = body.into();
            response.streams = false;
        }
    }
}

/// The first value of a header.
pub(super) fn first<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let mut headers = response.headers.iter();
    let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

/// Checks that a host can send this response.
pub(super) fn check(response: &Response) -> Result<(), String> {
    for (name, value) in &response.headers {
        check_header(name, value)?;
    }
    check_status(response.status)
}

fn checked(result: Result<(), String>) -> RResult<(), abi::Error> {
    let error = |problem: String| abi::Error::new(abi::ERROR_VALUE, problem);
    result.map_err(error).into()
}
