//! A smoke test of the whole system, on every CPython that this machine has.

use funcdock_tests::{App, python};

#[test]
fn one_module_serves_every_cpython() {
    let mut served = Vec::new();
    for version in python::SUPPORTED {
        let Some(python) = python::with_packages(version) else {
            eprintln!("CPython {version} is not on this machine: not tested");
            continue;
        };
        let host = App::case("hello").python(python).start();
        for path in ["/api/hello", "/api/hello_async"] {
            let answer = host.get(&format!("{path}?name=Ada"));
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (200, "Hello, Ada!"),
                "{version} {path}\n{}",
                host.output()
            );
        }
        let status: serde_json::Value =
            serde_json::from_slice(&host.get("/admin/host/status").body).expect("JSON");
        let running = status["python"].as_str().expect("a version");
        assert!(
            running.starts_with(&format!("{version}.")),
            "{running} instead of {version}"
        );
        host.stop().assert_clean();
        served.push(version);
    }
    assert!(!served.is_empty(), "no CPython was found");
}
