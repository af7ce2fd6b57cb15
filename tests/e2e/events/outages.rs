//! Storage that is away while functions use it: what is served meanwhile, and that nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use funcdock_tests::{Azurite, Host, Storage, wait_for};

use super::{app, lines};

const MESSAGES: usize = 400;
const BLOBS: usize = 20;

/// The most messages that a host has in work: `batchSize` and `newBatchThreshold` of host.json, which are not set here.
const IN_WORK: usize = 16 + 8;

/// How long storage is away.
const AWAY: Duration = Duration::from_secs(30);

const ALL_TRIGGERS: &str = r#"
STORAGE = "AzureWebJobsStorage"

@app.route(route="ping", auth_level="anonymous")
def ping(req: func.HttpRequest) -> str:
    return "pong"

@app.queue_trigger(arg_name="message", queue_name="work", connection=STORAGE)
@app.queue_output(arg_name="$return", queue_name="done", connection=STORAGE)
def work(message: func.QueueMessage) -> bytes:
    time.sleep(0.02)
    logging.info("worked %s", message.get_body().decode())
    return message.get_body()

@app.blob_trigger(arg_name="blob", path="incoming/{name}", connection=STORAGE)
@app.blob_output(arg_name="$return", path="outgoing/{name}", connection=STORAGE)
def copy(blob: func.InputStream) -> bytes:
    if blob.name == "incoming/held":
        logging.info("holding")
        while not os.path.exists("storage-is-away"):
            time.sleep(0.01)
    return blob.read()

@app.timer_trigger(arg_name="timer", schedule="* * * * * *")
def tick(timer: func.TimerRequest) -> None:
    logging.info("tick")
"#;

#[test]
fn nothing_is_lost_while_storage_is_away() {
    let mut azurite = Azurite::start();
    let storage = Storage::of(&azurite);
    for number in 0..MESSAGES {
        storage.send("work", number.to_string().as_bytes());
    }
    let host = app(ALL_TRIGGERS)
        .env("AzureWebJobsStorage", azurite.connection_string())
        .arg("--workers=2")
        .start();
    lines(&host, "worked ", MESSAGES / 8);
    lines(&host, "tick", 1);
    for number in 0..BLOBS {
        storage.put_blob("incoming", &number.to_string(), number.to_string().as_bytes());
    }
    // Its call reads it when that cannot work.
    storage.put_blob("incoming", "held", b"held");
    lines(&host, "holding", 1);
    azurite.stop();
    fs::write(host.app().path().join("storage-is-away"), "").expect("the app's folder is writable");
    serve_for(&host, AWAY);
    azurite.start_again();
    let back = host.stderr().len();
    let begun_before = worked(&host.stderr()[..back]);

    let mut times_put_out = BTreeMap::<String, usize>::new();
    wait_long(&host, "the messages", || {
        for message in storage.take_now("done") {
            let message = STANDARD.decode(message).expect("base64");
            let message = String::from_utf8(message).expect("a number");
            *times_put_out.entry(message).or_default() += 1;
        }
        times_put_out.len() == MESSAGES
    });
    wait_long(&host, "the blobs", || {
        storage.blobs("outgoing", "").len() == BLOBS + 1
    });
    for name in (0..BLOBS)
        .map(|number| number.to_string())
        .chain(["held".to_owned()])
    {
        assert_eq!(storage.blob("outgoing", &name), Some(name.into_bytes()));
    }
    host.wait_for_log_from(back, "tick");
    let empty = wait_for(|| (storage.length("work") == 0).then_some(()));
    assert!(empty.is_some(), "{} are left", storage.length("work"));
    for queue in ["work-poison", "webjobs-blobtrigger-poison"] {
        assert_eq!(storage.length(queue), 0, "{queue:?}\n{}", host.output());
    }
    // Each message is put out once. Twice at most if it was in work when storage stopped: then the service may have written it,
    // and the reply was lost.
    let twice: Vec<_> = times_put_out.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.len() <= IN_WORK, "put out twice: {twice:?}");
    for (message, times) in twice {
        assert_eq!(*times, 2, "{message:?}\n{}", host.output());
        assert!(begun_before.contains(message), "{message:?}\n{}", host.output());
    }
    for trigger in [
        "\"work\": messages of the queue \"work\"",
        "\"copy\": blobs of the container \"incoming\"",
    ] {
        let count = |text: &str| host.stderr().matches(&format!("{trigger} {text}")).count();
        // Not at all if it had enough messages to work on.
        let told = count("cannot be received: ");
        assert!(told <= 1, "{trigger}\n{}", host.output());
        // The last outputs may be there before a round of the trigger has ended.
        let resumed = wait_for(|| (count("are received again, after ") == told).then_some(()));
        assert!(resumed.is_some(), "{trigger}\n{}", host.output());
    }
    host.stop();
}

