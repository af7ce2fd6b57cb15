//! The blob trigger: which blobs start a call, how often, and what becomes of those that cannot be handled.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use funcdock_storage::{Blob, Connection, Container, StorageError, Upload};
use funcdock_tests::{App, Azurite, Host, wait_for};
use tokio::runtime::Runtime;

/// Writes the text of the blob, which is its path, into the log.
const LOGS: &str = r#"
import logging, os, time

def main(blob):
    text = blob.read() if hasattr(blob, "read") else blob
    text = text.decode() if isinstance(text, bytes) else text
    logging.info("called for %s.", text)
"#;

/// An emulator with the container of the function's blobs.
struct Storage {
    azurite: Azurite,
    runtime: Runtime,
}

impl Storage {
    fn new() -> Self {
        Self::of(Azurite::account())
    }

    fn of(azurite: Azurite) -> Self {
        let storage = Storage {
            azurite,
            runtime: Runtime::new().expect("a runtime"),
        };
        let created = storage
            .runtime
            .block_on(storage.container("samples").create_if_missing());
        assert!(created.expect("Azurite does it"));
        storage
    }

    fn connection(&self) -> Connection {
        let string = self.azurite.connection_string();
        Connection::from_settings("", |_| Some(string.clone())).expect("valid")
    }

    fn container(&self, name: &str) -> Container {
        self.connection().container(name).expect("a valid name")
    }

    fn blob(&self, name: &str) -> Blob {
        self.container("samples").blob(name).expect("a valid name")
    }

    /// Writes a blob that has its path as its text, and returns its etag.
    fn write(&self, name: &str) -> String {
        let text = Bytes::from(format!("samples/{name}"));
        let how = Upload {
            content_type: Some("text/plain".to_owned()),
            metadata: HashMap::from([("author".to_owned(), "Ada".to_owned())]),
            ..Upload::default()
        };
        let written = self.runtime.block_on(self.blob(name).upload(text, &how));
        written.expect("Azurite does it")
    }

    /// Returns the names of the receipts, and whether each is complete.
    fn receipts(&self) -> BTreeMap<String, bool> {
        let hosts = self.container("azure-webjobs-hosts");
        self.runtime.block_on(async {
            let mut receipts = BTreeMap::new();
            let page = match hosts.list("blobreceipts/", None, None).await {
                Err(StorageError::NotFound(_)) => return receipts,
                page => page.expect("Azurite does it"),
            };
            for item in page.items {
                let blob = hosts.blob(&item.name).expect("a valid name");
                let properties = blob.properties().await.expect("Azurite does it");
                receipts.insert(item.name, !properties.metadata.contains_key("incomplete"));
            }
            receipts
        })
    }

    /// Returns an app with a function for the blobs of this path.
    fn app(&self, path: &str, code: &str) -> App {
        let binding = format!(
            "{{\"bindings\": [{{\"type\": \"blobTrigger\", \"name\": \"blob\", \"path\": \"{path}\", \"direction\": \"in\"}}]}}"
        );
        App::empty()
            .file("host.json", "{\"version\": \"2.0\"}")
            .file("Watch/function.json", &binding)
            .file("Watch/__init__.py", code)
            .env("AzureWebJobsStorage", self.azurite.connection_string())
            .env("AzureFunctionsWebHost__hostid", "tests")
    }
}

/// Returns how often the function was called for each path.
fn calls(host: &Host) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for line in host.stderr().lines() {
        if let Some((_, rest)) = line.split_once("called for ")
            && let Some((path, _)) = rest.rsplit_once('.')
        {
            *calls.entry(path.to_owned()).or_default() += 1;
        }
    }
    calls
}

/// Waits until the function was called so often for these blobs, and for no others.
fn expect_calls(host: &Host, expected: &[(&str, usize)]) {
    let expected: BTreeMap<String, usize> = expected
        .iter()
        .map(|(name, count)| (format!("samples/{name}"), *count))
        .collect();
    let met = wait_for(|| (calls(host) == expected).then_some(()));
    assert!(
        met.is_some(),
        "expected {expected:?}, found {:?}\n{}",
        calls(host),
        host.output()
    );
}

#[test]
fn each_version_of_a_blob_is_one_call_also_after_a_restart() {
    let storage = Storage::new();
    let etag = storage.write("there/before ä#1.txt");
    let app = || storage.app("samples", LOGS);
    let host = app().spawn();
    expect_calls(&host, &[("there/before ä#1.txt", 1)]);
    storage.write("new");
    expect_calls(&host, &[("there/before ä#1.txt", 1), ("new", 1)]);
    storage.write("new");
    expect_calls(&host, &[("there/before ä#1.txt", 1), ("new", 2)]);
    // Who finds this has swept over the others again.
    storage.write("last");
    expect_calls(&host, &[("there/before ä#1.txt", 1), ("new", 2), ("last", 1)]);
    host.stop().assert_clean();

    let receipts = storage.receipts();
    assert_eq!(receipts.len(), 4, "{receipts:?}");
    assert!(receipts.values().all(|is_complete| *is_complete), "{receipts:?}");
    let name = format!(
        "blobreceipts/tests/Host.Functions.Watch/{}/samples/there/before ä#1.txt",
        etag.trim_matches('"')
    );
    assert!(receipts.contains_key(&name), "{name}\n{receipts:?}");

    storage.write("while it was away");
    let host = app().spawn();
    expect_calls(&host, &[("while it was away", 1)]);
    storage.write("very last");
    expect_calls(&host, &[("while it was away", 1), ("very last", 1)]);
    host.stop().assert_clean();
}

