//! Editors start, debug and stop an app as they do with `func`: what VS Code's extension for Azure Functions sets up, by the
//! protocol of debuggers (DAP), without the editor.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use funcdock_tests::{App, DEADLINE, Host, python, wait_for};
use serde_json::{Value, json};

const SYNCHRONOUS: &str = "def main(req):\n    name = req.params['name']\n    return f'Hello, {name}!'\n";
const ASYNCHRONOUS: &str = "import asyncio\n\n\nasync def main(req):\n    await asyncio.sleep(0)\n    name = req.params['name']\n    return f'Hello, {name}!'\n";

/// The task and the configuration of a debugger that the extension makes for a Python app.
const TASKS: &str = r#"{
    "version": "2.0.0",
    "tasks": [{
        "type": "func", "label": "func: host start", "command": "host start",
        "problemMatcher": "$func-python-watch", "isBackground": true
    }]
}"#;
const LAUNCH: &str = r#"{
    "version": "0.2.0",
    "configurations": [{
        "name": "Attach to Python Functions", "type": "debugpy", "request": "attach",
        "connect": { "host": "localhost", "port": 9091 }, "preLaunchTask": "func: host start"
    }]
}"#;

/// Returns the words after `func` in the task that the configuration names. As the editor does, it begins there.
fn task() -> Vec<String> {
    let [tasks, launch]: [Value; 2] = [TASKS, LAUNCH].map(|text| serde_json::from_str(text).expect("JSON"));
    let label = &launch["configurations"][0]["preLaunchTask"];
    let tasks = tasks["tasks"].as_array().expect("a list");
    let task = tasks
        .iter()
        .find(|task| task["label"] == *label)
        .expect("the task");
    let command = task["command"].as_str().expect("text");
    command.split(' ').map(str::to_owned).collect()
}

/// A debugger that is attached.
struct Debugger {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
    sequence: u64,
}

impl Debugger {
    fn attach(port: u16, host: &Host) -> Self {
        let connected = wait_for(|| TcpStream::connect(("127.0.0.1", port)).ok());
        let stream = connected.unwrap_or_else(|| panic!("nobody listens\n{}", host.output()));
        stream.set_read_timeout(Some(DEADLINE)).expect("set");
        let reader = BufReader::new(stream.try_clone().expect("a clone"));
        let mut debugger = Debugger {
            stream,
            reader,
            sequence: 0,
        };
        debugger.ask(
            "initialize",
            &json!({ "adapterID": "debugpy", "linesStartAt1": true }),
        );
        // It is answered after the breakpoints are set.
        debugger.send("attach", &json!({ "justMyCode": true }));
        debugger.event("initialized");
        debugger
    }

    /// Sets the breakpoints, all that there are, and lets the app go on.
    fn stop_at(&mut self, places: &[(String, u64)]) {
        for (file, line) in places {
            let set = self.ask(
                "setBreakpoints",
                &json!({ "source": { "path": file }, "breakpoints": [{ "line": line }] }),
            );
            assert_eq!(set["body"]["breakpoints"][0]["verified"], true, "{set}");
        }
        self.ask("configurationDone", &json!({}));
    }

    fn send(&mut self, command: &str, arguments: &Value) -> u64 {
        self.sequence += 1;
        let message =
            json!({ "seq": self.sequence, "type": "request", "command": command, "arguments": arguments });
        let text = message.to_string();
        write!(self.stream, "Content-Length: {}\r\n\r\n{text}", text.len()).expect("it listens");
        self.sequence
    }

