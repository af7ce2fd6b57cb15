//! Extensions that are linked into a host build, found through their registrations: no library, no Python.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use funcdock::app::ExtensionConfig;
use funcdock::extensions::{Activity, ExtensionState, Extensions, HookChain, HookProgress, Search, Source};
use funcdock::model::{Attribute, CallResult, Data, FunctionInfo, Invocation, Outcome, Start};
use serde_json::{Value as Json, json};

// Linking the crate registers its extensions; naming it links it.
use fixture_hooks as _;

fn config(name: &str, settings: &Json) -> ExtensionConfig {
    ExtensionConfig {
        settings: settings.as_object().cloned().unwrap_or_default(),
        ..ExtensionConfig::new(name)
    }
}

fn search(root: &Path) -> Search {
    Search {
        app_root: root.to_owned(),
        ..Search::default()
    }
}

fn function() -> FunctionInfo {
    FunctionInfo {
        returns_response: true,
        name: "linked".to_owned(),
        directory: "/app/linked".to_owned(),
        trigger: "httpTrigger".to_owned(),
        trigger_name: "req".to_owned(),
        route: Some("api/linked".to_owned()),
        http_outputs: Vec::new(),
    }
}

/// Loads and starts these in the app at `root`; the hook chain is that of its one function.
fn start(root: &Path, configs: &[ExtensionConfig]) -> (Extensions, HookChain) {
    let mut extensions = Extensions::load(configs, &search(root), Activity::default()).expect("linked");
    let chains = extensions.start(&root.to_string_lossy(), 0, 1, &[Arc::new(function())]);
    let chain = chains.expect("they start").remove(0);
    (extensions, chain)
}

/// Takes a call through the chain.
fn call(chain: HookChain) -> Arc<Invocation> {
    let invocation = Invocation::new(Arc::new(function()), Start::default());
    let (mut progress, mut context) = (HookProgress::default(), Context::from_waker(Waker::noop()));
    let entered = chain.poll_enter(&invocation, &mut progress, &mut context);
    assert!(matches!(entered, Poll::Ready(Ok(()))), "all pre hooks continue");
    let mut result = CallResult::new(Outcome::returned(Data::None));
    let left = chain.poll_leave(&invocation, &mut progress, &mut result, &mut context);
    assert!(left.is_ready(), "no hook waits");
    invocation
}

#[test]
fn a_linked_extension_lives_as_a_loaded_one_does() {
    let app = tempfile::tempdir().expect("a folder");
    let file = app.path().join("record.jsonl");
    let (mut extensions, chain) = start(app.path(), &[config("record", &json!({ "file": file }))]);
    assert_eq!(chain.len(), 1);
    let invocation = call(chain);
    assert!(matches!(
        invocation.attributes().get("recorded"),
        Some(Attribute::Map(_))
    ));
    extensions.shutdown(Duration::from_secs(5));

    let text = fs::read_to_string(&file).expect("it has recorded");
    let records: Vec<Json> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let hooks: Vec<&Json> = records.iter().map(|record| &record["hook"]).collect();
    assert_eq!(
        hooks,
        [
            "init",
            "post_function_load",
            "pre_invocation",
            "post_invocation",
            "shutdown"
        ]
    );
    assert_eq!(records[3]["outcome"], "Returned");
    assert_eq!(records[3]["state"], json!(invocation.id()));
}

#[test]
fn it_is_found_before_any_file() {
    let app = tempfile::tempdir().expect("a folder");
    fs::create_dir(app.path().join(".extensions")).expect("a folder");
    fs::write(app.path().join(".extensions/libnoop.so"), "no library at all").expect("a file");
    let (extensions, chain) = start(app.path(), &[config("noop", &json!({}))]);
    call(chain);
    let report = extensions.report().remove(0);
    assert_eq!(report.source.as_deref(), Some("linked"));
    assert_eq!(report.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(
        (report.scope, report.state),
        (Some("app"), ExtensionState::Started)
    );
    assert_eq!(report.hooks["pre_invocation"].calls, 1);
    assert_eq!(report.hooks["post_invocation"].calls, 1);

    let mut file = config("noop", &json!({}));
    file.library = Some(app.path().join(".extensions/libnoop.so"));
    assert!(
        Extensions::load(&[file], &search(app.path()), Activity::default()).is_err(),
        "a library that host.json names is not replaced"
    );
}

#[test]
fn its_panics_cost_a_hook_call() {
    let app = tempfile::tempdir().expect("a folder");
    let configs = [
        config("panic", &json!({ "hook": "pre_invocation" })),
        config("noop", &json!({})),
    ];
    let (extensions, chain) = start(app.path(), &configs);
    call(chain);
    let report = extensions.report();
    assert_eq!(report[0].hooks["pre_invocation"].panics, 1);
    assert_eq!(report[0].hooks["post_invocation"].calls, 0);
    assert_eq!(report[1].hooks["post_invocation"].calls, 1);
}

#[test]
fn its_settings_are_checked_at_load() {
    let app = tempfile::tempdir().expect("a folder");
    let wrong = config("noop", &json!({ "level": 1 }));
    let error = Extensions::load(&[wrong], &search(app.path()), Activity::default())
        .err()
        .expect("refused");
    assert!(error.to_string().contains("unknown key \"level\""), "{error}");
}

#[test]
fn a_digest_needs_a_file() {
    let app = tempfile::tempdir().expect("a folder");
    let pinned = ExtensionConfig {
        sha256: Some("0".repeat(64)),
        ..config("noop", &json!({}))
    };
    let error = Extensions::load(&[pinned], &search(app.path()), Activity::default())
        .err()
        .expect("refused");
    assert!(
        error.to_string().contains("it is linked into this host"),
        "{error}"
    );
}

#[test]
fn what_is_linked_is_available() {
    let app = tempfile::tempdir().expect("a folder");
    let available = search(app.path()).available();
    let noop = available.iter().find(|available| available.name == "noop");
    assert_eq!(noop.map(|noop| &noop.source), Some(&Source::Linked));
    let error = search(app.path()).locate(&ExtensionConfig::new("recrod"));
    let error = error.expect_err("misspelt").to_string();
    assert!(error.contains("(did you mean \"record\"?)"), "{error}");
}
