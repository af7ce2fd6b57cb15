//! A collector in every kind of trouble: calls do not notice, and each span is accounted for.

use std::time::{Duration, Instant};

use funcdock_tests::otlp::{Mood, Protocol, Receiver};
use funcdock_tests::wait_for;
use nix::sys::signal::Signal;
use serde_json::json;

use super::{BOTH, Fates, app, call, flush, target, to};

const SECOND: Option<Duration> = Some(Duration::from_secs(1));

#[test]
fn the_sums_are_exact_in_every_trouble() {
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
            call(&host, 200);
            calls += 200;
            let met = wait_for(|| match mood {
                Mood::Down => (Fates::on(&host, "otlp").export_failed > before.export_failed).then_some(()),
                _ => (receiver.requests() > requests).then_some(()),
            });
            assert!(met.is_some(), "{context}: no trouble\n{}", host.output());

            receiver.behave(Mood::Up);
            let acknowledged = receiver.count();
            call(&host, 1);
            calls += 1;
            flush(&host);
            let fates = Fates::on(&host, "otlp");
            assert_eq!(fates.sum(), calls, "{context}: {fates:?}");
            assert_eq!(fates.exported, receiver.count(), "{context}: {fates:?}");
            assert_eq!(fates.rejected, receiver.rejected(), "{context}: {fates:?}");
            assert!(receiver.count() > acknowledged, "{context}: it works again");
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

/// The exporter is in the middle of an export that would take an hour when the worker is told to end.
#[test]
fn the_end_comes_in_time_and_what_is_lost_is_counted() {
    let hour = Some(Duration::from_secs(3600));
    let cases = [
        // Nobody is there, so that there is nothing to wait for.
        (Mood::Down, Duration::from_secs(10)),
        // It is asked once more, and cannot be waited for.
        (Mood::Unavailable(hour), Duration::from_secs(10)),
        // It is waited for as long as there is time: 3 s.
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
                assert!(met.is_some(), "{context}: nothing came");
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

/// A busy collector is not lost to a worker that ends: it is asked again while there is time.
#[test]
fn a_collector_that_is_busy_at_the_end_is_asked_again() {
    for protocol in BOTH {
        let receiver = Receiver::speaking(protocol);
        receiver.behave(Mood::Unavailable(None));
        let host = app(&to(&receiver, protocol, &json!({ "delay_ms": 10 }))).start();
        call(&host, 25);
        host.signal(Signal::SIGTERM);
        let asked = wait_for(|| (receiver.requests() > 0).then_some(()));
        assert!(asked.is_some(), "{protocol:?}: nothing came");
        receiver.behave(Mood::Up);
        let stopped = host.wait();
        stopped.assert_clean();
        assert_eq!(receiver.count(), 25, "{protocol:?}\n{}", stopped.stderr);
    }
}

#[test]
fn an_exporter_in_trouble_costs_another_nothing() {
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
