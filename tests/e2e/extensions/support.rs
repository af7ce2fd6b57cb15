//! The app of these tests, and the records of its extensions.

use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use funcdock_tests::{Answer, App, Host, json_lines, library, wait_for};
use serde_json::{Value as Json, json};
use socket2::SockRef;
use ureq::http::Request;

/// The app setting that turns extensions on.
pub(crate) const ENABLE: &str = "PYTHON_ENABLE_WORKER_EXTENSIONS";

/// The app of these tests, with these extensions in its host.json, in this order, and turned on.
pub(crate) fn app(extensions: &[(&str, Json)]) -> App {
    app_with("", extensions)
}

/// The same, with more members of host.json in front: `"name": value,`.
pub(crate) fn app_with(members: &str, extensions: &[(&str, Json)]) -> App {
    app_of("extensions", members, extensions)
}

/// The same, with the functions of another case.
pub(crate) fn app_of(case: &str, members: &str, extensions: &[(&str, Json)]) -> App {
    App::case(case)
        .file("host.json", &host_json(members, extensions))
        .env(ENABLE, "1")
}

/// A host.json with these extensions. Written by hand, as their order counts.
pub(crate) fn host_json(members: &str, extensions: &[(&str, Json)]) -> String {
    let extensions: Vec<String> = extensions
        .iter()
        .map(|(name, config)| format!("    {}: {config}", json!(name)))
        .collect();
    format!(
        "{{\n  \"version\": \"2.0\",\n  {members}\n  \"workerExtensions\": {{\n{}\n  }}\n}}\n",
        extensions.join(",\n")
    )
}

/// The configuration of an extension of the fixtures.
pub(crate) fn fixture(settings: Json) -> Json {
    json!({ "library": library("fixture-hooks"), "settings": settings })
}

/// The same, for these functions only.
pub(crate) fn fixture_for(functions: &[&str], settings: Json) -> Json {
    json!({ "library": library("fixture-hooks"), "settings": settings, "functions": functions })
}

/// The configuration of an extension of the fixtures, with more keys beside its settings.
pub(crate) fn fixture_with(settings: Json, more: Json) -> Json {
    let mut config = fixture(settings);
    for (key, value) in more.as_object().into_iter().flatten() {
        config[key] = value.clone();
    }
    config
}

/// GETs a path with these headers.
pub(crate) fn send(host: &Host, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = Request::get(host.url_of(path));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    host.send(request.body(Vec::new()).expect("a valid request"))
}

/// Settings of a recording extension.
pub(crate) fn recording(label: &str) -> Json {
    // The working directory of workers is the app's folder.
    json!({ "file": "record.jsonl", "label": label })
}

/// What the recording extensions and the functions of the app have written, in order.
pub(crate) fn records(app: &App) -> Vec<Json> {
    json_lines(&app.path().join("record.jsonl"))
}

/// The records of this hook ("function" for the function itself).
pub(crate) fn records_of(app: &App, hook: &str) -> Vec<Json> {
    let mut records = records(app);
    records.retain(|record| record["hook"] == hook);
    records
}

/// Waits until there are at least `count` records of this hook, and returns them.
pub(crate) fn wait_for_records(host: &Host, hook: &str, count: usize) -> Vec<Json> {
    let found = wait_for(|| Some(records_of(host.app(), hook)).filter(|records| records.len() >= count));
    found.unwrap_or_else(|| {
        panic!(
            "fewer than {count} records of {hook}: {:#?}\n{}",
            records(host.app()),
            host.output()
        )
    })
}

/// Records as "label hook", in order, for the hooks around calls and the function itself.
pub(crate) fn order(app: &App) -> Vec<String> {
    let around = |record: &&Json| ["pre_invocation", "function", "post_invocation"].contains(&hook(record));
    let name = |record: &Json| match record["label"].as_str() {
        Some(label) => format!("{label} {}", hook(record)),
        None => hook(record).to_owned(),
    };
    records(app).iter().filter(around).map(name).collect()
}

fn hook(record: &Json) -> &str {
    record["hook"].as_str().unwrap_or_default()
}

/// Asserts that every pre hook that continued had exactly one post hook, with its own state.
pub(crate) fn assert_paired(app: &App) {
    let key = |record: &Json| format!("{} {}", record["label"], record["invocation"]);
    let mut pre: Vec<String> = records_of(app, "pre_invocation").iter().map(key).collect();
    let posts = records_of(app, "post_invocation");
    for post in &posts {
        assert_eq!(post["state"], post["invocation"], "a state of another call");
    }
    let mut post: Vec<String> = posts.iter().map(key).collect();
    pre.sort_unstable();
    post.sort_unstable();
    assert_eq!(pre, post);
}

/// Creates the file that the `waits` functions wait for.
pub(crate) fn open_gate(app: &Path) {
    std::fs::write(app.join("gate"), "").expect("a file in the copy");
}

/// Returns the entry of an extension in `/admin/host/status`.
pub(crate) fn status(host: &Host, extension: &str) -> Json {
    let answer = host.get("/admin/host/status");
    let status: Json = serde_json::from_slice(&answer.body).expect("JSON");
    find(&status["extensions"], extension)
}

/// Returns the entry of an extension in `/admin/extensions`.
pub(crate) fn extension(host: &Host, name: &str) -> Json {
    find(
        &host.get("/admin/extensions").json()["workers"][0]["extensions"],
        name,
    )
}

/// Returns these counts of a hook in a report.
pub(crate) fn counts<const N: usize>(report: &Json, hook: &str, names: [&str; N]) -> [u64; N] {
    let hook = &report["hooks"][hook];
    names.map(|name| {
        hook[name]
            .as_u64()
            .unwrap_or_else(|| panic!("no {name} in {hook:#}"))
    })
}

/// The entry of an extension in a report.
pub(crate) fn find(report: &Json, extension: &str) -> Json {
    let entries = report.as_array().into_iter().flatten();
    let mut found = entries.filter(|entry| entry["name"] == extension);
    found
        .next()
        .unwrap_or_else(|| panic!("no {extension} in {report:#}"))
        .clone()
}

/// The lines of a log that hold all of these texts.
pub(crate) fn lines<'a>(log: &'a str, texts: &[&str]) -> Vec<&'a str> {
    log.lines()
        .filter(|line| texts.iter().all(|text| line.contains(text)))
        .collect()
}

/// Waits until the log has `count` lines that hold all of these texts, and panics if it has more. A line
/// that is logged before an answer may arrive here after it, so a test never just looks whether it is there.
#[track_caller]
pub(crate) fn wait_for_lines(host: &Host, texts: &[&str], count: usize) {
    let found = wait_for(|| {
        let found = lines(&host.stderr(), texts).len();
        (found >= count).then_some(found)
    });
    assert_eq!(found, Some(count), "lines with {texts:?} in\n{}", host.stderr());
}

/// Leaves without an answer, and waits until the host has seen it. A client that only closed its side might wait for one.
#[track_caller]
pub(crate) fn leave(host: &Host, client: TcpStream) {
    let address = client.local_addr().expect("an address");
    let resets = SockRef::from(&client).set_linger(Some(Duration::ZERO));
    resets.expect("a TCP socket");
    drop(client);
    host.wait_for_log(&format!("client={address}\n"));
}
