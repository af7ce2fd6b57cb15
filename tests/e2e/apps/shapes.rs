//! Apps in the shapes of real ones, with the frameworks that people use: each lists its functions and answers as its
//! author expects.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;

use funcdock_tests::{Answer, App, DEADLINE, Host, Raw, python, wait_for};
use serde_json::{Value, json};
use ureq::http::{Request, response};

/// The packages of all these apps: one environment for all tests.
const PACKAGES: [&str; 6] = [
    "azure-functions",
    "azurefunctions-extensions-http-fastapi",
    "django",
    "fastapi",
    "flask",
    "opentelemetry-sdk",
];

const JSON: (&str, &str) = ("content-type", "application/json");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// Starts an app that needs packages.
fn start(case: &str) -> Host {
    App::case(case).python(python::with("shapes", &PACKAGES)).start()
}

/// Returns environments with azure-functions only, of old and new Python versions.
fn plain_pythons() -> impl Iterator<Item = (&'static str, PathBuf)> {
    let versions = [
        python::SUPPORTED[0],
        "3.11",
        python::SUPPORTED[python::SUPPORTED.len() - 1],
    ];
    versions
        .into_iter()
        .filter_map(|version| Some((version, python::with_packages(version)?)))
}

/// Returns the functions that the host lists, without its address.
fn listed(host: &Host) -> Vec<String> {
    let base = host.url().replace("127.0.0.1", "localhost");
    host.stdout()
        .lines()
        .filter_map(|line| line.strip_prefix('\t'))
        .map(|line| line.replace(&base, ""))
        .collect()
}

/// Asserts that the only function is one of a framework, which takes all paths below the prefix.
#[track_caller]
fn assert_framework_listed(host: &Host, prefix: &str) {
    let listed = listed(host);
    let [function] = listed.as_slice() else {
        panic!("expected one function: {listed:?}")
    };
    assert!(function.starts_with("http_app_func: "), "{function}");
    assert!(function.ends_with(&format!(" {prefix}/{{*route}}")), "{function}");
}

/// A request like "GET /path".
fn request(host: &Host, line: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let mut request = Request::builder().method(method).uri(host.url_of(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body.into()).expect("a valid request")
}

/// Sends a request like "GET /path" and asserts the status of the response.
#[track_caller]
fn ask(host: &Host, line: &str, status: u16) -> Answer {
    send(host, line, &[], "", status)
}

/// Sends a request with headers and a body and asserts the status of the response.
#[track_caller]
fn send(host: &Host, line: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>, status: u16) -> Answer {
    let answer = host.send(request(host, line, headers, body));
    assert_eq!(answer.status, status, "{line}: {answer:?}\n{}", host.output());
    answer
}

/// A response that is read while the app makes it. Dropping it closes the connection.
struct Streamed<'h> {
    host: &'h Host,
    head: response::Parts,
    body: BufReader<ureq::BodyReader<'static>>,
}

impl<'h> Streamed<'h> {
    #[track_caller]
    fn get(host: &'h Host, path: &str) -> Self {
        Streamed::send(host, request(host, &format!("GET {path}"), &[], ""))
    }

    #[track_caller]
    fn send(host: &'h Host, request: Request<Vec<u8>>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(DEADLINE))
            .proxy(None);
        let agent: ureq::Agent = config.build().into();
        let response = agent.run(request);
        let response = response.unwrap_or_else(|error| panic!("no response: {error}\n{}", host.output()));
        let (head, body) = response.into_parts();
        Streamed {
            host,
            head,
            body: BufReader::new(body.into_reader()),
        }
    }

    /// Reads one line, without its end.
    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        if let Err(error) = self.body.read_line(&mut line) {
            panic!("no line: {error}\n{}", self.host.output());
        }
        line.trim_end_matches('\n').to_owned()
    }

    /// Reads what is left.
    #[track_caller]
    fn rest(mut self) -> String {
        let mut rest = String::new();
        if let Err(error) = self.body.read_to_string(&mut rest) {
            panic!("the response does not end: {error}\n{}", self.host.output());
        }
        rest
    }

    fn header(&self, name: &str) -> &str {
        let value = self.head.headers.get(name);
        value.map_or("", |value| value.to_str().expect("an ASCII header"))
    }

    /// Returns "name=value" of each cookie that the response sets, one for each header of its own.
    fn cookies(&self) -> Vec<String> {
        let headers = self.head.headers.get_all("set-cookie").iter();
        let mut cookies: Vec<String> = headers
            .map(|value| value.to_str().expect("an ASCII header"))
            .map(|value| value.split(';').next().unwrap_or_default().to_owned())
            .collect();
        cookies.sort();
        cookies
    }
}

