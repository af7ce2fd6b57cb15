//! Credentials in URLs, headers and settings never reach the output of the host, whatever goes wrong.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Stopped, binary, python};
use serde_json::json;

const ENABLE: &str = "PYTHON_ENABLE_WORKER_EXTENSIONS";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// What must not be seen.
const SECRET: &str = "s3cret-T0ken";

#[track_caller]
fn assert_no_secret(case: &str, output: &str) {
    assert!(!output.contains(SECRET), "{case}: {output}");
}

/// Returns the output of a host that has traced a call, or that did not start.
fn output_of(app: App) -> String {
    let host = app.env(ENABLE, "1").arg("--verbose").spawn();
    let ready = || host.stdout().contains("Worker process started");
    let exited = || host.workers().is_empty() && host.stderr().contains("error: ");
    funcdock_tests::wait_for(|| (ready() || exited()).then_some(()));
    if ready() {
        let base = host.stdout();
        let (_, address) = base.split_once("http://localhost:").expect("a URL");
        let port = address.split('/').next().expect("a port");
        let mut call = TcpStream::connect(format!("127.0.0.1:{port}")).expect("the port is open");
        let request = "GET /api/hello HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        call.write_all(request.as_bytes()).expect("sent");
        call.read_to_string(&mut String::new()).expect("an answer");
    }
    if !exited() {
        host.signal(nix::sys::signal::Signal::SIGTERM);
    }
    let Stopped { stdout, stderr, .. } = host.wait();
    format!("{stdout}\n{stderr}")
}

/// Starts a server that refuses what it gets and repeats it. Returns its address.
fn repeating_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while reader.read_line(&mut head).is_ok_and(|read| read > 2) {}
            // A client that still sends sees no answer.
            let length = head.to_ascii_lowercase();
            let length = length
                .split_once("content-length: ")
                .and_then(|(_, rest)| rest.lines().next());
            let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
            let _ = reader.read_exact(&mut body);
            let answer = format!(
                "HTTP/1.1 401 Unauthorized\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{head}",
                head.len()
            );
            let _ = reader.get_mut().write_all(answer.as_bytes());
        }
    });
    address
}

#[test]
fn the_address_of_a_collector_is_shown_without_them() {
    let with = |name: &str, value: String| App::case("hello").env(name, value);
    for protocol in ["http/protobuf", "grpc"] {
        let app = with(ENDPOINT, format!("http://user:{SECRET}@127.0.0.1:1"));
        let app = app.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol).env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            format!("x-key={SECRET},authorization=Bearer%20{SECRET}"),
        );
        let output = output_of(app);
        assert_no_secret(protocol, &output);
        assert!(
            output.contains("to http://***@127.0.0.1:1/"),
            "{protocol}: {output}"
        );
    }

    let refusing = repeating_server();
    let app = with(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        format!("http://{refusing}/t?code={SECRET}"),
    );
    let output = output_of(app.env("OTEL_EXPORTER_OTLP_HEADERS", format!("x-key={SECRET}")));
    assert_no_secret("refused", &output);
    assert!(output.contains("401 Unauthorized: POST /t?code=***"), "{output}");

    let zipkin = with(
        "OTEL_EXPORTER_ZIPKIN_ENDPOINT",
        format!("http://127.0.0.1:1/api/v2/spans?key={SECRET}"),
    );
    let output = output_of(zipkin.env("OTEL_TRACES_EXPORTER", "zipkin"));
    assert_no_secret("zipkin", &output);
    assert!(
        output.contains("to http://127.0.0.1:1/api/v2/spans?***"),
        "{output}"
    );

    let receiver = Receiver::start();
    let endpoint = receiver.endpoint().replace("://", &format!("://user:{SECRET}@"));
    assert_no_secret("taken", &output_of(with(ENDPOINT, endpoint)));
    assert_eq!(receiver.count(), 1, "it is a URL to send to all the same");
}

#[test]
fn settings_that_are_wrong_are_shown_without_them() {
    for url in [
        format!("htp://user:{SECRET}@collector:4318"),
        format!("user:{SECRET}@collector:4318"),
        format!("http://user:{SECRET}@coll ector"),
        format!("http://collector?sig={SECRET}"),
    ] {
        let output = output_of(App::case("hello").env(ENDPOINT, url.clone()));
        assert_no_secret(&url, &output);
        assert!(
            output.contains("is not the URL of a collector"),
            "{url}: {output}"
        );
    }
    // A password with a slash makes another host of the user.
    let url = format!("http://user:1/{SECRET}@collector");
    let output = output_of(App::case("hello").env(ENDPOINT, url));
    assert_no_secret("slash", &output);
    assert!(output.contains("to http://***@collector/"), "{output}");

    for settings in [
        json!({ "headers": format!("x-key={SECRET}") }),
        json!({ "exporter": "azure", "connection_string": [SECRET] }),
        json!({ "exporter": "azure", "connection_string": format!("InstrumentationKey={SECRET}") }),
        json!({ "exporter": "azure", "connection_string": format!(
            "InstrumentationKey=11111111-2222-3333-4444-555555555555;IngestionEndpoint=x://u:{SECRET}@h") }),
        json!({ "exporter": "zipkin", "zipkin_endpoint": format!("x://u:{SECRET}@h") }),
    ] {
        let host_json =
            json!({ "version": "2.0", "workerExtensions": { "opencensus": { "settings": settings } } });
        let app = App::case("hello").file("host.json", &host_json.to_string());
        let listed = Command::new(binary())
            .args(["extension", "list"])
            .arg(app.path())
            .output();
        let listed = String::from_utf8_lossy(&listed.expect("the funcdock binary runs").stdout).into_owned();
        assert_no_secret("list", &listed);
        assert!(listed.contains("opencensus"), "{listed}");
        let output = output_of(app);
        assert_no_secret(&settings.to_string(), &output);
        assert!(
            output.contains("workerExtensions.opencensus.settings: "),
            "{output}"
        );
    }
}

#[test]
fn the_address_of_an_index_is_shown_without_them() {
    for verbose in [false, true] {
        let requirements = format!(
            "--index-url http://user:{SECRET}@127.0.0.1:1/simple/\n\
             nothing-to-find @ http://{SECRET}@127.0.0.1:1/x.zip?sig={SECRET}\n"
        );
        // An environment that Funcdock has made, with other requirements.
        let app = App::case("hello")
            .file("requirements.txt", &requirements)
            .file(".venv/.funcdock-installed", "");
        let bin = app.path().join(".venv/bin");
        let pip = "import runpy\n\nrunpy.run_module(\"pip\", run_name=\"__main__\")\n";
        std::fs::create_dir(&bin)
            .and_then(|()| std::os::unix::fs::symlink(python::any(), bin.join("python")))
            .and_then(|()| std::fs::write(bin.join("pip"), pip))
            .expect("an environment in the copy");
        let app = app.bare().arg("--port").arg("0").env("PIP_RETRIES", "0");
        let app = if verbose { app.arg("--verbose") } else { app };
        let stopped = app.start_fails();
        assert_no_secret("pip", &stopped.stderr);
        assert!(
            stopped.stderr.contains("requirements cannot be installed"),
            "{}",
            stopped.stderr
        );
        assert!(stopped.stderr.contains("@127.0.0.1:1/"), "{}", stopped.stderr);
    }
}
