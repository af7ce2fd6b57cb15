//! Messages that are too large, calls that are too many, and a host that does not read.

use std::net::TcpListener;

use funcdock_rpc::messages::rpc_log::Level;
use funcdock_rpc::messages::streaming_message::Content;
use funcdock_rpc::messages::typed_data::Data;
use funcdock_rpc::messages::{RpcHttp, WorkerStatusRequest};
use funcdock_tests::functions_host::{
    FunctionsHost, body, failure, get, host_arguments_with, http_of, typed,
};
use funcdock_tests::{App, wait_for};

use super::http;

#[test]
fn what_is_larger_than_the_host_takes_fails_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let app = App::case("functions_host_misbehaving");
    let mut host = FunctionsHost::start_with(app, listener, &host_arguments_with(port, 1 << 20))
        .with_functions(&["large", "loud"]);
    let of = |name: &str, query: &str| http(name, "1", get(&format!("http://localhost/?{query}")));
    let response = host.invoke(of("large", "size=1000000"));
    assert_eq!(body(http_of(&response)).len(), 1_000_000);
    for size in ["1048576", "20000000"] {
        let response = host.invoke(of("large", &format!("size={size}")));
        let reason = failure(response.result.as_ref());
        assert!(
            reason.starts_with("the response of the function has ")
                && reason
                    .contains(" bytes in the protocol, and the Functions host takes 1048576; return less"),
            "{reason}"
        );
    }
    let response = host.invoke(of("loud", "records=1&size=3000000"));
    assert_eq!(body(http_of(&response)), b"said");
    let log = host.log("… (shortened");
    assert!(log.message.len() < 1 << 20 && log.message.starts_with("xxx"));
    // In the other direction, the host breaks its own word: nothing after it can be read.
    let request = RpcHttp {
        body: Some(Box::new(typed(Data::Bytes(vec![0; 2 << 20].into())))),
        ..get("http://localhost/?size=1")
    };
    host.send(Content::InvocationRequest(http("large", "1", request)));
    assert_eq!(host.wait().code(), Some(1), "{}", host.output());
    let said = wait_for(|| {
        host.stderr()
            .contains("the limit is: 1048576 bytes")
            .then_some(())
    });
    assert!(said.is_some(), "{}", host.output());
}

#[test]
fn many_calls_wait_for_one_thread() {
    const COUNT: usize = 10_000;
    let mut host = App::case("functions_host")
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
        .under_functions_host()
        .with_functions(&["hello"]);
    for number in 0..COUNT {
        let url = format!("http://localhost/api/hello?name={number}");
        host.send(Content::InvocationRequest(http(
            "hello",
            &number.to_string(),
            get(&url),
        )));
    }
    host.send(Content::WorkerStatusRequest(WorkerStatusRequest {}));
    let mut answered = vec![false; COUNT];
    let mut has_status = false;
    for _ in 0..=COUNT {
        match host.receive() {
            Content::InvocationResponse(response) => {
                let number: usize = response.invocation_id.parse().expect("a number");
                assert_eq!(body(http_of(&response)), format!("Hello, {number}!").as_bytes());
                assert!(
                    !std::mem::replace(&mut answered[number], true),
                    "{number} is answered twice"
                );
            }
            Content::WorkerStatusResponse(_) => has_status = true,
            other => panic!("{other:?}"),
        }
    }
    assert!(has_status && answered.iter().all(|answered| *answered));
}

#[test]
fn a_host_that_does_not_read_bounds_the_log() {
    let mut host = App::case("functions_host_misbehaving")
        .under_functions_host()
        .with_functions(&["loud"]);
    host.set_reading(false);
    // 400 MB.
    for number in 0..4 {
        let request = http(
            "loud",
            &number.to_string(),
            get("http://localhost/?records=1000&size=100000"),
        );
        host.send(Content::InvocationRequest(request));
    }
    let memory = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", host.pid())).expect("it runs");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .expect("a peak");
        let kib = line.split_whitespace().nth(1).expect("a number");
        kib.parse::<u64>().expect("a number") >> 10
    };
    let all_said = || (host.stdout().matches("all is said").count() == 4).then_some(());
    assert!(wait_for(all_said).is_some(), "{}", host.output());
    let mib = memory();
    assert!(mib < 300, "{mib} MiB");
    host.set_reading(true);
    for _ in 0..4 {
        let Content::InvocationResponse(response) = host.receive() else {
            panic!("another message");
        };
        assert_eq!(body(http_of(&response)), b"said");
    }
    let log = host.log("log records are lost");
    assert_eq!(log.level, i32::from(Level::Warning));
}