#[test]
fn the_pattern_says_which_blobs_count() {
    let storage = Storage::new();
    let app = storage.app("samples/in/{name}.{ext}", LOGS);
    for name in ["in/a.txt", "in/b", "out/c.txt", "in/deep/d.tar.gz", "In/e.txt"] {
        storage.write(name);
    }
    let host = app.spawn();
    expect_calls(&host, &[("in/a.txt", 1), ("in/deep/d.tar.gz", 1)]);
    storage.write("in/last.txt");
    expect_calls(
        &host,
        &[("in/a.txt", 1), ("in/deep/d.tar.gz", 1), ("in/last.txt", 1)],
    );
    host.stop().assert_clean();
}

#[test]
fn two_hosts_share_the_blobs() {
    const BLOBS: usize = 40;
    let storage = Storage::new();
    let names: Vec<String> = (0..BLOBS).map(|number| format!("{number}.txt")).collect();
    for name in &names {
        storage.write(name);
    }
    let code = format!("{LOGS}    time.sleep(0.3)\n");
    let settings = r#"{"version": "2.0", "extensions": {"blobs": {"maxDegreeOfParallelism": 4}}}"#;
    let start = || {
        storage
            .app("samples/{name}", &code)
            .file("host.json", settings)
            .spawn()
    };
    let hosts = [start(), start()];
    let total = || {
        let mut total = calls(&hosts[0]);
        for (path, count) in calls(&hosts[1]) {
            *total.entry(path).or_default() += count;
        }
        total
    };
    let output = || format!("{}\n{}", hosts[0].output(), hosts[1].output());
    wait_for(|| (total().len() == BLOBS).then_some(())).unwrap_or_else(|| panic!("{}", output()));
    storage.write("last");
    wait_for(|| (total().len() == BLOBS + 1).then_some(())).unwrap_or_else(|| panic!("{}", output()));
    assert!(total().values().all(|count| *count == 1), "{:?}", total());
    for host in &hosts {
        assert!(!calls(host).is_empty(), "each has its share\n{}", output());
    }
    for host in hosts {
        host.stop().assert_clean();
    }
}

#[test]
fn a_blob_that_cannot_be_handled_goes_to_the_poison_queue() {
    let storage = Storage::new();
    let settings = r#"{"version": "2.0", "extensions": {"blobs": {"poisonBlobThreshold": 3}}}"#;
    let code = format!("{LOGS}    if 'bad' in text:\n        raise ValueError('it is bad')\n");
    let etag = storage.write("bad.txt");
    storage.write("good.txt");
    let app = || storage.app("samples/{name}", &code).file("host.json", settings);
    let host = app().spawn();
    expect_calls(&host, &[("bad.txt", 3), ("good.txt", 1)]);
    host.wait_for_log(
        "function \"Watch\": a message about the blob \"samples/bad.txt\" goes to the queue \
         \"webjobs-blobtrigger-poison\": the function has failed 3 times",
    );
    let queue = storage
        .connection()
        .queue("webjobs-blobtrigger-poison")
        .expect("a valid name");
    let received = wait_for(|| {
        let messages = storage
            .runtime
            .block_on(queue.receive(32, Duration::from_secs(60)));
        messages.ok().filter(|messages| !messages.is_empty())
    });
    let received = received.unwrap_or_else(|| panic!("{}", host.output()));
    assert_eq!(received.len(), 1, "{received:?}");
    let text = STANDARD.decode(&received[0].text).expect("base64");
    let message: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(
        message,
        serde_json::json!({
            "Type": "BlobTrigger", "FunctionId": "Host.Functions.Watch", "BlobType": "BlockBlob",
            "ContainerName": "samples", "BlobName": "bad.txt", "ETag": etag.trim_matches('"'),
        })
    );
    host.stop();
    assert!(storage.receipts().values().all(|is_complete| *is_complete));
    let host = app().spawn();
    storage.write("good.txt");
    expect_calls(&host, &[("good.txt", 1)]);
    host.stop().assert_clean();
}

#[test]
fn blobs_are_received_again_after_storage_was_away() {
    let mut storage = Storage::of(Azurite::start());
    let host = storage.app("samples/{name}", LOGS).spawn();
    storage.write("first");
    expect_calls(&host, &[("first", 1)]);
    storage.azurite.stop();
    let away = "function \"Watch\": blobs of the container \"samples\" cannot be received: ";
    host.wait_for_log(away);
    storage.azurite.start_again();
    storage.write("second");
    expect_calls(&host, &[("first", 1), ("second", 1)]);
    host.wait_for_log("function \"Watch\": blobs of the container \"samples\" are received again");
    assert_eq!(host.stderr().matches(away).count(), 1, "{}", host.output());
    host.stop();
}

