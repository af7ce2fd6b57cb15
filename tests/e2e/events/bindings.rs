//! Bindings to blobs and queues, with every kind of trigger.

use funcdock_tests::{App, Azurite, Host, Storage, python};
use serde_json::json;

/// Returns an emulator, what is in it, and this case with it.
fn with_storage(case: &str) -> (Azurite, Storage, App) {
    with(Azurite::account(), case)
}

/// Returns what is in this emulator, and this case with it.
fn with(azurite: Azurite, case: &str) -> (Azurite, Storage, App) {
    let storage = Storage::of(&azurite);
    let app = App::case(case).env("AzureWebJobsStorage", azurite.connection_string());
    (azurite, storage, app)
}

fn text(host: &Host, path: &str) -> (u16, String) {
    let answer = host.get(path);
    (answer.status, answer.text())
}

#[test]
fn the_guides_samples_work_as_they_are() {
    for (version, python) in python::oldest_and_newest() {
        for case in ["storage_v1", "storage"] {
            let (_azurite, storage, app) = with_storage(case);
            storage.put_blob("samples", "7", b"seven");
            let host = app.python(&python).start();
            let (status, _) = text(&host, "/api/items/7");
            assert_eq!(status, 204, "{version} {case}\n{}", host.output());
            host.wait_for_log("Python HTTP triggered function processed: b'seven'");
            assert_eq!(text(&host, "/api/put?body=hello"), (200, "hello".to_owned()));
            assert_eq!(storage.take("outqueue", 1), [b"hello"], "{version} {case}");
            host.stop().assert_clean();
        }
    }
}

#[test]
fn a_blob_comes_as_the_function_takes_it() {
    let (azurite, storage, app) = with_storage("storage");
    storage.put_blob_as(
        "samples",
        "a b",
        "first\nsecond line".as_bytes(),
        "text/plain",
        &[("color", "blue")],
    );
    storage.put_blob("samples", "raw", b"\xff");
    let host = app.start();
    let described = host.get("/api/describe/a%20b");
    assert_eq!(
        described.json(),
        json!({
            "name": "samples/a b",
            "length": 17,
            "uri": format!(
                "http://127.0.0.1:{}/{}/samples/a%20b",
                azurite.blob_port(),
                azurite.account_name()
            ),
            "type": "text/plain",
            "metadata": {"color": "blue"},
            "first": "first\n",
            "rest": "sec",
            "end": "ond line",
            "readable": true,
        })
    );
    let expected = (200, "str first\nsecond line".to_owned());
    assert_eq!(text(&host, "/api/text/a%20b"), expected);
    assert_eq!(text(&host, "/api/bytes/raw"), (200, "bytes b'\\xff'".to_owned()));
    assert_eq!(text(&host, "/api/describe/none"), (200, "missing".to_owned()));
    assert_eq!(text(&host, "/api/bytes/none"), (200, "NoneType None".to_owned()));
    assert_eq!(host.get("/api/text/raw").status, 500);
    host.wait_for_log(
        "the binding \"blob\": the blob is not UTF-8 text; take it as bytes or func.InputStream",
    );
    host.stop().assert_clean();
}

