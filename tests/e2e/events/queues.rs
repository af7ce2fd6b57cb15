//! The queue trigger: what a function gets, failures, several workers, stops.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use funcdock_tests::{App, Azurite, Storage, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{app, lines};

/// Returns an emulator, what is in it, and an app with this code that uses it.
fn with_storage(code: &str) -> (Azurite, Storage, App) {
    let azurite = Azurite::account();
    let storage = Storage::of(&azurite);
    let app = app(code).env("AzureWebJobsStorage", azurite.connection_string());
    (azurite, storage, app)
}

const SHOW: &str = r#"
@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def show(message: func.QueueMessage, context: func.Context) -> None:
    times = message.insertion_time <= message.time_next_visible <= message.expiration_time
    logging.info(
        "got %r %s %s %s %s", message.get_body(), message.dequeue_count, len(message.id), bool(message.pop_receipt), times
    )
"#;

#[test]
fn a_message_comes_with_all_its_fields() {
    let (_azurite, storage, app) = with_storage(SHOW);
    let host = app.spawn();
    storage.send("work", "hä".as_bytes());
    storage.send("work", b"\xff\x00");
    let found = lines(&host, "got ", 2);
    let has = |text: &str| found.iter().any(|line| line.contains(text));
    assert!(has(r"got b'h\xc3\xa4' 1 36 True True"), "{found:?}");
    assert!(has(r"got b'\xff\x00' 1 36 True True"), "{found:?}");
    host.stop().assert_clean();
    assert_eq!(storage.length("work"), 0);
}

#[test]
fn a_message_that_fails_again_and_again_goes_to_the_poison_queue() {
    let code = r#"
@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def fail(message: func.QueueMessage) -> None:
    logging.info("attempt %s", message.dequeue_count)
    raise ValueError("on purpose")
"#;
    let (_azurite, storage, app) = with_storage(code);
    let host = app
        .file(
            "host.json",
            r#"{"extensions": {"queues": {"maxDequeueCount": 3}}}"#,
        )
        .spawn();
    storage.send("work", b"bad");
    assert_eq!(storage.take("work-poison", 1), [b"bad"]);
    let attempts = lines(&host, "root: attempt ", 3);
    assert_eq!(attempts.len(), 3, "{attempts:?}");
    host.wait_for_log("goes to the queue \"work-poison\": attempt 3 of 3 has failed");
    storage.send_text("work", "plain text");
    let moved = wait_for(|| storage.take_now("work-poison").pop());
    assert_eq!(moved.as_deref(), Some("plain text"));
    host.wait_for_log(
        "it is not in base64; set \"messageEncoding\": \"none\" in extensions.queues of host.json",
    );
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(stopped.stderr.matches("root: attempt").count(), 3);
    assert_eq!(storage.length("work"), 0);
}

