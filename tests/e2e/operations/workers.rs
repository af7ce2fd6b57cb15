//! `--workers auto`.

use std::thread::available_parallelism;

use funcdock_tests::App;

#[test]
fn auto_is_one_worker_for_each_core() {
    let cores = available_parallelism().map_or(1, usize::from).min(10);
    for app in [
        App::case("gates").arg("--workers=auto"),
        App::case("gates").env("FUNCTIONS_WORKER_PROCESS_COUNT", "AUTO"),
    ] {
        let host = app.start();
        assert_eq!(host.workers().len(), cores, "{}", host.output());
        host.stop().assert_clean();
    }
}

#[test]
fn other_words_are_named() {
    for word in ["automatic", "0", "11", ""] {
        let stopped = App::case("gates").arg("--workers").arg(word).start_fails();
        let log = &stopped.stderr;
        assert!(!stopped.status.success(), "{word:?}");
        assert!(
            log.contains("--workers") && log.contains("expected a number from 1 to 10, or auto"),
            "{word:?}\n{log}"
        );
    }
}
