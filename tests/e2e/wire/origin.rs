//! Where a request comes from and what it was sent to: what clients may say, and what only trusted proxies.

use std::process::Command;

use funcdock_tests::{App, Host, Raw, binary};
use serde_json::{Value, json};

/// What an app sees of a request with these lines behind its first.
fn seen(host: &Host, app: &str, lines: &str) -> Value {
    let mut raw = Raw::connect(host);
    raw.send(format!("GET /api/{app}?seen HTTP/1.1\r\n{lines}\r\n\r\n"));
    let answer = raw.answer();
    assert_eq!(answer.status, 200, "{app}: {lines}");
    answer.json()
}

const FORWARDED: &str = "Host: inner:8080\r\nX-Forwarded-For: 203.0.113.7, 10.0.0.1\r\nX-Forwarded-Proto: https, http\r\n\
                         X-Forwarded-Host: shop.example, inner";

#[test]
fn a_host_that_is_not_valid_is_refused() {
    let host = App::case("protocol").start();
    for invalid in [
        "", "evil/?", "user@h", "a b", "h:99999", "h:x", "[::1", "<h>", "h#", "a, b", "h\\..\\x", "%zz",
    ] {
        for app in ["plain", "asgi", "wsgi", "nothing"] {
            let mut raw = Raw::connect(&host);
            raw.send(format!("GET /api/{app} HTTP/1.1\r\nHost: {invalid}\r\n\r\n"));
            let answer = raw.answer();
            assert_eq!(
                (answer.status, answer.text().as_str()),
                (400, "the request has no valid Host, or several\n"),
                "{app}: {invalid:?}"
            );
            raw.assert_closed();
        }
    }
    for valid in ["h", "a-b.example:80", "[::1]:7071", "127.0.0.1"] {
        let url = format!("http://{valid}/api/plain?seen");
        assert_eq!(seen(&host, "plain", &format!("Host: {valid}"))["url"], url);
    }
    host.stop().assert_clean();
}

#[test]
fn a_url_as_target_replaces_the_host_for_everybody() {
    let host = App::case("protocol").start();
    let ask = |app: &str, target: &str| {
        let mut raw = Raw::connect(&host);
        raw.send(format!(
            "GET {target}/api/{app}?seen HTTP/1.1\r\nHost: other\r\n\r\n"
        ));
        raw.answer()
    };
    let plain = ask("plain", "http://target:81").json();
    assert_eq!(plain["url"], "http://target:81/api/plain?seen");
    assert_eq!(plain["headers"]["host"], "target:81");
    assert_eq!(
        ask("asgi", "http://target:81").json()["server"],
        json!(["target", 81])
    );
    let wsgi = ask("wsgi", "http://target:81").json();
    assert_eq!(
        (&wsgi["HTTP_HOST"], &wsgi["SERVER_NAME"]),
        (&json!("target:81"), &json!("target"))
    );
    // The connection is not encrypted, whatever the target says.
    assert_eq!(
        ask("plain", "https://target").json()["url"],
        "http://target/api/plain?seen"
    );
    assert_eq!(ask("plain", "http://user@target").status, 400);
    host.stop().assert_clean();
}

#[test]
fn a_proxy_on_this_machine_says_where_a_request_comes_from() {
    let host = App::case("protocol").start();
    assert_eq!(
        seen(&host, "plain", FORWARDED)["url"],
        "https://shop.example/api/plain?seen"
    );
    let asgi = seen(&host, "asgi", FORWARDED);
    assert_eq!(
        (&asgi["scheme"], &asgi["client"], &asgi["server"]),
        (
            &json!("https"),
            &json!(["203.0.113.7", 0]),
            &json!(["shop.example", 443])
        )
    );
    let wsgi = seen(&host, "wsgi", FORWARDED);
    assert_eq!(
        (
            &wsgi["wsgi.url_scheme"],
            &wsgi["REMOTE_ADDR"],
            &wsgi["SERVER_NAME"],
            &wsgi["SERVER_PORT"]
        ),
        (
            &json!("https"),
            &json!("203.0.113.7"),
            &json!("shop.example"),
            &json!("443")
        )
    );
    // What is not valid does not count.
    let nonsense =
        "Host: inner\r\nX-Forwarded-For: me\r\nX-Forwarded-Proto: http://evil/?\r\nX-Forwarded-Host: evil/?";
    assert_eq!(
        seen(&host, "plain", nonsense)["url"],
        "http://inner/api/plain?seen"
    );
    assert_eq!(seen(&host, "asgi", nonsense)["client"][0], "127.0.0.1");
    host.stop().assert_clean();
}

#[test]
fn other_peers_say_nothing() {
    let app = || App::case("protocol");
    for (host, is_trusted) in [
        (
            app().arg("--forwarded-allow-ips").arg("10.0.0.0/8, ::1").start(),
            false,
        ),
        (app().env("FUNCDOCK_FORWARDED_ALLOW_IPS", "").start(), false),
        (
            app().env("FUNCDOCK_FORWARDED_ALLOW_IPS", "127.0.0.0/8").start(),
            true,
        ),
        (app().arg("--forwarded-allow-ips").arg("*").start(), true),
    ] {
        let plain = seen(&host, "plain", FORWARDED);
        let url = if is_trusted {
            "https://shop.example"
        } else {
            "http://inner:8080"
        };
        assert_eq!(plain["url"], format!("{url}/api/plain?seen"));
        // Apps that look themselves see what was sent.
        assert_eq!(plain["headers"]["x-forwarded-proto"], "https, http");
        let scheme = if is_trusted { "https" } else { "http" };
        let client = if is_trusted { "203.0.113.7" } else { "127.0.0.1" };
        let asgi = seen(&host, "asgi", FORWARDED);
        assert_eq!(
            (&asgi["scheme"], &asgi["client"][0]),
            (&json!(scheme), &json!(client))
        );
        let wsgi = seen(&host, "wsgi", FORWARDED);
        assert_eq!(
            (&wsgi["wsgi.url_scheme"], &wsgi["REMOTE_ADDR"]),
            (&json!(scheme), &json!(client))
        );
        host.stop().assert_clean();
    }
}

#[test]
fn a_list_that_is_not_valid_is_named() {
    let refused = Command::new(binary())
        .args(["start", "--forwarded-allow-ips", "10.0.0.1,proxy"])
        .output()
        .expect("it runs");
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(
        message.contains("--forwarded-allow-ips")
            && message.contains("\"proxy\" is neither an IP address nor a network"),
        "{message}"
    );
}