#[test]
fn messages_of_plain_text_need_no_encoding() {
    let (_azurite, storage, app) = with_storage(SHOW);
    let host = app
        .file(
            "host.json",
            r#"{"extensions": {"queues": {"messageEncoding": "none"}}}"#,
        )
        .spawn();
    storage.send_text("work", "<plain> & \"text\" \u{1F600}");
    let found = lines(&host, "got ", 1);
    assert!(
        found[0].contains(r#"got b'<plain> & "text" \xf0\x9f\x98\x80' 1"#),
        "{found:?}"
    );
    host.stop().assert_clean();
}

#[test]
fn no_message_is_lost_or_poisoned_when_workers_are_killed() {
    const COUNT: usize = 300;
    let code = r#"
@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def work(message: func.QueueMessage) -> None:
    time.sleep(0.02)
    # Not to the log: a worker that is killed takes its last records with it.
    with open("handled", "ab", buffering=0) as handled:
        handled.write(message.get_body() + b"\n")
"#;
    let (_azurite, storage, app) = with_storage(code);
    for number in 0..COUNT {
        storage.send("work", number.to_string().as_bytes());
    }
    let host = app.arg("--workers=2").spawn();
    host.wait_for_stdout("Worker process started");
    let handled = || -> BTreeMap<usize, usize> {
        let text = fs::read_to_string(host.app().path().join("handled")).unwrap_or_default();
        // The last line may not be written to its end.
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        let numbers = complete.lines().filter_map(|line| line.parse().ok());
        numbers.fold(BTreeMap::new(), |mut counts, number| {
            *counts.entry(number).or_default() += 1;
            counts
        })
    };
    let mut killed = 0;
    let mut next = Instant::now();
    let all = wait_for(|| {
        if killed < 6 && Instant::now() >= next {
            if let Some(worker) = host.workers().first() {
                // It may have ended already.
                let _ = kill(Pid::from_raw(*worker), Signal::SIGKILL);
                killed += 1;
            }
            next = Instant::now() + Duration::from_millis(400);
        }
        (handled().len() == COUNT).then_some(())
    });
    assert!(all.is_some(), "{} of {COUNT}\n{}", handled().len(), host.output());
    assert!(killed >= 3, "{killed} workers were killed");
    let twice: Vec<_> = handled().into_iter().filter(|(_, count)| *count > 1).collect();
    // Only those that a killed worker had in its hands: it has some threads.
    assert!(twice.len() <= killed * 24, "{twice:?}");
    let empty = wait_for(|| (storage.length("work") == 0).then_some(()));
    assert!(empty.is_some(), "{} are left", storage.length("work"));
    assert_eq!(storage.length("work-poison"), 0, "none is poison");
    host.stop().assert_clean();
}

#[test]
fn a_stop_finishes_what_runs_and_gives_back_the_rest() {
    let code = r#"
@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def slow(message: func.QueueMessage) -> None:
    logging.info("begun %s", message.dequeue_count)
    time.sleep(0.5)
    logging.info("done")
"#;
    let (_azurite, storage, app) = with_storage(code);
    for _ in 0..20 {
        storage.send("work", b"task");
    }
    let host = app
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "2")
        .arg("--drain-timeout=1")
        .spawn();
    lines(&host, "begun ", 1);
    let stopped = host.stop();
    let count = |text: &str| stopped.stderr.matches(text).count();
    let done = count("root: done");
    assert!((2..20).contains(&done), "{}", stopped.stderr);
    // They are visible at once, and not a minute later.
    let left = storage.take_now("work").len();
    assert!(
        left + done >= 20 && left > 0,
        "{left} left, {done} done\n{}",
        stopped.stderr
    );
}

#[test]
fn a_message_that_ends_its_worker_takes_no_others_with_it() {
    let code = r#"
import asyncio

@app.queue_trigger(arg_name="message", queue_name="killer", connection="AzureWebJobsStorage")
def killer(message: func.QueueMessage) -> None:
    time.sleep(0.1)
    os._exit(9)

@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
async def work(message: func.QueueMessage) -> None:
    await asyncio.sleep(0.7)
    logging.info("done %s.", message.get_body().decode())
"#;
    let (_azurite, storage, app) = with_storage(code);
    for number in 0..6 {
        storage.send("work", number.to_string().as_bytes());
    }
    storage.send("killer", b"bad");
    let host = app.spawn();
    assert_eq!(storage.take("killer-poison", 1), [b"bad"]);
    host.wait_for_log("goes to the queue \"killer-poison\": the worker ended in each of 5 calls");
    lines(&host, "root: done ", 6);
    let empty = wait_for(|| (storage.length("work") == 0).then_some(()));
    assert!(
        empty.is_some(),
        "{} are left\n{}",
        storage.length("work"),
        host.output()
    );
    assert_eq!(storage.length("work-poison"), 0, "{}", host.output());
    host.stop().assert_clean();
}

#[test]
fn a_stop_in_the_pause_of_a_retry_counts_no_attempt() {
    let code = r#"
@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
@app.retry(strategy="fixed_delay", max_retry_count="-1", delay_interval="00:10:00")
def fail(message: func.QueueMessage) -> None:
    raise ValueError("on purpose")
"#;
    let (_azurite, storage, app) = with_storage(code);
    storage.send("work", b"patient");
    let host = app
        .file(
            "host.json",
            r#"{"extensions": {"queues": {"maxDequeueCount": 1}}}"#,
        )
        .spawn();
    host.wait_for_log("(there is no limit) in 600s");
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(storage.length("work-poison"), 0, "{}", stopped.stderr);
    assert_eq!(storage.take("work", 1), [b"patient"], "visible at once");
}

