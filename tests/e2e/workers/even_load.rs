//! Connections go to the workers that have the fewest, and a place for a call.

use std::collections::BTreeMap;

use funcdock_tests::{App, Gate, Host, Raw, wait_for};

use super::pid;

/// Opens connections, and keeps them; returns the number of each worker.
fn connections(host: &Host, count: usize) -> (Vec<Raw>, BTreeMap<i32, usize>) {
    let mut open: Vec<_> = (0..count).map(|_| Raw::connect(host)).collect();
    let mut counts = BTreeMap::new();
    for connection in &mut open {
        connection.send("GET /api/pid HTTP/1.1\r\nHost: h\r\n\r\n");
        let pid = connection.answer().text().parse().expect("a process id");
        *counts.entry(pid).or_default() += 1;
    }
    (open, counts)
}

#[test]
fn no_worker_gets_more_than_half_more_than_the_mean() {
    let host = App::case("gates").arg("--workers").arg("4").start();
    for count in [16, 64, 200] {
        let (open, counts) = connections(&host, count);
        let most = counts.values().max().copied().unwrap_or_default();
        assert!(
            most * 4 * 2 <= count * 3,
            "{count}: {counts:?}\n{}",
            host.output()
        );
        drop(open);
        // The next round begins with none.
        let closed = wait_for(|| (established(&host) == 0).then_some(()));
        assert!(closed.is_some(), "connections stay open");
    }
    host.stop().assert_clean();
}

/// Returns the number of connections that workers have open.
fn established(host: &Host) -> usize {
    let port: u16 = host
        .address()
        .rsplit(':')
        .next()
        .and_then(|port| port.parse().ok())
        .expect("a port");
    let table = std::fs::read_to_string("/proc/net/tcp").expect("the system's table");
    let local = format!(":{port:04X}");
    let of_host = |line: &&str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        // State 1 is an open connection, state 8 one that only the client has closed.
        fields.len() > 3 && fields[1].ends_with(&local) && matches!(fields[3], "01" | "08")
    };
    table.lines().skip(1).filter(of_host).count()
}

#[test]
fn two_calls_at_once_are_on_two_workers() {
    let host = App::case("gates").arg("--workers").arg("2").start();
    let mut met = Vec::new();
    for round in 0..10 {
        let names = [format!("{round}-a"), format!("{round}-b")];
        let gates = names.each_ref().map(|name| Gate::new(&host, name));
        let pids = std::thread::scope(|scope| {
            let calls = names.each_ref().map(|name| {
                let host = &host;
                scope.spawn(move || pid(host, &format!("/api/wait?gate={name}")))
            });
            gates.iter().for_each(Gate::wait_until_entered);
            gates.iter().for_each(Gate::open);
            calls.map(|call| call.join().expect("an answer"))
        });
        assert!(
            pids[0].is_some() && pids[1].is_some(),
            "{pids:?}\n{}",
            host.output()
        );
        if pids[0] == pids[1] {
            met.push(round);
        }
    }
    // A busy machine may wake a worker too late. Without counting, they meet in half of the rounds.
    assert!(met.len() <= 1, "calls met in {met:?}\n{}", host.output());
    host.stop().assert_clean();
}

#[test]
fn a_worker_without_an_idle_thread_leaves_calls_to_one_that_has_some() {
    let app = App::case("gates").arg("--workers").arg("2");
    let host = app.env("PYTHON_THREADPOOL_THREAD_COUNT", "1").start();
    // Each has connections, so that one without an idle thread is not the one with fewer.
    let mut open = Vec::new();
    let spread = wait_for(|| {
        let (mut more, counts) = connections(&host, 2);
        open.append(&mut more);
        (counts.len() == 2).then_some(())
    });
    assert!(spread.is_some(), "one worker gets all\n{}", host.output());
    open[0].send("GET /api/pid HTTP/1.1\r\nHost: h\r\n\r\n");
    let busy: i32 = open[0].answer().text().parse().expect("a process id");
    open[0].send("GET /api/wait_sync?gate=thread HTTP/1.1\r\nHost: h\r\n\r\n");
    let gate = Gate::new(&host, "thread");
    gate.wait_until_entered();
    for _ in 0..5 {
        let served =
            pid(&host, "/api/pid").unwrap_or_else(|| panic!("no answer, busy: {busy}\n{}", host.output()));
        assert_ne!(served, busy, "{}", host.output());
    }
    gate.open();
    assert_eq!(open[0].answer().status, 200);
    host.stop().assert_clean();
}
