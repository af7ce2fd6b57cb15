//! The mock host calls the extension; the tests read what is in the files.

use funcdock_extension_api::Value;
use funcdock_extension_api::testing::{Request, TestHost};

use super::*;

fn lines(file: PathBuf) -> Vec<Json> {
    let text = fs::read_to_string(file).expect("the file is there");
    let parse = |line| serde_json::from_str(line).expect("a line of JSON");
    text.lines().map(parse).collect()
}

#[test]
fn a_record_has_the_call_and_its_notes_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = json!({ "folder": folder.path().join("new"), "redact": ["email"] });
    let host = TestHost::app::<Audit>(settings).expect("it starts");
    let call = host.call(Request::get("/api/pay?email=a@b.c&to=ada").attribute("user", "grace"));
    let fields = Value::from(json!({ "amount": 3, "email": "a@b.c" }));
    let note = call.object("audit").call("note", ("paid", fields));
    note.expect("a note");
    drop(call.returning("done"));
    drop(host.call(Request::get("/")).raising("ValueError", "no"));
    host.flush(Duration::from_secs(10)).expect("it is written");

    let records = lines(folder.path().join("new/audit-0.jsonl"));
    let request = json!({ "method": "GET", "path": "/api/pay", "query": { "email": "***", "to": "ada" }, "status": 200 });
    assert_eq!(records[0]["request"], request);
    assert_eq!(records[0]["user"], "grace");
    let note = json!({ "text": "paid", "fields": { "amount": 3, "email": "***" } });
    assert_eq!(records[0]["notes"], json!([note]));
    assert_eq!(records[1]["ended"], "Raised");
    assert_eq!(host.counter("audit_records_total", &[]), Some(2));
    assert_eq!(host.counter("audit_lost_total", &[]), Some(0));
}

#[test]
fn full_files_are_renamed_and_the_oldest_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = json!({ "folder": folder.path(), "max_bytes": 1, "keep": 2 });
    let host = TestHost::app::<Audit>(settings).expect("it starts");
    for number in 0..5 {
        drop(host.call(Request::get(&format!("/{number}"))).returning(()));
    }
    host.flush(Duration::from_secs(10)).expect("it is written");
    for (suffix, path) in [("", "/4"), (".1", "/3"), (".2", "/2")] {
        let records = lines(folder.path().join(format!("audit-0.jsonl{suffix}")));
        assert_eq!(records[0]["request"]["path"], path, "{suffix}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 3);
}
