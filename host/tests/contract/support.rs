//! Hosts without an app: the tests' extensions around functions that do not run.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use funcdock::app::ExtensionConfig;
use funcdock::extensions::{Activity, ExtensionError, Extensions, HookChain, HookProgress, Search};
use funcdock::model::{CallResult, Data, FunctionDefinition, FunctionInfo, Invocation, Outcome, Start};
use funcdock::pipeline::LoadedFunction;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// How long anything may take. Only a failing test waits for it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The notes, by the label in the settings of each test's extensions: tests run in parallel.
static NOTES: Mutex<BTreeMap<String, Vec<String>>> = Mutex::new(BTreeMap::new());

/// Notes that something happened.
pub(crate) fn note(label: &str, what: impl Into<String>) {
    let mut notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner);
    notes.entry(label.to_owned()).or_default().push(what.into());
}

/// What has happened so far.
pub(crate) fn noted(label: &str) -> Vec<String> {
    let notes = NOTES.lock().unwrap_or_else(PoisonError::into_inner);
    notes.get(label).cloned().unwrap_or_default()
}

/// Settings of every extension here.
#[derive(Deserialize)]
pub(crate) struct Settings {
    /// The label of its notes.
    pub(crate) label: String,
    /// What to do.
    #[serde(default)]
    pub(crate) what: String,
}

/// An extension of these tests in host.json.
pub(crate) fn config(name: &str, label: &str, what: &str) -> ExtensionConfig {
    let settings = json!({ "label": label, "what": what });
    ExtensionConfig {
        settings: settings.as_object().cloned().unwrap_or_default(),
        ..ExtensionConfig::new(name)
    }
}

/// Loads these.
pub(crate) fn loaded(configs: &[ExtensionConfig]) -> Result<Extensions, ExtensionError> {
    Extensions::load(configs, &Search::default(), Activity::default())
}

/// Starts them for functions of these names; the chains are those of the functions, in order.
pub(crate) fn started(
    extensions: &mut Extensions,
    functions: &[&str],
) -> Result<Vec<HookChain>, ExtensionError> {
    let functions: Vec<_> = functions.iter().map(|name| Arc::new(function(name))).collect();
    extensions.start("/app", 0, 1, &functions)
}

fn function(name: &str) -> FunctionInfo {
    FunctionInfo {
        returns_response: true,
        name: name.to_owned(),
        directory: format!("/app/{name}"),
        trigger: "httpTrigger".to_owned(),
        trigger_name: "req".to_owned(),
        route: None,
        http_outputs: Vec::new(),
    }
}

/// Loads and starts these around one function.
pub(crate) fn docked(configs: &[ExtensionConfig]) -> (Extensions, Arc<LoadedFunction>) {
    let mut extensions = loaded(configs).expect("linked");
    let chain = started(&mut extensions, &["one"]).expect("they start").remove(0);
    let function = LoadedFunction {
        index: 0,
        definition: FunctionDefinition {
            name: "one".to_owned(),
            directory: "/app/one".into(),
            script_file: "/app/one/__init__.py".into(),
            entry_point: "main".to_owned(),
            bindings: Vec::new(),
            retry: None,
        },
        info: Arc::new(function("one")),
        chain,
        bindings: None,
        counts: Default::default(),
    };
    (extensions, Arc::new(function))
}

/// Returns a call of this function that has not entered the hooks yet.
pub(crate) fn invocation(function: &Arc<LoadedFunction>) -> Arc<Invocation> {
    Invocation::new(Arc::clone(&function.info), Start::default())
}

/// A call, through all hooks.
pub(crate) fn call(function: &Arc<LoadedFunction>) {
    let invocation = invocation(function);
    let mut progress = HookProgress::default();
    let outcome = match enter(function, &invocation, &mut progress) {
        Ok(()) => Outcome::returned(Data::None),
        Err(outcome) => outcome,
    };
    let (mut result, mut context) = (CallResult::new(outcome), Context::from_waker(Waker::noop()));
    let left = function
        .chain
        .poll_leave(&invocation, &mut progress, &mut result, &mut context);
    assert!(left.is_ready(), "no hook waits");
}

/// A call's pre hooks, none of which waits.
pub(crate) fn enter(
    function: &LoadedFunction,
    invocation: &Arc<Invocation>,
    progress: &mut HookProgress,
) -> Result<(), Outcome> {
    let mut context = Context::from_waker(Waker::noop());
    match function.chain.poll_enter(invocation, progress, &mut context) {
        Poll::Ready(entered) => entered,
        Poll::Pending => panic!("no hook waits"),
    }
}

/// The calls, errors and panics of a hook.
pub(crate) fn counts(extensions: &Extensions, extension: &str, hook: &str) -> [u64; 3] {
    let report = json!(extensions.report());
    let of = report.as_array().into_iter().flatten();
    let of = of
        .filter(|report| report["name"] == extension)
        .map(|report| &report["hooks"][hook]);
    let hook: Vec<&Json> = of.collect();
    ["calls", "errors", "panics"].map(|count| hook[0][count].as_u64().expect("a number"))
}