#[test]
fn outputs_are_written_before_the_reply() {
    let (_azurite, storage, app) = with_storage("storage");
    let host = app.start();
    let save = || {
        ureq::http::Request::post(host.url_of("/api/save?kind=Draft"))
            .header("x-number", "12")
            .body(br#"{"customer": {"name": "ada"}}"#.to_vec())
            .expect("valid")
    };
    let answer = host.send(save());
    assert_eq!(
        (answer.status, answer.text()),
        (200, "saved".to_owned()),
        "{}",
        host.output()
    );
    let written = storage.blob("saved", "ada/Draft-12.txt");
    assert_eq!(written.as_deref(), Some(&br#"{"customer": {"name": "ada"}}"#[..]));
    assert_eq!(storage.take("notes-draft", 1), [br#"{"saved": true}"#]);

    let answer = host.post("/api/save?kind=x", "{}");
    assert_eq!(answer.status, 500);
    host.wait_for_log("BindingError: the binding \"copy\": ");

    assert_eq!(text(&host, "/api/many"), (200, "sent".to_owned()));
    let messages: [&[u8]; 4] = [b"one", b"{\"two\": 2}", b"three", b"\xff"];
    assert_eq!(storage.take("many", 4), messages);

    assert_eq!(text(&host, "/api/both"), (201, "created".to_owned()));
    assert_eq!(storage.take("both", 1), [b"message"]);

    storage.put_blob("samples", "small", b"small");
    assert_eq!(host.get("/api/twice/small").status, 500);
    host.wait_for_log("the blob was given to an output: read its bytes to use them more than once");

    assert_eq!(host.get("/api/long").status, 500);
    host.wait_for_log(
        "the binding \"messages\": a message has 80000 bytes as it is sent; a queue takes at most 65536",
    );
    assert_eq!(storage.length("long"), 0, "none of them is sent");

    assert_eq!(host.get("/api/fail").status, 500);
    assert_eq!(storage.length("never"), 0);

    let large = vec![b'x'; 9 << 20];
    storage.put_blob("samples", "large", &large);
    assert_eq!(
        text(&host, "/api/copy/large"),
        (200, "copied".to_owned()),
        "{}",
        host.output()
    );
    assert_eq!(storage.blob("copies", "large"), Some(large));
    host.stop().assert_clean();
}

#[test]
fn a_message_starts_a_call_with_inputs_and_outputs() {
    let (_azurite, storage, app) = with_storage("storage");
    storage.put_blob("samples", "one.txt", b"quiet");
    let host = app.start();
    storage.send("work", br#"{"file": "one.txt"}"#);
    assert_eq!(storage.take("done", 1), [b"one.txt"], "{}", host.output());
    let results = storage.blobs("results", "one.txt-");
    assert_eq!(results.len(), 1, "{results:?}");
    assert_eq!(
        storage.blob("results", &results[0]).as_deref(),
        Some(&b"QUIET"[..])
    );
    // A property of the message goes before what the service says of it, whatever the case.
    storage.send("work", br#"{"file": "one.txt", "ID": "seven"}"#);
    assert_eq!(storage.take("done", 1), [b"one.txt"], "{}", host.output());
    assert_eq!(
        storage.blob("results", "one.txt-seven").as_deref(),
        Some(&b"QUIET"[..])
    );
    host.stop().assert_clean();
    assert_eq!(storage.length("work"), 0, "the message is deleted");
}

#[test]
fn without_storage_http_functions_serve_and_the_others_say_why_not() {
    let host = App::case("storage").start();
    host.wait_for_log("function \"work\" is not called: ");
    host.wait_for_log("calls of function \"put\" fail: the binding \"msg\": ");
    let answer = host.get("/api/put?body=x");
    assert_eq!(answer.status, 500);
    host.stop().assert_clean();
}

#[test]
fn a_service_that_is_down_fails_the_call() {
    let (mut azurite, storage, app) = with(Azurite::start(), "storage");
    let host = app.start();
    azurite.stop();
    assert_eq!(host.get("/api/put?body=hello").status, 500);
    host.wait_for_log("BindingError: the binding \"msg\": ");
    host.wait_for_log("function \"work\": messages of the queue \"work\" cannot be received: ");
    azurite.start_again();
    assert_eq!(
        text(&host, "/api/put?body=again"),
        (200, "again".to_owned()),
        "{}",
        host.output()
    );
    assert_eq!(storage.take("outqueue", 1), [b"again"]);
    host.wait_for_log("function \"work\": messages of the queue \"work\" are received again, after ");
    host.stop().assert_clean();
}

#[test]
fn clients_of_azures_own_library_are_parameters() {
    let (_azurite, storage, app) = with_storage("storage_clients");
    storage.put_blob("samples", "one", b"first");
    storage.put_blob("samples", "two", b"second");
    let packages = ["azure-functions", "azurefunctions-extensions-bindings-blob"];
    let host = app.python(python::with("storage-clients", &packages)).start();
    for _ in 0..2 {
        assert_eq!(
            text(&host, "/api/client/one"),
            (200, "samples/one first True".to_owned()),
            "{}",
            host.output()
        );
    }
    assert_eq!(text(&host, "/api/container"), (200, "one two".to_owned()));
    assert_eq!(text(&host, "/api/download/two"), (200, "second".to_owned()));
    host.stop().assert_clean();
}