#[test]
fn the_messages_of_a_function_that_cannot_be_loaded_stay_where_they_are() {
    let code = r#"
@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def misspelt(mesage: func.QueueMessage) -> None: ...
"#;
    let (_azurite, storage, app) = with_storage(code);
    storage.send("work", b"kept");
    let host = app.spawn();
    host.wait_for_log("load of function \"misspelt\" failed");
    host.wait_for_stdout("Worker process started");
    host.stop().assert_clean();
    assert_eq!(storage.take("work", 1), [b"kept"]);
}

#[test]
fn the_time_of_a_call_begins_when_a_thread_does() {
    let code = r#"
@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def work(message: func.QueueMessage) -> None:
    time.sleep(0.4)
    logging.info("done %s.", message.dequeue_count)
"#;
    let (_azurite, storage, app) = with_storage(code);
    for _ in 0..6 {
        storage.send("work", b"task");
    }
    let host = app
        .env("PYTHON_THREADPOOL_THREAD_COUNT", "1")
        .file("host.json", r#"{"functionTimeout": "00:00:01"}"#)
        .spawn();
    let done = lines(&host, "root: done ", 6);
    assert!(done.iter().all(|line| line.contains("done 1.")), "{done:?}");
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(
        stopped.stderr.matches("root: done").count(),
        6,
        "{}",
        stopped.stderr
    );
}

#[test]
fn a_queue_whose_name_is_too_long_for_a_poison_queue_is_served() {
    let name = "a".repeat(60);
    let (_azurite, storage, app) = with_storage(&SHOW.replace("\"work\"", &format!("{name:?}")));
    storage.send(&name, b"text");
    let host = app.spawn();
    lines(&host, "got b'text'", 1);
    host.wait_for_log("is too long for a poison queue");
    host.stop().assert_clean();
}

#[test]
fn a_reload_has_the_new_settings_of_queues() {
    let code = r#"
@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def fail(message: func.QueueMessage) -> None:
    logging.info("attempt %s", message.dequeue_count)
    raise ValueError("on purpose")
"#;
    let (_azurite, storage, app) = with_storage(code);
    let host = app.spawn();
    host.wait_for_stdout("Worker process started");
    let settings = r#"{"extensions": {"queues": {"maxDequeueCount": 1}}}"#;
    std::fs::write(host.app().path().join("host.json"), settings).expect("written");
    host.signal(Signal::SIGHUP);
    host.wait_for_log("all workers serve the app as it is now");
    storage.send("work", b"bad");
    assert_eq!(storage.take("work-poison", 1), [b"bad"]);
    host.wait_for_log("goes to the queue \"work-poison\": attempt 1 of 1 has failed");
    host.stop().assert_clean();
}

#[test]
fn a_message_is_handled_once_if_storage_is_away_for_a_moment_when_its_call_ends() {
    let code = r#"
@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def work(message: func.QueueMessage) -> None:
    name = message.get_body().decode()
    logging.info("begun %s", name)
    while not os.path.exists(name):
        time.sleep(0.01)
    logging.info("done %s", name)
"#;
    let mut azurite = Azurite::start();
    let storage = Storage::of(&azurite);
    let app = app(code).env("AzureWebJobsStorage", azurite.connection_string());
    storage.send("work", b"one");
    let host = app.arg("--verbose").spawn();
    let end_call = |name: &str| {
        std::fs::write(host.app().path().join(name), "").expect("written");
        lines(&host, &format!("root: done {name}"), 1);
    };
    let expect_empty = || {
        let empty = wait_for(|| (storage.length("work") == 0).then_some(()));
        assert!(empty.is_some(), "it is left\n{}", host.output());
    };
    // It accepts connections, and does not answer.
    lines(&host, "root: begun one", 1);
    azurite.signal(Signal::SIGSTOP);
    end_call("one");
    azurite.signal(Signal::SIGCONT);
    expect_empty();
    // It refuses them for longer than one deletion tries.
    storage.send("work", b"two");
    lines(&host, "root: begun two", 1);
    azurite.stop();
    host.wait_for_log("messages of the queue \"work\" cannot be received");
    end_call("two");
    host.wait_for_log("cannot be let go yet: ");
    azurite.start_again();
    expect_empty();
    let stopped = host.stop();
    assert_eq!(
        stopped.stderr.matches("root: begun").count(),
        2,
        "{}",
        stopped.stderr
    );
    assert!(!stopped.stderr.contains("is handled again"), "{}", stopped.stderr);
    assert_eq!(storage.length("work-poison"), 0);
}
