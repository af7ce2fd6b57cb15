//! Which calls follow events, on which host, and what becomes of those that fail.

use funcdock_tests::wait_for;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Account, POISON, QUEUE, counts, expect_calls, notify, send};
use crate::events::lines;

#[test]
fn each_blob_is_one_call_with_its_content_in_both_schemas() {
    let account = Account::new();
    account.storage.put_blob("samples", "there before", b"old");
    let host = account.app().arg("--workers=2").start();
    host.wait_for_log(
        "function \"watch\": its webhook for Event Grid is /runtime/webhooks/blobs?functionName=Host.Functions.watch",
    );
    let etag = |name: &str| account.storage.put_blob("samples", name, name.as_bytes());
    let (one, two, three, four) = (etag("one ä#1"), etag("two"), etag("three."), etag("four"));
    let first = json!([account.event("samples/one ä#1", &one)]);
    notify(&host, "watch", &first);
    expect_calls(&host, "watch got ", &[("samples/one ä#1: one ä#1", 1)]);

    // Twice in one request, and the first again; others that are not for this function.
    let other = account.storage.put_blob("others", "x", b"x");
    let mut deleted = account.event("samples/four", &four);
    deleted["eventType"] = "Microsoft.Storage.BlobDeleted".into();
    let batch = json!([
        account.cloud_event("samples/two", &two),
        account.cloud_event("samples/two", &two),
        account.cloud_event("samples/one ä#1", &one),
        account.cloud_event("others/x", &other),
        deleted,
    ]);
    notify(&host, "WATCH", &batch);
    notify(&host, "watch", &first);
    let cloud = [("content-type", "application/cloudevents+json; charset=utf-8")];
    let event = account.cloud_event("samples/three.", &three).to_string();
    let answer = send(&host, "POST", "?functionName=watch", &cloud, &event);
    assert_eq!(answer.status, 202, "{answer:?}");
    account.wait_until_empty(&host);
    let expected = [
        ("samples/one ä#1: one ä#1", 1),
        ("samples/two: two", 1),
        ("samples/three.: three.", 1),
    ];
    expect_calls(&host, "watch got ", &expected);
    account.storage.put_blob("polled", "as before", b"x");
    expect_calls(&host, "polled got ", &[("polled/as before", 1)]);
    let stopped = host.stop();
    stopped.assert_clean();
    assert!(!stopped.stderr.contains("there before"), "{}", stopped.stderr);
}

#[test]
fn an_event_of_a_blob_that_is_gone_is_no_call_and_a_replaced_one_is_handled_as_it_is() {
    let account = Account::new();
    let host = account.app().start();
    let gone = account.event("samples/gone", "0x1");
    notify(&host, "watch", &json!([gone]));
    account.wait_until_empty(&host);

    let first = account.storage.put_blob("samples", "again", b"first");
    let second = account.storage.put_blob("samples", "again", b"second");
    notify(&host, "watch", &json!([account.event("samples/again", &first)]));
    expect_calls(&host, "watch got ", &[("samples/again: second", 1)]);
    let both = json!([
        account.event("samples/again", &first),
        account.event("samples/again", &second)
    ]);
    notify(&host, "watch", &both);
    account.wait_until_empty(&host);
    let third = account.storage.put_blob("samples", "again", b"third");
    notify(&host, "watch", &json!([account.event("samples/again", &third)]));
    account.wait_until_empty(&host);
    expect_calls(
        &host,
        "watch got ",
        &[("samples/again: second", 1), ("samples/again: third", 1)],
    );
    host.stop().assert_clean();
}

#[test]
fn a_blob_that_cannot_be_handled_goes_to_the_poison_queue() {
    let account = Account::new();
    let etag = account.storage.put_blob("bad", "b", b"bad");
    let host = account.app().start();
    notify(&host, "fail", &json!([account.event("bad/b", &etag)]));
    let poison = account.storage.take(POISON, 1);
    let message: Value = serde_json::from_slice(&poison[0]).expect("JSON");
    assert_eq!(
        message,
        json!({
            "Type": "BlobTrigger", "FunctionId": "Host.Functions.fail", "BlobType": "BlockBlob",
            "ContainerName": "bad", "BlobName": "b", "ETag": etag.trim_matches('"'),
        })
    );
    account.wait_until_empty(&host);
    expect_calls(&host, "fail got ", &[("bad/b", 2)]);

    // What others put into the host's queue.
    account.storage.send(QUEUE, b"no JSON");
    assert_eq!(account.storage.take(POISON, 1), [b"no JSON"]);
    host.wait_for_log("it is not a message about a blob: expected ident");
    let unknown = json!({
        "Type": "BlobTrigger", "FunctionId": "Host.Functions.None", "BlobType": "BlockBlob",
        "ContainerName": "bad", "BlobName": "b", "ETag": "0x1",
    });
    account.storage.send_text(QUEUE, &unknown.to_string());
    host.wait_for_log("messages for \"Host.Functions.None\" stay in the queue");
    host.stop().assert_clean();
    assert_eq!(account.storage.length(QUEUE), 1);
}

