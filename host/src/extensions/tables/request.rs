//! The HTTP request that triggered an invocation.

use abi_stable::std_types::{ROption, RSlice, RStr, Tuple2};
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::table;

use super::data;
use crate::model::HttpRequest;
use http::HeaderValue;

/// Makes a context of a request.
pub(super) fn http_request(request: &HttpRequest) -> abi::HttpRequest<'_> {
    // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
    unsafe { abi::HttpRequest::new(HTTP_REQUEST, std::ptr::from_ref(request).cast()) }
}

/// Returns the first value of a header, or what the host knows of the request by a name that no header has.
fn field<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a [u8]> {
    match name {
        abi::SCHEME => Some(request.scheme.as_str().as_bytes()),
        abi::AUTHORITY => Some(request.host.as_bytes()),
        abi::PEER => Some(request.peer.as_bytes()),
        name => request.header(name).map(HeaderValue::as_bytes),
    }
}

table! {
    HTTP_REQUEST: HttpRequestFns, HttpRequestFnsRef of HttpRequest {
        fn method(request) -> RStr<'static> { RStr::from_str(request.method.as_str()) }
        fn path(request) -> RStr<'static> { RStr::from_str(request.uri.path()) }
        fn query(request) -> RStr<'static> { RStr::from_str(request.uri.query().unwrap_or("")) }
        fn protocol_version(request) -> u8 {
            match request.version {
                http::Version::HTTP_2 => 2,
                http::Version::HTTP_10 => 0,
                _ => 1,
            }
        }
        fn header(request, name: RStr<'_>) -> ROption<RSlice<'static, u8>> {
            field(request, name.as_str()).map(RSlice::from_slice).into()
        }
        fn header_at(request, index: usize) -> ROption<Tuple2<RStr<'static>, RSlice<'static, u8>>> {
            let header = request.headers.iter().nth(index);
            header
                .map(|(name, value)| {
                    Tuple2(RStr::from_str(name.as_str()), RSlice::from_slice(value.as_bytes()))
                })
                .into()
        }
        fn body(request) -> ROption<RSlice<'static, u8>> {
            data::body(&request.body).map(RSlice::from_slice).into()
        }
        fn client_address(request) -> RStr<'static> { RStr::from_str(&request.client) }
        fn route_parameter_at(request, index: usize) -> ROption<Tuple2<RStr<'static>, RStr<'static>>> {
            let parameter = request.route_params.get(index);
            parameter.map(|(name, value)| Tuple2(RStr::from_str(name), RStr::from_str(value))).into()
        }
    }
}
