//! The HTTP response that an invocation will be answered with.

use abi_stable::std_types::{ROption, RResult, RSlice, RStr, RVec, Tuple2};
use bytes::Bytes;
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::{check_header, check_status, table};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::data;
use super::ended_call::EndedCall;
use crate::model::{HttpResponse, MAX_RESPONSE_HEADERS, append_header};

/// Takes the response that a pre hook gave.
///
/// # Errors
/// It cannot be sent: the status or a header is not valid in HTTP.
pub(in crate::extensions) fn http_response(response: abi::Response) -> Result<HttpResponse, String> {
    let mut headers = HeaderMap::with_capacity(response.headers.len().min(MAX_RESPONSE_HEADERS));
    for Tuple2(name, value) in &response.headers {
        let (name, value) = header(name, value)?;
        append_header(&mut headers, name, value).map_err(|error| error.to_string())?;
    }
    Ok(HttpResponse {
        status: status(response.status)?,
        headers,
        body: Bytes::from(response.body.into_vec()).into(),
    })
}

fn status(status: u16) -> Result<StatusCode, String> {
    check_status(status)?;
    StatusCode::from_u16(status).map_err(|error| error.to_string())
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let parsed = HeaderName::from_bytes(name.as_bytes())
        .ok()
        .zip(HeaderValue::from_bytes(value.as_bytes()).ok());
    parsed.ok_or_else(|| match check_header(name, value) {
        Err(problem) => problem,
        Ok(()) => format!("the header name {name:?} is too long"),
    })
}

fn invalid(problem: String) -> abi::Error {
    abi::Error::new(abi::ERROR_VALUE, problem)
}

const HTTP: &str = "OUTCOME's `response` gives out this table only if the trigger answers HTTP";

impl EndedCall<'_> {
    fn http(&mut self) -> &HttpResponse {
        self.result.response(self.invocation).expect(HTTP)
    }

    /// Returns the result of a change of the response to the extension, and notes an error.
    fn changed(&mut self, result: Result<(), String>) -> RResult<(), abi::Error> {
        let noted = result.inspect_err(|problem| self.refuse(problem));
        noted.map_err(invalid).into()
    }

    fn http_mut(&mut self) -> &mut HttpResponse {
        self.result.response_mut(self.invocation).expect(HTTP)
    }
}

// One function at a time is called, and what one returns is in use no longer than until the next change: the methods of
// `abi::HttpResponse` that change it take `&mut self`.
table! {
    pub(super) HTTP_RESPONSE: HttpResponseFns, HttpResponseFnsRef of EndedCall<'static> {
        fn status(mut call) -> u16 { call.http().status.as_u16() }
        fn set_status(mut call, new: u16) -> RResult<(), abi::Error> {
            let set = super::response::status(new).map(|status| call.http_mut().status = status);
            call.changed(set)
        }
        fn header(mut call, name: RStr<'_>) -> ROption<RSlice<'static, u8>> {
            let value = call.http().headers.get(name.as_str());
            value.map(|value| RSlice::from_slice(value.as_bytes())).into()
        }
        fn header_at(mut call, index: usize) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>> {
            let header = call.http().headers.iter().nth(index);
            header
                .map(|(name, value)| {
                    Tuple2(RStr::from_str(name.as_str()), RSlice::from_slice(value.as_bytes()))
                })
                .into()
        }
        fn set_header(mut call, name: RStr<'_>, value: RStr<'_>, append: bool) -> RResult<(), abi::Error> {
            let set = super::response::header(name.as_str(), value.as_str()).and_then(|(name, value)| {
                let headers = &mut call.http_mut().headers;
                if !append {
                    headers.remove(&name);
                }
                append_header(headers, name, value).map_err(|error| error.to_string())
            });
            call.changed(set)
        }
        fn remove_header(mut call, name: RStr<'_>) {
            call.http_mut().headers.remove(name.as_str());
        }
        fn body(mut call) -> ROption<RSlice<'static, u8>> {
            data::body(&call.http().body).map(RSlice::from_slice).into()
        }
        fn set_body(mut call, body: RVec<u8>) {
            call.http_mut().body = Bytes::from(body.into_vec()).into();
        }
    }
}

#[cfg(test)]
mod tests {
    use abi_stable::std_types::RString;

    use super::*;

    #[test]
    fn a_response_with_too_many_headers_is_refused() {
        let response = |count| {
            let header = |number| Tuple2(RString::from(format!("x-{number}")), RString::new());
            http_response(abi::Response {
                status: 200,
                headers: (0..count).map(header).collect(),
                body: RVec::new(),
            })
        };
        let most = response(MAX_RESPONSE_HEADERS).expect("as many as are allowed");
        assert_eq!(most.headers.len(), MAX_RESPONSE_HEADERS);
        for count in [MAX_RESPONSE_HEADERS + 1, 40_000] {
            let problem = response(count).expect_err("too many");
            assert_eq!(problem, "a response has at most 24000 headers");
        }
    }
}