#[test]
fn receipts_are_in_the_default_account() {
    let mut hosts = Storage::of(Azurite::start());
    let data = Storage::new();
    let binding = r#"{"bindings": [{"type": "blobTrigger", "name": "blob", "path": "samples/{name}", "direction": "in",
                      "connection": "Data"}]}"#;
    let host = hosts
        .app("samples", LOGS)
        .file("Watch/function.json", binding)
        .env("Data", data.azurite.connection_string())
        .spawn();
    data.write("first");
    expect_calls(&host, &[("first", 1)]);
    hosts.azurite.stop();
    data.write("second");
    let away = "function \"Watch\": blobs of the container \"samples\" cannot be received: ";
    host.wait_for_log(away);
    expect_calls(&host, &[("first", 1)]);
    hosts.azurite.start_again();
    expect_calls(&host, &[("first", 1), ("second", 1)]);
    host.wait_for_log("function \"Watch\": blobs of the container \"samples\" are received again");
    assert_eq!(host.stderr().matches(away).count(), 1, "{}", host.output());
    host.stop();
    assert!(data.receipts().is_empty());
    let receipts = hosts.receipts();
    assert_eq!(receipts.len(), 2, "{receipts:?}");
    assert!(receipts.values().all(|is_complete| *is_complete), "{receipts:?}");
}

#[test]
fn a_call_whose_worker_died_is_made_again() {
    let storage = Storage::new();
    storage.write("deadly");
    let code = format!(
        "{LOGS}    if not os.path.exists('died'):\n        open('died', 'w').close()\n        os._exit(3)\n    logging.info('survived')\n"
    );
    let host = storage.app("samples/{name}", &code).spawn();
    host.wait_for_log("root: survived");
    assert!(host.app().path().join("died").exists());
    let completed = wait_for(|| {
        storage
            .receipts()
            .into_values()
            .all(|is_complete| is_complete)
            .then_some(())
    });
    assert!(completed.is_some(), "{}", host.output());
    assert_eq!(host.stderr().matches("root: survived").count(), 1);
    host.stop();
}

#[test]
fn a_stop_leaves_a_failing_blob_to_the_next_start() {
    let storage = Storage::new();
    storage.write("bad");
    let code = format!("{LOGS}    raise ValueError('it is bad')\n");
    let host = storage.app("samples/{name}", &code).spawn();
    wait_for(|| {
        calls(&host)
            .get("samples/bad")
            .copied()
            .filter(|count| *count > 1)
    })
    .expect("it is tried again");
    host.stop();
    assert_eq!(storage.receipts().into_values().collect::<Vec<_>>(), [false]);
    // The lease was released, so that this does not take a minute.
    let host = storage.app("samples/{name}", LOGS).spawn();
    expect_calls(&host, &[("bad", 1)]);
    host.stop().assert_clean();
    assert_eq!(storage.receipts().into_values().collect::<Vec<_>>(), [true]);
}

#[test]
fn a_missing_container_is_empty() {
    let storage = Storage::new();
    let binding = r#"{"bindings": [{"type": "blobTrigger", "name": "blob", "path": "later/{name}", "direction": "in"}]}"#;
    let app = storage.app("later", LOGS).file("Watch/function.json", binding);
    let host = app.spawn();
    host.wait_for_stdout("Worker process started");
    let later = storage.container("later");
    storage.runtime.block_on(async {
        later.create_if_missing().await.expect("Azurite does it");
        let blob = later.blob("x").expect("a valid name");
        let text = Bytes::from_static(b"later/x");
        blob.upload(text, &Upload::default())
            .await
            .expect("Azurite does it");
    });
    host.wait_for_log("called for later/x.");
    assert!(!host.stderr().contains("cannot be received"), "{}", host.output());
    host.stop();
}

#[test]
fn names_that_end_with_dots_are_names() {
    let storage = Storage::new();
    let code = "import logging\n\ndef main(blob):\n    assert blob.read().decode() == blob.name\n    \
                logging.info('called for %s.', blob.name)\n";
    let names = [
        "dot.",
        "dots...",
        "...",
        "folder./x",
        "spaced .",
        "deep/dot.",
        "deep/.",
        "deep/./x",
        "deep/../x",
        "deep/..",
        "deep/",
    ];
    for name in names {
        storage.write(name);
    }
    let host = storage.app("samples/{name}", code).spawn();
    let mut expected: Vec<_> = names.iter().map(|name| (*name, 1)).collect();
    expect_calls(&host, &expected);
    storage.write("dot.");
    storage.write("last.");
    expected[0].1 = 2;
    expected.push(("last.", 1));
    expect_calls(&host, &expected);
    host.stop().assert_clean();
    let receipts = storage.receipts();
    assert_eq!(receipts.len(), names.len() + 2, "{receipts:?}");
    assert!(receipts.values().all(|is_complete| *is_complete), "{receipts:?}");

    storage.write("after.");
    let host = storage.app("samples/{name}", code).spawn();
    expect_calls(&host, &[("after.", 1)]);
    host.stop().assert_clean();
}
