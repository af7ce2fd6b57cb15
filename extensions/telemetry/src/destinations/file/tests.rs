//! Files of lines: what is in them, when they are put aside, and what goes wrong.

use std::os::unix::fs::symlink;

use serde_json::Value as Json;
use tempfile::TempDir;

use super::*;
use crate::testing::{child, double, event, failed, int, list, span, text};
use opentelemetry_proto::tonic::trace::v1::TracesData;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

fn lines_to(path: PathBuf, max_bytes: u64, keep: usize) -> LinesFile {
    let resource = Resource::builder_empty().with_service_name("app").build();
    let target = FileTarget {
        path: path.clone(),
        max_bytes,
        keep,
    };
    LinesFile::new(path, &target, &resource)
}

fn export(lines: &mut LinesFile, name: &str) -> Result<(), String> {
    let result = lines.export(&Batch::of(vec![span(name)]), &ShutdownSignal::default());
    result.map(drop).map_err(|error| error.to_string())
}

fn read(path: &Path) -> Vec<Json> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line is whole: {text}"
    );
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

/// The names of the spans in a file, in order.
fn names(path: &Path) -> Vec<String> {
    let name = |line: &Json| line["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["name"].clone();
    read(path)
        .iter()
        .map(|line| name(line).as_str().unwrap_or_default().to_owned())
        .collect()
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_batch_is_a_line_of_otlp() {
    let folder = folder();
    let path = folder.path().join("deep/down/traces.jsonl");
    let mut odd = child(
        SpanKind::Client,
        &[
            ("text", text("a\"b\nc")),
            ("int", int(i64::MAX)),
            ("nan", double(f64::NAN)),
            ("list", list(&[double(f64::INFINITY), double(1.5)])),
        ],
    );
    odd.status = failed("no");
    odd.events = vec![event("e", &[("x", double(f64::NEG_INFINITY))])];
    let mut lines = lines_to(path.clone(), 1 << 20, 5);
    let batch = Batch::of(vec![odd.clone(), span("root")]);
    lines
        .export(&batch, &ShutdownSignal::default())
        .expect("there is room");

    let json = &read(&path)[0];
    let resource = &json["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["key"], "service.name");
    let scope = &resource["scopeSpans"][0];
    assert_eq!(scope["scope"]["name"], "funcdock-opencensus");
    let first = &scope["spans"][0];
    for (key, value) in [
        ("traceId", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("spanId", "0000000000000002"),
        ("parentSpanId", "0000000000000001"),
        ("startTimeUnixNano", "1700000000123000000"),
    ] {
        assert_eq!(first[key], value, "{key}");
    }
    assert_eq!(first["kind"], 3, "enumerations are numbers");
    assert_eq!(first["status"], serde_json::json!({"message": "no", "code": 2}));
    assert_eq!(first["attributes"][1]["value"]["intValue"], "9223372036854775807");
    assert_eq!(first["attributes"][2]["value"]["stringValue"], "NaN");
    let list = &first["attributes"][3]["value"]["arrayValue"]["values"];
    assert_eq!(list[0]["stringValue"], "Infinity");
    assert_eq!(list[1]["doubleValue"], 1.5);
    assert_eq!(
        first["events"][0]["attributes"][0]["value"]["stringValue"],
        "-Infinity"
    );

    // OpenTelemetry's own types read it back.
    let read: TracesData = serde_json::from_value(json.clone()).expect("OTLP's JSON");
    let spans = &read.resource_spans[0].scope_spans[0].spans;
    assert_eq!(spans[0].span_id, odd.span_id);
    assert_eq!(spans[0].attributes[..2], odd.attributes[..2]);
    assert_eq!(spans[1], span("root"));
}

#[test]
fn full_files_are_put_aside_and_the_oldest_goes() {
    let folder = folder();
    let path = folder.path().join("traces.jsonl");
    let mut lines = lines_to(path.clone(), 1, 2);
    for name in ["a", "b", "c", "d"] {
        export(&mut lines, name).expect("there is room");
    }
    let aside = |times: usize| folder.path().join(format!("traces.jsonl.{times}"));
    assert_eq!(
        names(&path),
        ["d"],
        "a line that is larger than a file has its own file"
    );
    assert_eq!(names(&aside(1)), ["c"]);
    assert_eq!(names(&aside(2)), ["b"]);
    assert!(!aside(3).exists(), "two are kept");

    // A gap is filled, and nothing beyond it is touched.
    fs::remove_file(aside(1)).expect("it is there");
    export(&mut lines, "e").expect("there is room");
    assert_eq!(names(&aside(1)), ["d"]);
    assert_eq!(names(&aside(2)), ["b"]);

    let path = folder.path().join("alone.jsonl");
    let mut lines = lines_to(path.clone(), 1, 0);
    for name in ["a", "b"] {
        export(&mut lines, name).expect("there is room");
    }
    assert_eq!(names(&path), ["b"], "none is kept");
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 4);
}

#[test]
fn a_file_takes_lines_up_to_its_size() {
    let folder = folder();
    let path = folder.path().join("traces.jsonl");
    let mut lines = lines_to(path.clone(), 1 << 20, 5);
    export(&mut lines, "a").expect("there is room");
    let length = fs::metadata(&path).expect("a file").len();
    // Another one, as after a restart, goes on where the first stopped.
    drop(lines);
    let mut lines = lines_to(path.clone(), 2 * length, 5);
    for name in ["b", "c"] {
        export(&mut lines, name).expect("there is room");
    }
    assert_eq!(names(&path), ["c"]);
    assert_eq!(names(&folder.path().join("traces.jsonl.1")), ["a", "b"]);
}

#[test]
fn an_unfinished_line_is_removed() {
    let folder = folder();
    let path = folder.path().join("traces.jsonl");
    for (left, kept) in [
        ("{}\n{\"half".to_owned(), 1),
        ("{\"half".to_owned(), 0),
        (format!("{{}}\n{}", "x".repeat(10_000)), 1),
        (format!("{{}}\n{}", "x".repeat(4095)), 1),
        ("{}\n{}\n".to_owned(), 2),
    ] {
        fs::write(&path, &left).expect("a file");
        export(&mut lines_to(path.clone(), 1 << 20, 5), "next").expect("there is room");
        assert_eq!(read(&path).len(), kept + 1, "{left}");
    }
}

#[test]
fn a_file_that_is_taken_away_is_made_anew() {
    let folder = folder();
    let path = folder.path().join("traces.jsonl");
    let mut lines = lines_to(path.clone(), 1 << 20, 5);
    export(&mut lines, "a").expect("there is room");
    fs::rename(&path, folder.path().join("mine")).expect("a file");
    export(&mut lines, "b").expect("there is room");
    assert_eq!(names(&path), ["b"]);
}

#[test]
fn trouble_is_told_and_passes() {
    let folder = folder();
    let full = folder.path().join("full");
    symlink("/dev/full", &full).expect("a link");
    let mut lines = lines_to(full, 1 << 20, 5);
    for _ in 0..2 {
        let error = export(&mut lines, "a").expect_err("the disk is full");
        assert!(
            error.contains("cannot write to ") && error.contains("No space left"),
            "{error}"
        );
    }

    // A file where a folder should be.
    let blocker = folder.path().join("blocker");
    fs::write(&blocker, "").expect("a file");
    let path = blocker.join("traces.jsonl");
    let mut lines = lines_to(path.clone(), 1 << 20, 5);
    let error = export(&mut lines, "a").expect_err("there is no folder");
    assert!(error.starts_with("cannot make the folder "), "{error}");
    fs::remove_file(&blocker).expect("a file");
    export(&mut lines, "b").expect("nothing is in the way");
    assert_eq!(names(&path), ["b"]);

    // Another process, or another open file of this one, which keeps the lock.
    let other = File::open(&path).expect("it is there");
    other.lock().expect("locked");
    let error = export(&mut lines, "c").expect_err("it is in use");
    assert!(error.ends_with("another process has locked it"), "{error}");
    drop(other);
    export(&mut lines, "d").expect("it is free");
    assert_eq!(names(&path), ["b", "d"]);

    // A folder where the file should be put aside.
    fs::create_dir(blocker.join("traces.jsonl.1")).expect("a folder");
    let mut third = lines_to(path.clone(), 1, 1);
    let error = export(&mut third, "e").expect_err("it cannot be put aside");
    assert!(error.starts_with("cannot put aside "), "{error}");
    assert_eq!(names(&path), ["b", "d"], "nothing of it is harmed");
}

#[test]
fn a_worker_and_its_successor_share_a_file() {
    let folder = folder();
    let path = folder.path().join("traces.jsonl");
    // Room for two lines.
    let mut single = lines_to(folder.path().join("one.jsonl"), 1 << 20, 5);
    export(&mut single, "a").expect("written");
    let line = fs::metadata(folder.path().join("one.jsonl"))
        .expect("a file")
        .len();
    let mut both = [0, 1].map(|_| lines_to(path.clone(), 2 * line, 5));
    for (turn, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        export(&mut both[turn % 2], name).expect("written");
    }
    assert_eq!(names(&path), ["e"]);
    assert_eq!(names(&folder.path().join("traces.jsonl.1")), ["c", "d"]);
    assert_eq!(names(&folder.path().join("traces.jsonl.2")), ["a", "b"]);
}

#[test]
fn a_device_is_never_put_aside() {
    let folder = folder();
    let path = folder.path().join("null");
    symlink("/dev/null", &path).expect("a link in a folder of ours");
    let mut lines = lines_to(path.clone(), 1, 2);
    for name in ["a", "b", "c"] {
        export(&mut lines, name).expect("it takes all");
    }
    assert!(path.is_symlink() && !folder.path().join("null.1").exists());
}
