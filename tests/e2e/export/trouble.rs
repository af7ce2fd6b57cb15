//! Collectors with every kind of failure: calls are not affected, and each span is counted.

use std::time::{Duration, Instant};

use funcdock_tests::otlp::{Mood, Protocol, Receiver};
use funcdock_tests::wait_for;
use nix::sys::signal::Signal;
use serde_json::json;

use super::{BOTH, Fates, app, call, flush, target, to};

const SECOND: Option<Duration> = Some(Duration::from_secs(1));

#[test]
fn the_counts_are_exact_for_every_failure() {
    for protocol in BOTH {
        let receiver = Receiver::speaking(protocol);
        let hasty = json!({ "queue": 150, "batch": 20, "delay_ms": 20, "timeout_ms": 600 });
        let host = app(&to(&receiver, protocol, &hasty)).start();
        let mut calls = 0;
        let moods = [
            Mood::Up,
            Mood::Down,
            Mood::Hanging,
            Mood::Throttling(None),
            Mood::Throttling(SECOND),
            Mood::Unavailable(None),
            Mood::Unavailable(SECOND),
            Mood::Refusing,
            Mood::Rejecting(3),
            Mood::Garbage,
        ];
        for mood in moods {
            let context = format!("{protocol:?}, {mood:?}");
            let (requests, before) = (receiver.requests(), Fates::on(&host, "otlp"));
            receiver.behave(mood);
            // As many as the queue takes, while the connection is made; more than that where spans are to be lost.
            let spans = if matches!(mood, Mood::Up) { 100 } else { 200 };
            call(&host, spans);
            calls += spans;
            let met = wait_for(|| match mood {
                Mood::Down => (Fates::on(&host, "otlp").export_failed > before.export_failed).then_some(()),
                _ => (receiver.requests() > requests).then_some(()),
            });
            assert!(
                met.is_some(),
                "{context}: the failure did not happen\n{}",
                host.output()
            );

            receiver.behave(Mood::Up);
            let acknowledged = receiver.count();
            call(&host, 1);
            calls += 1;
            flush(&host);
            let fates = Fates::on(&host, "otlp");
            assert_eq!(fates.sum(), calls, "{context}: {fates:?}");
            assert_eq!(fates.exported, receiver.count(), "{context}: {fates:?}");
            assert_eq!(fates.rejected, receiver.rejected(), "{context}: {fates:?}");
            assert!(
                receiver.count() > acknowledged,
                "{context}: the exporter works again"
            );
            match mood {
                Mood::Up => assert_eq!(fates.exported, calls, "{context}"),
                Mood::Rejecting(_) => assert!(fates.rejected >= 3, "{context}: {fates:?}"),
                _ => {}
            }
        }
        let stopped = host.stop();
        stopped.assert_clean();
        let fates = Fates::of(&stopped, &target(&receiver, protocol));
        assert_eq!(
            (fates.sum(), fates.shutdown),
            (calls, 0),
            "{protocol:?}: {fates:?}"
        );
        assert_eq!(fates.exported, receiver.count(), "{protocol:?}");
        assert!(fates.export_failed > 0, "{protocol:?}: {fates:?}");
    }
}

/// The worker gets its order to stop during an export that would take an hour.
#[test]
fn the_worker_stops_in_time_and_lost_spans_are_counted() {
    let hour = Some(Duration::from_secs(3600));
    let cases = [
        // No receiver listens, so there is nothing to wait for.
        (Mood::Down, Duration::from_secs(10)),
        // The exporter tries once more, but cannot wait as long as the receiver wants.
        (Mood::Unavailable(hour), Duration::from_secs(10)),
        // The exporter waits for the receiver until the time is over: 3 s.
        (Mood::Hanging, Duration::from_secs(20)),
    ];
    for protocol in BOTH {
        for (mood, most) in cases {
            let context = format!("{protocol:?}, {mood:?}");
            let receiver = Receiver::speaking(protocol);
            receiver.behave(mood);
            let patient = json!({ "batch": 10, "delay_ms": 10, "timeout_ms": 3_600_000 });
            let host = app(&to(&receiver, protocol, &patient))
                .arg("--drain-timeout")
                .arg("3")
                .start();
            call(&host, 25);
            if mood != Mood::Down {
                let met = wait_for(|| (receiver.requests() > 0).then_some(()));
                assert!(met.is_some(), "{context}: no request came");
            }
            let begin = Instant::now();
            host.signal(Signal::SIGTERM);
            let stopped = host.wait();
            assert!(begin.elapsed() < most, "{context}: {:?}", begin.elapsed());
            let fates = Fates::of(&stopped, &target(&receiver, protocol));
            assert_eq!((fates.exported, fates.sum()), (0, 25), "{context}: {fates:?}");
            let shutdown = if mood == Mood::Hanging { 25 } else { 0 };
            assert_eq!(fates.shutdown, shutdown, "{context}: {fates:?}");
        }
    }
}

/// A worker that stops retries its export to a busy collector while there is time.
#[test]
fn an_export_to_a_busy_collector_is_retried_at_the_end() {
    for protocol in BOTH {
        let receiver = Receiver::speaking(protocol);
        receiver.behave(Mood::Unavailable(None));
        let host = app(&to(&receiver, protocol, &json!({ "delay_ms": 10 }))).start();
        call(&host, 25);
        host.signal(Signal::SIGTERM);
        let asked = wait_for(|| (receiver.requests() > 0).then_some(()));
        assert!(asked.is_some(), "{protocol:?}: no request came");
        receiver.behave(Mood::Up);
        let stopped = host.wait();
        stopped.assert_clean();
        assert_eq!(receiver.count(), 25, "{protocol:?}\n{}", stopped.stderr);
    }
}

#[test]
fn a_failing_exporter_does_not_affect_another() {
    let receiver = Receiver::start();
    receiver.behave(Mood::Hanging);
    let both = json!({ "exporter": "otlp,console", "queue": 10, "batch": 5, "delay_ms": 10 });
    let host = app(&to(&receiver, Protocol::Http, &both))
        .arg("--drain-timeout")
        .arg("2")
        .start();
    for calls in 1..=30 {
        call(&host, 1);
        let lines = || host.stdout().matches(r#""name":"ping""#).count();
        let shown = wait_for(|| (lines() == calls).then_some(()));
        assert!(shown.is_some(), "call {calls}\n{}", host.output());
    }
    let stopped = host.stop();
    let fates = Fates::of(&stopped, &target(&receiver, Protocol::Http));
    assert_eq!((fates.exported, fates.sum()), (0, 30), "{fates:?}");
    assert!(fates.queue_full >= 15 && fates.export_failed == 0, "{fates:?}");
    assert_eq!(Fates::of(&stopped, "stdout").exported, 30);
}