    fn read(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            self.reader.read_line(&mut line).expect("in time");
            match line.trim_end().strip_prefix("Content-Length: ") {
                Some(number) => length = number.parse().expect("a number"),
                None if line.trim_end().is_empty() && length > 0 => break,
                None => assert!(!line.is_empty(), "the debugger has gone"),
            }
        }
        let mut body = vec![0; length];
        self.reader.read_exact(&mut body).expect("in time");
        serde_json::from_slice(&body).expect("JSON")
    }

    /// Sends a request and returns its response.
    fn ask(&mut self, command: &str, arguments: &Value) -> Value {
        let sequence = self.send(command, arguments);
        loop {
            let message = self.read();
            if message["type"] == "response" && message["request_seq"] == sequence {
                assert_eq!(message["success"], true, "{command}: {message}");
                return message;
            }
        }
    }

    /// Waits for an event.
    fn event(&mut self, name: &str) -> Value {
        loop {
            let message = self.read();
            if message["type"] == "event" && message["event"] == name {
                return message;
            }
        }
    }
}

#[test]
fn an_editor_starts_the_host_stops_at_breakpoints_and_ends_it() {
    let mut seen = 0;
    for version in ["3.9", "3.11", "3.13"] {
        let Some(python) = python::of_version_with(version, "debugpy", &["debugpy"]) else {
            continue;
        };
        seen += 1;
        let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let port = port.expect("a free port").port();
        let folder = tempfile::tempdir().expect("a folder");
        let app = App::without_functions()
            .function("now", SYNCHRONOUS)
            .function("later", ASYNCHRONOUS)
            .python(python)
            // The extension sets it for its task.
            .env(
                "languageWorkers__python__arguments",
                format!("-m debugpy --listen 127.0.0.1:{port}"),
            )
            .as_func(folder.path(), task());
        // The extension waits for the line that its problem matcher knows, as `start` does.
        let host = Arc::new(app.start());
        let mut debugger = Debugger::attach(port, &host);
        let places = [("now", 2), ("later", 6)].map(|(name, line)| {
            let file = host.app().path().join(name).join("__init__.py");
            (file.to_string_lossy().into_owned(), line)
        });
        debugger.stop_at(&places);
        for (name, (file, line)) in ["now", "later"].into_iter().zip(&places) {
            let asking = Arc::clone(&host);
            let call = thread::spawn(move || asking.get(&format!("/api/{name}?name=Ada")).text());
            let stopped = debugger.event("stopped");
            let thread = &stopped["body"]["threadId"];
            let stack = debugger.ask("stackTrace", &json!({ "threadId": thread }));
            let frame = &stack["body"]["stackFrames"][0];
            assert_eq!(
                (&frame["line"], &frame["source"]["path"]),
                (&json!(line), &json!(file)),
                "{version} {stack}"
            );
            let value = debugger.ask(
                "evaluate",
                &json!({ "expression": "req.params['name']", "frameId": frame["id"], "context": "watch" }),
            );
            assert_eq!(value["body"]["result"], "'Ada'", "{version} {name}");
            debugger.ask("continue", &json!({ "threadId": thread }));
            assert_eq!(call.join().expect("no panic"), "Hello, Ada!", "{version} {name}");
        }
        debugger.ask("disconnect", &json!({}));
        assert_eq!(
            host.get("/api/now?name=Bob").text(),
            "Hello, Bob!",
            "{version}: it goes on alone"
        );
        let host = Arc::into_inner(host).expect("nobody else has it");
        host.stop().assert_clean();
    }
    assert!(seen > 0, "this machine has none of the versions");
}

#[test]
fn options_of_func_are_known() {
    let host = App::case("plain")
        .arg("--no-build")
        .arg("--timeout")
        .arg("30")
        .arg("--language-worker")
        .arg("-W error::FutureWarning")
        .start();
    host.stop().assert_clean();
    for (arguments, expected) in [
        (
            &["--password", "secret"][..],
            "--password cannot be had: the file of --cert is PEM",
        ),
        (&["--enable-json-output"], "write --log-format json"),
        (
            &["--language-worker", "-m 'debugpy"],
            "--language-worker is \"-m 'debugpy\"; expected arguments as in a shell",
        ),
    ] {
        let mut app = App::case("plain");
        for argument in arguments {
            app = app.arg(argument);
        }
        let stopped = app.start_fails();
        assert!(stopped.stderr.contains(expected), "{}", stopped.stderr);
    }
}
