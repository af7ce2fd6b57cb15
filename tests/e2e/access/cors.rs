//! Pages of other origins: what browsers ask, and what they are told.

use funcdock_tests::{Answer, App, Host};

use super::send;

const SHOP: &str = "https://shop.example";

fn preflight(host: &Host, path: &str, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "x-functions-key,content-type"),
    ];
    send(host, &format!("OPTIONS {path}"), &headers, "")
}

fn get(host: &Host, path: &str, origin: &str) -> Answer {
    send(host, &format!("GET {path}"), &[("origin", origin)], "")
}

/// Asserts what a browser is told about the origin, and about credentials.
#[track_caller]
fn assert_allowed(answer: &Answer, origin: &str, credentials: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), origin, "{answer:?}");
    assert_eq!(
        answer.header("access-control-allow-credentials"),
        credentials,
        "{answer:?}"
    );
}

#[test]
fn pages_of_the_named_origins_may_read_responses() {
    let settings =
        r#"{ "Host": { "CORS": "https://shop.example,http://localhost:3000", "CORSCredentials": true } }"#;
    let host = App::case("access")
        .file("local.settings.json", settings)
        .arg("--enable-auth")
        .start();
    for origin in [SHOP, "http://localhost:3000"] {
        // Before the route and the key, which a browser does not send with its question.
        for path in ["/api/hello", "/api/none", "/admin/host/status"] {
            let answer = preflight(&host, path, origin);
            assert_eq!(answer.status, 204);
            assert_allowed(&answer, origin, "true");
            assert_eq!(answer.header("access-control-allow-methods"), "PUT");
            assert_eq!(
                answer.header("access-control-allow-headers"),
                "x-functions-key,content-type"
            );
            assert!(answer.header("vary").contains("origin"), "{answer:?}");
        }
        // Also what is refused can be read: the page has to know why.
        for (path, status) in [("/api/open", 200), ("/api/hello", 401), ("/api/none", 404)] {
            let answer = get(&host, path, origin);
            assert_eq!(answer.status, status);
            assert_allowed(&answer, origin, "true");
        }
    }
    for origin in [
        "https://evil.example",
        "https://shop.example:8443",
        "http://shop.example",
        "null",
    ] {
        let answer = preflight(&host, "/api/open", origin);
        assert_eq!(answer.status, 204);
        assert_allowed(&answer, "", "");
        assert_eq!(answer.header("access-control-allow-methods"), "");
        let answer = get(&host, "/api/open", origin);
        assert_eq!(answer.status, 200, "the browser keeps it from the page");
        assert_allowed(&answer, "", "");
        assert_eq!(answer.header("vary"), "origin");
    }
    let answer = host.get("/api/open");
    assert_eq!(
        (answer.status, answer.header("vary")),
        (200, "origin"),
        "a cache must know"
    );
}

#[test]
fn options_win_over_the_file_and_a_star_never_has_credentials() {
    let settings = r#"{ "Host": { "CORS": "https://shop.example", "CORSCredentials": true } }"#;
    let host = App::case("access")
        .file("local.settings.json", settings)
        .arg("--cors")
        .arg("*")
        .start();
    host.wait_for_log("CORS: requests with credentials are not allowed");
    for answer in [
        preflight(&host, "/api/open", "https://any.example"),
        get(&host, "/api/open", SHOP),
    ] {
        assert_allowed(&answer, "*", "");
    }
    let host = App::case("access")
        .arg("--cors")
        .arg(SHOP)
        .arg("--cors-credentials")
        .start();
    assert_allowed(&get(&host, "/api/open", SHOP), SHOP, "true");
    let app = App::case("access").file("local.settings.json", settings);
    let host = app.env("FUNCDOCK_CORS_CREDENTIALS", "false").start();
    assert_allowed(&get(&host, "/api/open", SHOP), SHOP, "");
}

#[test]
fn without_cors_functions_decide() {
    let code = "import azure.functions as func\n\n\ndef main(req):\n    headers = {'access-control-allow-origin': 'https://own.example'}\n    \
                return func.HttpResponse(req.method, headers=headers)\n";
    let app = || App::without_functions().function("own", code);
    let credentials = code.replace("}\n", ", 'access-control-allow-credentials': 'true'}\n");
    let host = App::without_functions()
        .function("own", &credentials)
        .arg("--cors")
        .arg("*")
        .start();
    assert_allowed(&get(&host, "/api/own", SHOP), "*", "");
    let host = app().start();
    for answer in [preflight(&host, "/api/own", SHOP), get(&host, "/api/own", SHOP)] {
        assert_allowed(&answer, "https://own.example", "");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let host = app().arg("--cors").arg(SHOP).start();
    assert_allowed(&get(&host, "/api/own", SHOP), SHOP, "");
    assert_allowed(&get(&host, "/api/own", "https://own.example"), "", "");
}

#[test]
fn a_page_elsewhere_runs_no_function_on_a_developers_machine() {
    let host = App::case("access").arg("--cors").arg(SHOP).start();
    let own = format!("http://{}", host.address());
    let post = |path: &str, origin: &str| {
        let headers = [("origin", origin), ("content-type", "text/plain")];
        send(&host, &format!("POST {path}"), &headers, r#"{"input": "x"}"#).status
    };
    for path in [
        "/admin/functions/nightly",
        "/admin/warmup",
        "/admin/extensions/flush",
    ] {
        for origin in ["https://evil.example", "null", "http://evil.example:7071"] {
            assert_eq!(post(path, origin), 403, "{path} {origin}");
        }
    }
    assert_eq!(post("/admin/functions/nightly", &own), 202);
    assert_eq!(post("/admin/functions/nightly", SHOP), 202, "it is named");
    // A name of somebody else that leads to this machine.
    let headers = [("host", "evil.example:80"), ("origin", "http://evil.example:80")];
    assert_eq!(
        send(&host, "POST /admin/functions/nightly", &headers, "").status,
        403
    );
    assert_eq!(
        send(&host, "POST /admin/functions/nightly", &[], "").status,
        202,
        "no page has sent it"
    );
    assert_eq!(
        post("/api/open", "https://evil.example"),
        200,
        "functions decide themselves"
    );
}

#[test]
fn what_is_not_an_origin_stops_the_host() {
    let settings = r#"{ "Host": { "CORS": "https://shop.example/page" } }"#;
    let stopped = App::case("access")
        .file("local.settings.json", settings)
        .start_fails();
    let expected =
        "local.settings.json:1: Host.CORS: \"https://shop.example/page\" is not an origin; expected";
    assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
    let stopped = App::case("access")
        .arg("--cors")
        .arg("shop.example")
        .start_fails();
    assert!(
        stopped.stderr.contains("\"shop.example\" is not an origin"),
        "{}",
        stopped.stderr
    );
}
