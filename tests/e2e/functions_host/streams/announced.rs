//! Which workers announce that requests may be passed on to them.

use std::collections::HashMap;

use funcdock_rpc::messages::FunctionEnvironmentReloadRequest;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_tests::App;
use funcdock_tests::functions_host::assert_success;

use super::passing::{Passing, SETTING, address, with_package};

#[test]
fn the_setting_or_the_package_decides() {
    let announces = |app: App| {
        let mut host = app.under_functions_host();
        host.init().capabilities.contains_key("HttpUri")
    };
    assert!(!announces(App::case("functions_host")));
    let streams = || App::case("functions_host_streams").python(with_package());
    assert!(announces(streams()));
    assert!(!announces(streams().env(SETTING, "0")));
    // A worker without an app gets to know it with its new environment.
    let mut host = App::case("functions_host").under_functions_host();
    let capabilities = host.init().capabilities;
    assert!(!capabilities.contains_key("HttpUri"), "{capabilities:?}");
    let mut variables: HashMap<String, String> = std::env::vars().collect();
    variables.insert(SETTING.to_owned(), "true".to_owned());
    let reload = FunctionEnvironmentReloadRequest {
        environment_variables: variables,
        function_app_directory: host.app().path().display().to_string(),
    };
    let Content::FunctionEnvironmentReloadResponse(response) =
        host.ask(Content::FunctionEnvironmentReloadRequest(reload))
    else {
        panic!("another message\n{}", host.output());
    };
    let address = address(&response.capabilities);
    assert_success(host.load("hello").result.as_ref(), &host);
    let mut passing = Passing { host, address };
    passing.begin("hello", "call-1");
    let response = passing.request("call-1", "GET /api/hello HTTP/1.1").read();
    assert_eq!(response, (200, "Hello, World!".to_owned()));
    passing.assert_ends("call-1");
}