#[test]
fn a_call_whose_worker_died_is_made_again() {
    let account = Account::new();
    let etag = account.storage.put_blob("deadly", "one", b"one");
    let host = account.app().start();
    notify(&host, "deadly", &json!([account.event("deadly/one", &etag)]));
    expect_calls(&host, "survived ", &[("deadly/one", 1)]);
    account.wait_until_empty(&host);
    assert!(host.app().path().join("died").exists());
    assert_eq!(account.storage.length(POISON), 0);
    host.stop();
}

#[test]
fn two_hosts_share_the_events() {
    const BLOBS: usize = 40;
    const CODE: &str = "import logging, time\n\ndef main(blob):\n    time.sleep(0.2)\n    logging.info('handled %s.', blob.name)\n";
    let account = Account::new();
    let settings = r#"{"version": "2.0", "extensions": {"blobs": {"maxDegreeOfParallelism": 2}}}"#;
    let start = || account.app_with(CODE).file("host.json", settings).start();
    let hosts = [start(), start()];
    let events = (0..BLOBS).map(|number| {
        let name = format!("{number}.txt");
        let etag = account.storage.put_blob("samples", &name, b"x");
        account.event(&format!("samples/{name}"), &etag)
    });
    // All at one of them.
    notify(&hosts[0], "watch", &Value::Array(events.collect()));
    let all = || counts(&[&hosts[0], &hosts[1]], "handled ");
    let handled = wait_for(|| (all().len() == BLOBS).then_some(()));
    assert!(
        handled.is_some() && all().values().all(|count| *count == 1),
        "{:?}\n{}\n{}",
        all(),
        hosts[0].output(),
        hosts[1].output()
    );
    account.wait_until_empty(&hosts[0]);
    for host in hosts {
        assert!(!counts(&[&host], "handled ").is_empty(), "each has its share");
        host.stop().assert_clean();
    }
}

#[test]
fn a_stop_leaves_a_failing_blob_to_the_next_start() {
    let account = Account::new();
    let code = "import logging\n\ndef main(blob):\n    logging.info('tried %s.', blob.name)\n";
    let etag = account.storage.put_blob("samples", "one", b"x");
    let host = account
        .app_with(&format!("{code}    raise ValueError('on purpose')\n"))
        .start();
    notify(&host, "watch", &json!([account.event("samples/one", &etag)]));
    lines(&host, "tried samples/one", 2);
    host.stop();
    // Neither the message nor the receipt is kept from the next host for a minute.
    let host = account.app_with(code).start();
    expect_calls(&host, "tried ", &[("samples/one", 1)]);
    account.wait_until_empty(&host);
    host.stop().assert_clean();
}

#[test]
fn a_reload_serves_what_the_app_has_then() {
    let account = Account::new();
    let code = |word: &str| {
        format!("import logging\n\ndef main(blob):\n    logging.info('{word} %s.', blob.name)\n")
    };
    let host = account.app_with(&code("before")).start();
    let send = |name: &str| {
        let etag = account.storage.put_blob("samples", name, b"x");
        notify(
            &host,
            "watch",
            &json!([account.event(&format!("samples/{name}"), &etag)]),
        );
    };
    send("one");
    expect_calls(&host, "before ", &[("samples/one", 1)]);
    let folder = host.app().path();
    std::fs::write(folder.join("watch/__init__.py"), code("after")).expect("written");
    let settings = r#"{"version": "2.0", "extensions": {"blobs": {"poisonBlobThreshold": 1}}}"#;
    std::fs::write(folder.join("host.json"), settings).expect("written");
    host.signal(Signal::SIGHUP);
    host.wait_for_log("all workers serve the app as it is now");
    send("two");
    expect_calls(&host, "after ", &[("samples/two", 1)]);
    account.wait_until_empty(&host);
    host.stop().assert_clean();
}

#[test]
fn no_more_calls_run_at_once_than_host_json_allows() {
    const BLOBS: usize = 12;
    let code = "import logging, threading, time\n\nlock = threading.Lock()\nrunning = 0\n\ndef main(blob):\n    global running\n    \
                with lock:\n        running += 1\n        logging.info('at once %s.', running)\n    time.sleep(0.1)\n    \
                with lock:\n        running -= 1\n    logging.info('handled %s.', blob.name)\n";
    let account = Account::new();
    let settings = r#"{"version": "2.0", "extensions": {"blobs": {"maxDegreeOfParallelism": 3}}}"#;
    let host = account.app_with(code).file("host.json", settings).start();
    let events = (0..BLOBS).map(|number| {
        let etag = account.storage.put_blob("samples", &number.to_string(), b"x");
        account.event(&format!("samples/{number}"), &etag)
    });
    notify(&host, "watch", &Value::Array(events.collect()));
    lines(&host, "root: handled ", BLOBS);
    account.wait_until_empty(&host);
    let at_once = counts(&[&host], "at once ");
    assert!(
        at_once.contains_key("at once 3") && at_once.len() == 3,
        "{at_once:?}"
    );
    host.stop().assert_clean();
}
