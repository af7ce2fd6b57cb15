//! A hundred extensions, ten thousand calls to three workers, and half of all hook calls going wrong.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use funcdock_tests::openmetrics::Samples;
use funcdock_tests::{Raw, at_once, library};
use serde_json::{Value as Json, json};

use crate::extensions::support::{app_with, counts, records_of};

const EXTENSIONS: usize = 100;
const CALLS: usize = 10_000;
const CONNECTIONS: usize = 64;
const WORKERS: usize = 3;
const FUNCTIONS: [&str; 4] = ["returns", "returns_async", "raises", "raises_async"];

/// What the host counts of a hook.
const COUNTS: [&str; 6] = ["calls", "errors", "panics", "answers", "refusals", "slow"];

/// Whether the pre hook of the extension with this number is strict.
fn is_strict(number: usize) -> bool {
    number % 10 == 9
}

/// The number of calls by how they ended, as clients see it.
#[derive(Default)]
struct Answers {
    returned: u64,
    answered: u64,
    failed: u64,
    timed_out: u64,
}

/// What an extension counts itself.
struct Own<'a> {
    samples: &'a Samples,
    name: String,
}

impl Own<'_> {
    fn of(&self, hook: &str, kind: &str) -> u64 {
        let metric = format!("{}_calls_total", self.name.replace('-', "_"));
        self.samples.sum(&metric, &[("hook", hook), ("kind", kind)]) as u64
    }
}

