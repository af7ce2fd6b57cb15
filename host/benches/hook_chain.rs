//! What the hook chain costs a call: no extension, extensions without hooks around calls, 1 and 8 extensions
//! with a pre and a post hook that do nothing, linked and loaded from a cdylib, and one whose pre hook waits for a future
//! that is ready at once; beside a plain `dyn` call.
//!
//! `cargo bench -p funcdock --bench hook_chain`. The cases take turns, round by round, so that a change of the
//! machine's speed meets them all; the medians are printed, and the costs as differences between them.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use funcdock::app::ExtensionConfig;
use funcdock::extensions::{Activity, Extensions, HookChain, HookProgress, Search};
use funcdock::model::{CallResult, Data, FunctionInfo, Invocation, Outcome, Start};

// Linked extensions are found through the registrations of the crates that are linked: name one.
use fixture_hooks as _;

const ROUNDS: usize = 41;
const CALLS: u32 = 100_000;

/// The least that any middleware costs: two virtual calls.
trait Middleware: Send + Sync {
    fn pre(&self, invocation: &Invocation);
    fn post(&self, invocation: &Invocation, outcome: &Outcome);
}

struct Nothing;

impl Middleware for Nothing {
    fn pre(&self, invocation: &Invocation) {
        black_box(invocation);
    }
    fn post(&self, invocation: &Invocation, outcome: &Outcome) {
        black_box((invocation, outcome));
    }
}

struct Case {
    name: &'static str,
    run: Box<dyn Fn(u32)>,
    samples: Vec<f64>,
}

fn main() {
    // `cargo test --benches` only asks whether it runs.
    let quick = std::env::args().any(|argument| argument == "--test");
    let (rounds, calls) = if quick { (1, 100) } else { (ROUNDS, CALLS) };
    let library = library();
    let mut cases = vec![
        dyn_case(),
        chain_case("no extension", &[], None),
        chain_case("1 without hooks around calls", &["no-hooks"], None),
        chain_case("1 linked", &["noop"], None),
        chain_case("8 linked", &["noop"; 8], None),
        chain_case("1 cdylib", &["noop"], Some(&library)),
        chain_case("8 cdylib", &["noop"; 8], Some(&library)),
        chain_case("1 linked, waits", &["wait-at-once"], None),
        chain_case("1 cdylib, waits", &["wait-at-once"], Some(&library)),
    ];
    for _ in 0..rounds {
        for case in &mut cases {
            let start = Instant::now();
            (case.run)(calls);
            case.samples
                .push(start.elapsed().as_nanos() as f64 / f64::from(calls));
        }
    }
    println!(
        "{:<32} {:>12} {:>16} {:>16}",
        "case", "ns a call", "over none, ns", "a pair, ns"
    );
    let medians: Vec<f64> = cases.iter_mut().map(|case| median(&mut case.samples)).collect();
    let none = medians[1];
    for (case, median) in cases.iter().zip(&medians) {
        let pairs = if case.name.starts_with('8') { 8.0 } else { 1.0 };
        let over = median - none;
        println!(
            "{:<32} {:>12.1} {:>16.1} {:>16.1}",
            case.name,
            median,
            over,
            over / pairs
        );
    }
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn dyn_case() -> Case {
    let middleware: Box<dyn Middleware> = Box::new(Nothing);
    let invocation = invocation();
    let outcome = Outcome::returned(Data::None);
    let run = move |calls| {
        for _ in 0..calls {
            let middleware = black_box(&middleware);
            middleware.pre(&invocation);
            middleware.post(&invocation, &outcome);
        }
    };
    Case {
        name: "plain dyn pre + post",
        run: Box::new(run),
        samples: Vec::new(),
    }
}

fn chain_case(name: &'static str, extensions: &[&str], library: Option<&Path>) -> Case {
    let configs: Vec<ExtensionConfig> = extensions
        .iter()
        .map(|name| ExtensionConfig {
            library: library.map(Path::to_owned),
            ..ExtensionConfig::new(*name)
        })
        .collect();
    let mut extensions = Extensions::load(&configs, &Search::default(), Activity::default())
        .unwrap_or_else(|error| panic!("{error}"));
    let mut chains = extensions
        .start("/", 0, 1, &[Arc::new(function())])
        .unwrap_or_else(|error| panic!("{error}"));
    let chain: HookChain = chains.remove(0);
    let invocation = invocation();
    let run = move |calls| {
        let context = &mut Context::from_waker(Waker::noop());
        for _ in 0..calls {
            let mut progress = HookProgress::default();
            let entered = chain.poll_enter(black_box(&invocation), &mut progress, context);
            assert!(matches!(entered, Poll::Ready(Ok(()))), "no-op hooks continue");
            let mut result = CallResult::new(Outcome::returned(Data::None));
            let left = chain.poll_leave(&invocation, &mut progress, &mut result, context);
            assert!(left.is_ready(), "no-op hooks do not wait");
        }
    };
    Case {
        name,
        run: Box::new(run),
        samples: Vec::new(),
    }
}

fn function() -> FunctionInfo {
    FunctionInfo {
        returns_response: true,
        name: "bench".to_owned(),
        directory: "/bench".to_owned(),
        trigger: "httpTrigger".to_owned(),
        trigger_name: "req".to_owned(),
        route: None,
        http_outputs: Vec::new(),
    }
}

fn invocation() -> Arc<Invocation> {
    Invocation::new(Arc::new(function()), Start::default())
}

/// Builds the fixtures' cdylib with the profile of this executable, and returns its path. It is an example, which cargo does
/// not build for a benchmark.
fn library() -> PathBuf {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "--workspace", "--example", "fixture_hooks"]);
    if !cfg!(debug_assertions) {
        build.args(["--profile", "bench"]);
    }
    let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status();
    assert!(built.is_ok_and(|status| status.success()), "{build:?} fails");
    // target/<profile>/deps/<this executable>
    let executable = std::env::current_exe().unwrap_or_else(|error| panic!("this executable: {error}"));
    let folder = executable.ancestors().nth(2).unwrap_or(Path::new("/"));
    let name = format!(
        "{}fixture_hooks{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    );
    folder.join("examples").join(name)
}