#[test]
fn a_shop_of_blueprints_in_packages() {
    for (version, python) in plain_pythons() {
        let host = App::case("shop_blueprints").python(python).start();
        let functions = [
            "list_products: [GET] /api/products",
            "GetProduct: [GET] /api/products/{sku}",
            "put_product: [PUT] /api/products/{sku}",
            "delete_product: [DELETE] /api/products/{sku}",
            "create_order: [POST] /api/orders",
            "get_order: [GET] /api/orders/{number:int}",
            "healthz: /api/healthz",
        ];
        assert_eq!(listed(&host), functions, "{version}");

        let tea = json!({"sku": "tea", "name": "Green tea", "price": 450});
        let coffee = json!({"sku": "cafe", "name": "Café crème", "price": 990});
        assert_eq!(ask(&host, "GET /api/products", 200).json(), json!([tea, coffee]));
        assert_eq!(
            ask(&host, "GET /api/products?max_price=500", 200).json(),
            json!([tea])
        );
        assert_eq!(ask(&host, "GET /api/products/cafe", 200).json(), coffee);
        let missing = ask(&host, "GET /api/products/cup", 404);
        assert_eq!(missing.header("content-type"), "application/problem+json");
        assert_eq!(
            missing.json(),
            json!({"status": 404, "detail": "no product 'cup'"})
        );

        // Each part of the shop sees the same products.
        let cup = r#"{"name": "Cup", "price": 700}"#;
        send(&host, "PUT /api/products/cup", &[JSON], cup, 201);
        send(&host, "PUT /api/products/cup", &[JSON], cup, 200);
        send(&host, "PUT /api/products/mug", &[JSON], r#"{"size": 1}"#, 400);
        let lines = r#"{"lines": {"tea": 3, "cup": 1}}"#;
        let created = send(&host, "POST /api/orders", &[JSON], lines, 201);
        let order = created.json();
        assert_eq!(
            (&order["total"], &order["currency"]),
            (&json!(1600), &json!("EUR"))
        );
        assert_eq!(created.header("location"), host.url_of("/api/orders/1"));
        assert_eq!(ask(&host, "GET /api/orders/1", 200).json(), order);
        let invocation = order["invocation"].as_str().expect("an id");
        host.wait_for_log(&format!(
            "shop.orders.routes: order 1 costs 1600 invocation={invocation}"
        ));

        ask(&host, "DELETE /api/products/cup", 204);
        ask(&host, "DELETE /api/products/cup", 404);
        let refused = send(&host, "POST /api/orders", &[JSON], lines, 409);
        assert_eq!(refused.json()["detail"], "not for sale: cup");
        ask(&host, "GET /api/orders/9", 404);
        assert_eq!(ask(&host, "GET /api/healthz", 200).text(), "ok");

        assert_eq!(
            ask(&host, "GET /api/orders/first", 404).text(),
            "no function has this route\n"
        );
        let refused = ask(&host, "PATCH /api/products/tea", 405);
        assert_eq!(refused.header("allow"), "DELETE, GET, HEAD, PUT");
        send(&host, "POST /api/orders", &[JSON], "no JSON", 500);
        host.wait_for_log("HTTP request does not contain valid JSON data");
        host.stop().assert_clean();
    }
}

#[test]
fn fastapi_answers() {
    let host = start("fastapi_app");
    assert_framework_listed(&host, "");
    let ada = ("cookie", "customer=ada");

    assert_eq!(ask(&host, "GET /", 200).json(), json!({"name": "Orders"}));
    let mut seen = ask(&host, "GET /whoami/caf%C3%A9?x=1&y=%20", 200).json();
    assert!(
        seen["invocation"]
            .take()
            .as_str()
            .is_some_and(|id| id.len() == 36),
        "{seen}"
    );
    assert_eq!(
        seen,
        json!({
            "name": "café",
            "url": host.url_of("/whoami/café?x=1&y=%20"),
            "root_path": "",
            "path": "/whoami/café",
            "function": "http_app_func",
            "invocation": null,
        })
    );
    assert_eq!(
        ask(&host, "GET /openapi.json", 200).json()["info"]["title"],
        "Orders"
    );
    let docs = ask(&host, "GET /docs", 200);
    assert_eq!(docs.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(
        ask(&host, "GET /admin/host/status", 200).json()["state"],
        "Running"
    );

    let cookies = Streamed::send(&host, request(&host, "PUT /session/ada", &[], ""));
    assert_eq!(cookies.head.status, 204);
    assert_eq!(cookies.cookies(), ["customer=ada", "theme=dark"]);

    let order = r#"{"item": "tea", "count": 2}"#;
    let unknown = send(&host, "POST /orders", &[JSON], order, 401);
    assert_eq!(unknown.header("www-authenticate"), "Cookie");
    let created = send(&host, "POST /orders", &[JSON, ada], order, 202);
    let expected = json!({
        "id": 1, "customer": "ada", "item": "tea", "count": 2, "note": null, "status": "pending",
    });
    assert_eq!(created.json(), expected);
    assert_eq!(created.header("location"), host.url_of("/orders/1"));
    assert_eq!(
        ask(&host, "GET /orders?item=tea&item=cup", 200).json(),
        json!([expected])
    );
    assert_eq!(ask(&host, "GET /orders?item=cup", 200).json(), json!([]));

    // Errors of FastAPI, of pydantic, of the app and of its bugs.
    assert_eq!(
        ask(&host, "GET /nowhere", 404).json(),
        json!({"detail": "Not Found"})
    );
    assert_eq!(
        ask(&host, "GET /orders/7", 404).json(),
        json!({"detail": "no order 7"})
    );
    let refused = ask(&host, "DELETE /orders", 405);
    assert_eq!(refused.json(), json!({"detail": "Method Not Allowed"}));
    assert!(refused.header("allow").contains("POST"), "{refused:?}");
    let sold_out = send(&host, "POST /orders", &[JSON, ada], r#"{"item": "unicorn"}"#, 409);
    assert_eq!(sold_out.json(), json!({"detail": "unicorn is sold out"}));
    let wrong = r#"{"item": "", "count": 0}"#;
    let wrong = send(&host, "POST /orders", &[JSON, ada], wrong, 422).json();
    let places: Vec<&Value> = wrong["detail"].as_array().into_iter().flatten().collect();
    let places: Vec<&Value> = places.iter().map(|problem| &problem["loc"]).collect();
    assert_eq!(places, [&json!(["body", "item"]), &json!(["body", "count"])]);
    // FastAPI keeps this call's objects in a reference cycle: the call ends before they are collected.
    send(&host, "POST /orders", &[JSON, ada], r#"{"item": "#, 422);
    ask(&host, "GET /orders/first", 422);
    assert_eq!(ask(&host, "GET /broken", 500).text(), "Internal Server Error");
    host.wait_for_log("RuntimeError: this endpoint is broken");

    // A host that stops waits for the task in the background.
    ask(&host, "PUT /orders/1/confirmation", 204);
    host.stop().assert_clean();
}

#[test]
fn fastapi_lives_between_and_after_responses() {
    let host = start("fastapi_app");
    // The app starts with the worker, before the first request.
    host.wait_for_log("api.main: the store opens");
    let order = r#"{"item": "tea"}"#;
    let customer = ("x-customer", "ada");
    // The task in the background goes on after the response.
    send(&host, "POST /orders", &[JSON, customer], order, 202);
    let status = || ask(&host, "GET /orders/1", 200).json()["status"].clone();
    assert_eq!(status(), "pending");

    // Events arrive when they happen.
    let mut events = Streamed::get(&host, "/orders/1/events");
    assert_eq!(
        (events.header("content-type"), events.header("cache-control")),
        ("text/event-stream; charset=utf-8", "no-cache")
    );
    assert_eq!(events.header("content-length"), "");
    assert_eq!(
        [events.line(), events.line(), events.line()],
        ["event: pending", "data: {\"id\": 1}", ""]
    );

    // A client that does not wait any longer.
    let mut raw = Raw::connect(&host);
    raw.send("GET /orders/1/confirmed HTTP/1.1\r\nHost: h\r\n\r\n");
    host.wait_for_log("a client waits for order 1");
    drop(raw);
    host.wait_for_log("the client does not wait for order 1 any more");

    ask(&host, "PUT /orders/1/confirmation", 204);
    assert_eq!(events.rest(), "event: confirmed\ndata: {\"id\": 1}\n\n");
    assert_eq!(
        ask(&host, "GET /orders/1/confirmed", 200).json()["status"],
        "confirmed"
    );
    host.wait_for_log("api.routers.session: ada has ordered");

    // And it ends with the worker.
    let stopped = host.stop();
    stopped.assert_clean();
    for line in ["the store opens", "the store closes with 1 orders"] {
        assert_eq!(stopped.stderr.matches(line).count(), 1, "{}", stopped.stderr);
    }
}

#[test]
fn flask_answers() {
    let host = start("flask_app");
    assert_framework_listed(&host, "/api");

    let anonymous = ask(&host, "GET /api/account", 401);
    assert_eq!(anonymous.json(), json!({"code": 401, "error": "Unauthorized"}));
    let form = "user=ada&theme=dark";
    let login = Streamed::send(&host, request(&host, "POST /api/login", &[FORM], form));
    assert_eq!(
        (login.head.status.as_u16(), login.header("location")),
        (303, "/api/account")
    );
    let cookies = login.cookies();
    let [session, theme] = cookies.as_slice() else {
        panic!("expected two cookies: {cookies:?}")
    };
    assert!(session.starts_with("session="), "{session}");
    assert_eq!(theme, "theme=dark");
    let cookies = ("cookie", &*cookies.join("; "));
    let account = send(&host, "GET /api/account", &[cookies], "", 200);
    assert_eq!(account.json(), json!({"user": "ada", "visits": 1}));
    let head = send(&host, "HEAD /api/account", &[cookies], "", 200);
    assert_eq!(head.header("content-length"), account.body.len().to_string());

    let mut seen = ask(
        &host,
        "GET /api/pages/caf%C3%A9/a%20b?x=1&x=2&%C3%BC=%F0%9F%90%8D",
        200,
    )
    .json();
    assert!(
        seen["invocation"]
            .take()
            .as_str()
            .is_some_and(|id| id.len() == 36),
        "{seen}"
    );
    assert_eq!(
        seen,
        json!({
            "page": "café/a b",
            "query": {"x": ["1", "2"], "ü": ["🐍"]},
            "url": host.url_of("/api/pages/café/a%20b?x=1&x=2&ü=🐍"),
            // As WSGI has it: one character for each byte.
            "path": "/api/pages/caf\u{c3}\u{a9}/a b",
            "script": "",
            "function": "http_app_func",
            "invocation": null,
        })
    );

    // Errors of Flask's routes, of the app and of its bugs; and of the host.
    for (line, status, error) in [
        ("GET /api/nowhere", 404, "Not Found"),
        ("DELETE /api/login", 405, "Method Not Allowed"),
        ("POST /api/login", 400, "Bad Request"),
        ("GET /api/broken", 500, "Internal Server Error"),
    ] {
        let answer = ask(&host, line, status);
        assert_eq!(answer.json(), json!({"code": status, "error": error}));
        let allowed = if status == 405 { "POST" } else { "" };
        assert!(answer.header("allow").contains(allowed), "{answer:?}");
    }
    host.wait_for_log("RuntimeError: this view is broken");
    assert_eq!(
        ask(&host, "GET /nowhere", 404).text(),
        "no function has this route\n"
    );
    host.stop().assert_clean();
}

#[test]
fn flask_streams_and_closes() {
    let host = start("flask_app");
    ask(&host, "PUT /api/jobs/build", 201);
    let mut log = Streamed::get(&host, "/api/jobs/build/log");
    assert_eq!(log.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(log.line(), "build started");
    for line in ["compiling", "testing"] {
        let body = json!({"line": line}).to_string();
        send(&host, "POST /api/jobs/build/log", &[JSON], body, 204);
        assert_eq!(log.line(), line);
    }
    ask(&host, "DELETE /api/jobs/build", 204);
    assert_eq!(log.rest(), "");
    ask(&host, "GET /api/jobs/other/log", 404);

    let export = ask(&host, "GET /api/export.csv?rows=3", 200);
    assert_eq!(export.text(), "row,square\n0,0\n1,1\n2,4\n");
    assert_eq!(
        (
            export.header("content-type"),
            export.header("content-disposition")
        ),
        ("text/csv; charset=utf-8", "attachment; filename=export.csv")
    );
    host.wait_for_log("export of 3 rows closed after 3");
    host.wait_for_log("response of export closed");

    // A client that leaves: the app does not make the rest.
    let start = host.stderr().len();
    let mut export = Streamed::get(&host, "/api/export.csv?rows=10000000");
    assert_eq!(export.line(), "row,square");
    drop(export);
    host.wait_for_log_from(start, "export of 10000000 rows closed after ");
    host.wait_for_log_from(start, "response of export closed");
    let all = "export of 10000000 rows closed after 10000000";
    assert!(!host.stderr().contains(all), "{}", host.output());
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(
        stopped.stderr.matches("response of export closed").count(),
        2,
        "{}",
        stopped.stderr
    );
}

#[test]
fn django_answers() {
    let host = start("django_app");
    assert_framework_listed(&host, "");

    let books = ask(&host, "GET /books/", 200);
    assert_eq!(books.json(), json!({"books": ["Pippi Långstrump", "Momo"]}));
    assert_eq!(books.header("x-content-type-options"), "nosniff");
    assert_eq!(
        ask(&host, "GET /books/?q=l%C3%A5ng", 200).json(),
        json!({"books": ["Pippi Långstrump"]})
    );
    let head = ask(&host, "HEAD /books/", 200);
    assert_eq!(head.header("content-length"), books.body.len().to_string());
    assert_eq!(ask(&host, "GET /books", 301).header("location"), "/books/");
    // Settings read the command, which is `funcdock start`; a view is asynchronous.
    assert_eq!(
        send(
            &host,
            "GET /books/about?%C3%BC=1",
            &[("accept-language", "sv")],
            "",
            200
        )
        .json(),
        json!({
            "command": "start",
            "testing": false,
            "url": host.url_of("/books/about?%C3%BC=1"),
            "language": "sv",
            "function": "http_app_func",
        })
    );

    // Changes need a token from a cookie.
    let title = r#"{"title": "Ronja"}"#;
    send(&host, "POST /books/", &[JSON], title, 403);
    let response = Streamed::get(&host, "/books/token");
    let cookie = response.cookies().join("; ");
    let token: Value = serde_json::from_str(&response.rest()).expect("JSON");
    let headers = [
        JSON,
        ("cookie", &*cookie),
        ("x-csrftoken", token["token"].as_str().expect("a token")),
    ];
    let created = send(&host, "POST /books/", &headers, title, 201);
    assert_eq!(created.header("location"), "/books/3");
    assert_eq!(
        ask(&host, "GET /books/3", 200).json(),
        json!({"number": 3, "title": "Ronja"})
    );
    let lent = Streamed::send(&host, request(&host, "POST /books/3/lend", &headers, ""));
    let cookies = lent.cookies();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    assert_eq!(cookies[0], "last=3");
    let cookie = format!("{cookie}; {}", cookies.join("; "));
    let headers = [headers[0], ("cookie", &*cookie), headers[2]];
    let lent = send(&host, "POST /books/1/lend", &headers, "", 200);
    assert_eq!(lent.json(), json!({"lent": [3, 1]}));

    let export = ask(&host, "GET /books/export", 200);
    assert_eq!(export.text(), "1;Pippi Långstrump\n2;Momo\n3;Ronja\n");
    // Django ends a request, and gives back its connections, when the server closes the response.
    host.wait_for_log("books.apps: a request has finished");

    for path in ["/", "/nowhere", "/books/9"] {
        let missing = ask(&host, &format!("GET {path}"), 404);
        assert_eq!(missing.json(), json!({"error": format!("there is no {path}")}));
    }
    host.wait_for_log("django.request: Not Found: /nowhere");
    let refused = ask(&host, "GET /books/1/lend", 405);
    assert_eq!(refused.header("allow"), "POST");
    send(&host, "GET /books/", &[("host", "example.org")], "", 400);
    assert_eq!(
        ask(&host, "GET /books/broken", 500).json(),
        json!({"error": "the library has a problem"})
    );
    host.wait_for_log("RuntimeError: this view is broken");
    host.stop().assert_clean();
}

#[test]
fn chat_answers() {
    let host = start("chat");
    let functions = [
        "upload: [PUT] /api/uploads/{name}",
        "progress: [GET] /api/uploads/{name}",
        "complete: [POST] /api/chat/completions",
        "listen: [GET] /api/rooms/{name}/events",
        "say: [POST] /api/rooms/{name}/messages",
        "describe: [GET] /api/rooms/{name}",
        "close: [DELETE] /api/rooms/{name}",
        "log_in: [POST] /api/login/{user}",
        "list_models: [GET] /api/models",
        "default_model: [GET] /api/models/default",
        "show_model: [GET] /api/models/{name}",
        "broken: /api/broken",
    ];
    assert_eq!(listed(&host), functions);

    let question = r#"{"messages": [{"content": "Guten Tag, Zoë"}]}"#;
    let answer = send(&host, "POST /api/chat/completions", &[JSON], question, 200);
    assert_eq!(
        (
            answer.header("content-type"),
            answer.header("x-accel-buffering"),
            answer.header("content-length")
        ),
        ("text/event-stream; charset=utf-8", "no", "")
    );
    let words = ["You", "said:", "Guten", "Tag,", "Zo\\u00eb"];
    let words = words.map(|word| format!("data: {{\"delta\": \"{word}\"}}\n\n"));
    assert_eq!(answer.text(), words.concat() + "data: [DONE]\n\n");

    // Values that are not responses become JSON.
    for (path, expected) in [
        ("models", json!(["parrot-1", "parrot-2"])),
        ("models/default", json!("parrot-1")),
        ("models/parrot-2", json!({"id": "parrot-2", "words": 2})),
        ("uploads/none", json!(-1)),
        (
            "rooms/empty?a=1&b=%C3%BC",
            json!({"members": 0, "query": {"a": "1", "b": "ü"}}),
        ),
    ] {
        let answer = ask(&host, &format!("GET /api/{path}"), 200);
        assert_eq!(answer.header("content-type"), "application/json", "{path}");
        assert_eq!(answer.json(), expected, "{path}");
    }
    let login = Streamed::send(&host, request(&host, "POST /api/login/ada", &[], ""));
    assert_eq!(login.header("x-chat"), "1");
    assert_eq!(login.cookies(), ["theme=dark", "user=ada"]);
    assert_eq!(login.rest(), r#"{"user":"ada"}"#);

    let wrong = send(&host, "POST /api/chat/completions", &[JSON], "{}", 400);
    assert_eq!(
        wrong.json(),
        json!({"error": "expected messages, each with content"})
    );
    assert_eq!(
        ask(&host, "GET /api/models/parrot-3", 404).json(),
        json!({"detail": "no model parrot-3"})
    );
    assert_eq!(
        ask(&host, "GET /api/nowhere", 404).text(),
        "no function has this route\n"
    );
    assert_eq!(
        ask(&host, "PUT /api/chat/completions", 405).header("allow"),
        "POST"
    );
    ask(&host, "GET /api/broken", 500);
    host.wait_for_log("RuntimeError: this function is broken");
    host.stop().assert_clean();
}

#[test]
fn chat_streams_both_ways() {
    let host = start("chat");
    let mut room = Streamed::get(&host, "/api/rooms/kitchen/events");
    assert_eq!([room.line(), room.line()], [r#"data: {"members": 1}"#, ""]);
    let say = |text: &str| {
        let headers = [JSON, ("cookie", "user=ada")];
        let text = json!(text).to_string();
        send(&host, "POST /api/rooms/kitchen/messages", &headers, text, 200).json()
    };
    for text in ["Hello", "Anybody here?"] {
        assert_eq!(say(text), json!({"listeners": 1}));
        let expected = format!(r#"data: {{"from": "ada", "text": "{text}"}}"#);
        assert_eq!([room.line(), room.line()], [expected, String::new()]);
    }

    // A second person comes, and leaves.
    let members = || host.get("/api/rooms/kitchen").json()["members"].clone();
    let wait_for_members = |count: u64| {
        let counted = wait_for(|| (members() == count).then_some(()));
        assert!(counted.is_some(), "{} members\n{}", members(), host.output());
    };
    let mut raw = Raw::connect(&host);
    raw.send("GET /api/rooms/kitchen/events HTTP/1.1\r\nHost: h\r\n\r\n");
    wait_for_members(2);
    drop(raw);
    // Nobody says anything, so that only the end of the connection ends the response.
    wait_for_members(1);
    assert_eq!(say("Bye"), json!({"listeners": 1}));
    ask(&host, "DELETE /api/rooms/kitchen", 204);
    assert_eq!(room.rest(), "data: {\"from\": \"ada\", \"text\": \"Bye\"}\n\n");
    host.wait_for_log("room kitchen is closed");
    assert_eq!(members(), 0);

    // An upload is counted while it arrives.
    let mut raw = Raw::connect(&host);
    raw.send("PUT /api/uploads/talk HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n");
    let arrived = || host.get("/api/uploads/talk").json();
    let counted = wait_for(|| (arrived() == 5).then_some(()));
    assert!(counted.is_some(), "{} bytes have arrived", arrived());
    raw.send("7\r\n, world\r\n0\r\n\r\n");
    let answer = raw.answer();
    assert_eq!(answer.status, 201, "{answer:?}");
    let digest = "4ae7c3b6ac0beff671efa8cf57386151c06e58ca53a78d83f36107316cec125f";
    assert_eq!(answer.json(), json!({"size": 12, "sha256": digest}));
    let large = send(&host, "PUT /api/uploads/large", &[], vec![0; 8 << 20], 201);
    assert_eq!(large.json()["size"], 8 << 20);
    host.stop().assert_clean();
}

/// A form of these fields; a name like "file=name.png" is a file.
fn form(fields: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, content_type, content) in fields {
        form.extend(b"--boundary\r\nContent-Disposition: form-data; ");
        match name.split_once('=') {
            Some((name, file)) => form.extend(
                format!("name=\"{name}\"; filename=\"{file}\"\r\nContent-Type: {content_type}").bytes(),
            ),
            None => form.extend(format!("name=\"{name}\"").bytes()),
        }
        form.extend(b"\r\n\r\n");
        form.extend(*content);
        form.extend(b"\r\n");
    }
    form.extend(b"--boundary--\r\n");
    form
}

#[test]
fn uploads_and_downloads() {
    for (version, python) in plain_pythons() {
        let host = App::case("upload").python(python).start();
        let functions = [
            "upload: [POST] /api/files",
            "list_files: [GET] /api/files",
            "download: [GET] /api/files/{name}",
            "delete: [DELETE] /api/files/{name}",
        ];
        assert_eq!(listed(&host), functions, "{version}");
        let upload = |fields: &[(&str, &str, &[u8])], status| {
            let form_type = ("content-type", "multipart/form-data; boundary=boundary");
            send(&host, "POST /api/files", &[form_type], form(fields), status).json()
        };

        let image = b"\x89PNG\r\n\x1a\n\0--boundary\xff";
        let uploaded = upload(
            &[
                ("owner", "", "Zoë".as_bytes()),
                ("tag", "", b"pets"),
                ("tag", "", b"2026"),
                ("file=pets/schöne Katze.png", "image/png", image),
                ("file=../notes.txt", "text/plain; charset=utf-8", b"hello"),
            ],
            201,
        );
        assert_eq!(
            (&uploaded["owner"], &uploaded["tags"]),
            (&json!("Zoë"), &json!(["pets", "2026"])),
            "{version}"
        );
        let digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        assert_eq!(uploaded["files"][0]["size"], image.len());
        assert_eq!(
            uploaded["files"][1],
            json!({"name": "notes.txt", "type": "text/plain", "size": 5, "sha256": digest})
        );
        let names = json!(["notes.txt", "schöne Katze.png"]);
        assert_eq!(ask(&host, "GET /api/files", 200).json(), names);

        let path = "/api/files/sch%C3%B6ne%20Katze.png";
        let downloaded = host.get(path);
        assert_eq!(downloaded.body, image, "{version}");
        assert_eq!(downloaded.header("content-type"), "image/png");
        assert_eq!(
            downloaded.header("content-disposition"),
            "attachment; filename*=UTF-8''sch%C3%B6ne%20Katze.png"
        );
        let etag = ("if-none-match", downloaded.header("etag"));
        let unchanged = send(&host, &format!("GET {path}"), &[etag], "", 304);
        assert_eq!(
            (unchanged.header("etag"), unchanged.text()),
            (etag.1, String::new())
        );

        ask(&host, "DELETE /api/files/notes.txt", 204);
        ask(&host, "DELETE /api/files/notes.txt", 404);
        assert_eq!(
            ask(&host, "GET /api/files/notes.txt", 404).json(),
            json!({"error": "no file notes.txt"})
        );
        assert_eq!(
            upload(&[("owner", "", b"ada")], 400),
            json!({"error": "the form has no field 'file'"})
        );
        assert_eq!(
            upload(&[("file=a.exe", "application/x-msdownload", b"MZ")], 415),
            json!({"error": "a.exe is of type application/x-msdownload"})
        );
        // The app's limit, and the host's.
        let large = vec![b'x'; 65_537];
        assert_eq!(
            upload(&[("file=large.txt", "text/plain", &large)], 413),
            json!({"error": "large.txt is larger than 65536 bytes"})
        );
        let mut raw = Raw::connect(&host);
        raw.send("POST /api/files HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n");
        assert_eq!(raw.answer().status, 413);
        host.stop().assert_clean();
    }
}

#[test]
fn an_apps_own_opentelemetry_continues_the_callers_trace() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const CALLER: &str = "00f067aa0ba902b7";
    let host = start("own_otel");
    let functions = [
        "show_order: [GET] /api/orders/{number:int}",
        "list_orders: [GET] /api/orders",
        "broken: [GET] /api/broken",
    ];
    assert_eq!(listed(&host), functions);
    let parent = format!("00-{TRACE}-{CALLER}-01");
    let headers = [("traceparent", &*parent), ("tracestate", "vendor=value")];
    let traced = ["/api/orders/7", "/api/orders"].map(|path| {
        let ids = send(&host, &format!("GET {path}"), &headers, "", 200).json();
        assert_eq!(ids["trace"], TRACE);
        format!("0x{}", ids["span"].as_str().expect("an id"))
    });
    ask(&host, "GET /api/broken", 500);

    // The SDK prints its last batch when the worker ends.
    let stopped = host.stop();
    stopped.assert_clean();
    let spans: Vec<Value> = stopped
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("span "))
        .map(|span| serde_json::from_str(span).expect("JSON"))
        .collect();
    assert_eq!(spans.len(), 7, "{spans:#?}");
    let span = |name: &str| {
        let found = spans.iter().find(|span| span["name"] == name);
        found.unwrap_or_else(|| panic!("no span {name:?}: {spans:#?}"))
    };
    for (name, id) in [("show_order", &traced[0]), ("list_orders", &traced[1])] {
        let span = span(name);
        assert_eq!(span["kind"], "SpanKind.SERVER");
        assert_eq!(&span["context"]["span_id"], id);
        assert_eq!(span["parent_id"], format!("0x{CALLER}"));
        assert_eq!(span["context"]["trace_state"], "['{key=vendor, value=value}']");
        let attributes = &span["resource"]["attributes"];
        assert_eq!(attributes["service.name"], "own-otel");
        assert_eq!(attributes["deployment.environment"], "test");
    }
    for (name, parent) in [
        ("read order", &span("show_order")["context"]),
        ("read lines", &span("read order")["context"]),
        ("count open", &span("list_orders")["context"]),
        ("count sent", &span("list_orders")["context"]),
    ] {
        assert_eq!(span(name)["parent_id"], parent["span_id"], "{name}");
        assert_eq!(span(name)["context"]["trace_id"], format!("0x{TRACE}"), "{name}");
    }
    let broken = span("broken");
    assert_eq!(broken["status"]["status_code"], "ERROR");
    assert_eq!(
        broken["events"][0]["attributes"]["exception.type"],
        "RuntimeError"
    );
    assert_ne!(broken["context"]["trace_id"], format!("0x{TRACE}"));
}

#[test]
fn a_timer_and_http_share_their_state() {
    for (version, python) in plain_pythons() {
        let host = App::case("timer_and_http").python(python.clone()).start();
        let functions = [
            "check_stock: timerTrigger",
            "receive_delivery: queueTrigger",
            "show_stock: [GET] /api/stock",
            "change_stock: [POST] /api/stock/{item:alpha}",
            "check_now: [POST] /api/checks",
        ];
        assert_eq!(listed(&host), functions, "{version}");
        let change = |change: &str, status| send(&host, "POST /api/stock/tea", &[], change, status).json();
        assert_eq!(change("-7", 200), json!({"left": 3}));
        assert_eq!(change("-7", 409), json!({"error": "there is not enough"}));
        assert_eq!(change("many", 400), json!({"error": "the body is not a number"}));
        assert_eq!(
            ask(&host, "POST /api/checks", 200).json()["low"],
            json!(["coffee", "tea"])
        );
        assert_eq!(
            ask(&host, "GET /api/stock", 200).json()["items"],
            json!({"tea": 3, "coffee": 3})
        );
        // The one is disabled, the other has no route; the route of the third takes letters only.
        for line in [
            "POST /api/orders/tea",
            "GET /api/check_stock",
            "POST /api/stock/7",
        ] {
            assert_eq!(ask(&host, line, 404).text(), "no function has this route\n");
        }
        host.stop().assert_clean();
    }

    // A function that needs what the host does not have fails alone.
    let host = App::case("timer_and_http")
        .env("AzureWebJobs.order_more.Disabled", "false")
        .start();
    host.wait_for_log("load of function \"order_more\" failed");
    ask(&host, "POST /api/orders/tea", 500);
    ask(&host, "GET /api/stock", 200);
    host.stop().assert_clean();
}