/// The acceptance test of the extension system: every call is answered, and every number adds up.
///
/// Each extension of `tests/fixtures/chaos` decides by a hash of its seed, its number, the invocation's id and the hook
/// what a call of its hook does, and counts that in a metric of its own. Half of all hook calls go wrong: 26 % return
/// an error, 20 % panic, 3 % wait, 0.2 % are slow, and of those of pre hooks 0.5 % answer and 0.5 % refuse. Errors, panics
/// and waits end nothing, so they can be as many as that. An answer and a refusal end the way through the chain: with
/// one in a hundred for both, 0.99^100 = 37 % of the calls come through all of 100 pre hooks to their function, and the
/// others end at every depth. Were the half split evenly among the six ways of going wrong, one call in six would end at
/// each extension, and of ten thousand calls hardly one would come to the fiftieth. Every tenth extension has a strict pre
/// hook, whose failures end the call: of those there are few. Few wait longer than `functionTimeout`, too, which costs
/// everybody the time.
///
/// Half of the extensions are at app level, half at function level; chains run in the order of their numbers.
#[test]
fn a_hundred_extensions_go_wrong_at_random_and_every_number_adds_up() {
    let names: Vec<String> = (0..EXTENSIONS)
        .map(|number| format!("chaos-{number:02}"))
        .collect();
    let extensions: Vec<(&str, Json)> = names
        .iter()
        .zip(0..)
        .map(|(name, number)| {
            let settings = json!({ "seed": 20_240_229, "number": number, "is_strict": is_strict(number) });
            let on_error = if is_strict(number) { "fail" } else { "continue" };
            let config = json!({
                "library": library("fixture-chaos"), "settings": settings, "functions": FUNCTIONS,
                "suspendAfterPanics": 0, "hookBudgetMs": 1, "onError": { "preInvocation": on_error },
            });
            (name.as_str(), config)
        })
        .collect();
    // Several hundred thousand failures are logged, which nobody reads.
    let host = app_with(r#""functionTimeout": "00:00:03","#, &extensions)
        .arg("--workers")
        .arg(WORKERS.to_string())
        .log_to("/dev/null")
        .start();
    let workers = host.workers();

    let (next, answers) = (AtomicUsize::new(0), Mutex::new(Answers::default()));
    at_once(CONNECTIONS, |_| {
        let mut connection = Raw::connect(&host);
        let mut seen = Answers::default();
        loop {
            let call = next.fetch_add(1, Ordering::Relaxed);
            if call >= CALLS {
                break;
            }
            let function = FUNCTIONS[call % FUNCTIONS.len()];
            connection.send(format!("GET /api/{function} HTTP/1.1\r\nhost: test\r\n\r\n"));
            let answer = connection.answer();
            match answer.status {
                200 => {
                    assert_eq!(answer.text(), "returned");
                    seen.returned += 1;
                }
                418 => {
                    assert!(answer.headers.contains_key("x-answered-by"), "{answer:?}");
                    seen.answered += 1;
                }
                500 => seen.failed += 1,
                504 => seen.timed_out += 1,
                _ => panic!("an unexpected answer: {answer:?}"),
            }
        }
        let mut all = answers.lock().expect("nobody panics with it");
        all.returned += seen.returned;
        all.answered += seen.answered;
        all.failed += seen.failed;
        all.timed_out += seen.timed_out;
    });
    let answers = answers.into_inner().expect("nobody panics with it");
    assert_eq!(host.workers(), workers, "the workers are the same");
    assert_eq!(
        answers.returned + answers.answered + answers.failed + answers.timed_out,
        CALLS as u64,
        "every call is answered"
    );

    let report = host.get("/admin/extensions").json();
    let reports: Vec<&Vec<Json>> = (0..WORKERS)
        .filter_map(|worker| report["workers"][worker]["extensions"].as_array())
        .collect();
    let samples = Samples::parse(&host.get("/metrics").text());
    assert_eq!(reports.len(), WORKERS);
    // How many calls come to each extension, from the first to the last.
    let mut coming = CALLS as u64;
    let (mut answered, mut refused, mut waited, mut timed_out) = (0, 0, 0, 0);
    for (number, name) in names.iter().enumerate() {
        let of_all = reports.iter().map(|report| &report[number]);
        for extension in of_all.clone() {
            assert_eq!(
                (&extension["name"], &extension["state"]),
                (&json!(name), &json!("started"))
            );
        }
        let own = Own {
            samples: &samples,
            name: name.clone(),
        };
        let continued = own.of("pre", "continue");
        for (hook, own_name, calls) in [
            ("pre_invocation", "pre", coming),
            // Once for each pre hook that continued.
            ("post_invocation", "post", continued),
        ] {
            let mut of_own = ["error", "panic", "answer", "refusal"].map(|kind| own.of(own_name, kind));
            // What does not come in time is an error of the hook.
            of_own[0] += own.of(own_name, "timeout");
            let mut of_host = [0; 6];
            for extension in of_all.clone() {
                let of_worker = counts(extension, hook, COUNTS);
                for (sum, count) in of_host.iter_mut().zip(of_worker) {
                    *sum += count;
                }
            }
            assert_eq!(of_host[0], calls, "{name} {hook}: calls");
            assert_eq!(
                of_host[1..5],
                of_own,
                "{name} {hook}: errors, panics, answers, refusals"
            );
            let all = own.of(own_name, "continue") + of_own.iter().sum::<u64>();
            assert_eq!(all, calls, "{name} {hook}: each call ended in one way");
            // On a busy machine a quick call may be slow too.
            let slow = of_host[5];
            assert!(
                slow >= own.of(own_name, "slow"),
                "{name} {hook}: {slow} slow calls"
            );
            for (count, value) in COUNTS.iter().zip(of_host) {
                let metric = format!("funcdock_extension_hook_{count}_total");
                let sum = samples.sum(&metric, &[("extension", name), ("hook", hook)]);
                assert_eq!(sum as u64, value, "{name} {hook}: {metric}");
            }
            waited += own.of(own_name, "waited");
        }
        let mut failed = own.of("pre", "refusal");
        if is_strict(number) {
            failed += own.of("pre", "error") + own.of("pre", "panic");
        }
        answered += own.of("pre", "answer");
        refused += failed;
        timed_out += own.of("pre", "timeout");
        coming -= own.of("pre", "answer") + failed + own.of("pre", "timeout");
    }
    // Calls that passed all pre hooks reached their functions; the others were answered or refused.
    let called = records_of(host.app(), "function").len() as u64;
    assert_eq!(called, coming);
    assert_eq!(answers.answered, answered);
    assert_eq!(answers.timed_out, timed_out);
    assert_eq!(answers.failed, refused + (called - answers.returned));
    // Chance has been at work everywhere: 3,450 calls to functions are expected, give or take 50.
    assert!((3_200..3_700).contains(&called), "{called}");
    assert!(
        answered > 2_000 && refused > 2_000 && waited > 10_000 && timed_out > 10,
        "{answered} {refused} {waited} {timed_out}"
    );
    assert!(
        (called / 3..called * 2 / 3).contains(&answers.returned),
        "{}",
        answers.returned
    );
    host.stop().assert_clean();
}