/// Returns the messages that the function has worked on by this log.
fn worked(log: &str) -> BTreeSet<String> {
    let message = |line: &str| Some(line.split_once("worked ")?.1.split(' ').next()?.to_owned());
    log.lines().filter_map(message).collect()
}

/// Waits for what may take longer than other things: a pause after the outage of up to 30 s, and then the end of a lease that
/// could not be given back.
fn wait_long(host: &Host, what: &str, mut check: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(120);
    while !check() {
        assert!(Instant::now() < end, "{what} are not handled\n{}", host.output());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Asks an HTTP function again and again for this time.
fn serve_for(host: &Host, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        let begun = Instant::now();
        assert_eq!(host.get("/api/ping").text(), "pong", "{}", host.output());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_message_whose_output_cannot_be_written_is_tried_again() {
    let code = r#"
@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
@app.queue_output(arg_name="$return", queue_name="done", connection="Other")
def work(message: func.QueueMessage) -> str:
    logging.info("attempt %s", message.dequeue_count)
    # However long the storage needs to come back, no attempt is used up meanwhile.
    while message.dequeue_count > 1 and not os.path.exists("storage-is-back"):
        time.sleep(0.01)
    return "done"
"#;
    let azurite = Azurite::account();
    let storage = Storage::of(&azurite);
    let mut other = Azurite::start();
    let host = app(code)
        .env("AzureWebJobsStorage", azurite.connection_string())
        .env("Other", other.connection_string())
        .spawn();
    other.stop();
    storage.send("work", b"message");
    lines(&host, "BindingError: the binding \"$return\": ", 1);
    other.start_again();
    fs::write(host.app().path().join("storage-is-back"), "").expect("the app's folder is writable");
    let other = Storage::of(&other);
    assert_eq!(other.take("done", 1), [b"done"]);
    assert_eq!(lines(&host, "attempt ", 2).len(), 2, "{}", host.output());
    let empty = wait_for(|| (storage.length("work") == 0).then_some(()));
    assert!(empty.is_some(), "{} are left", storage.length("work"));
    assert_eq!(storage.length("work-poison"), 0, "none is poison");
    host.stop();
}

#[test]
fn storage_that_is_killed_while_an_output_is_written_is_a_500() {
    let code = r#"
@app.route(route="put", auth_level="anonymous")
@app.blob_output(arg_name="blob", path="big/blob", connection="AzureWebJobsStorage")
def put(req: func.HttpRequest, blob: func.Out[bytes]) -> str:
    content = bytes(512 * 1024 * 1024)
    blob.set(content)
    logging.info("returning")
    return "put"
"#;
    let mut azurite = Azurite::start();
    let host = app(code)
        .env("AzureWebJobsStorage", azurite.connection_string())
        .start();
    thread::scope(|scope| {
        let answer = scope.spawn(|| host.get("/api/put"));
        lines(&host, "returning", 1);
        azurite.kill();
        let answer = answer.join().expect("answered");
        assert_eq!(answer.status, 500, "{}", host.output());
    });
    host.wait_for_log("BindingError: the binding \"blob\": ");
    host.stop().assert_clean();
}
