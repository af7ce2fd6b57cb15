//! A host that does not keep to the protocol: messages out of order, twice, unknown, empty, with wrong values, too large. The
//! worker answers what can be answered, and goes on.

mod amounts;
mod environments;
mod messages;
mod order;
mod values;

use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{InvocationRequest, RpcHttp};
use funcdock_tests::App;
use funcdock_tests::functions_host::{FunctionsHost, assert_success, body, call, get, http_of};

fn http(name: &str, id: &str, http: RpcHttp) -> InvocationRequest {
    InvocationRequest {
        invocation_id: id.to_owned(),
        ..call(name, &[("req", Data::Http(Box::new(http)))])
    }
}

fn hello() -> InvocationRequest {
    http("hello", "hello-1", get("http://localhost/api/hello?name=Ada"))
}

#[track_caller]
fn assert_serves(host: &mut FunctionsHost) {
    let response = host.invoke(hello());
    assert_success(response.result.as_ref(), host);
    assert_eq!(response.invocation_id, "hello-1");
    assert_eq!(body(http_of(&response)), b"Hello, Ada!");
}

fn loaded() -> FunctionsHost {
    App::case("functions_host")
        .under_functions_host()
        .with_functions(&["hello", "echo", "copy"])
}
