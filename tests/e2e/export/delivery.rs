//! All spans arrive at a working receiver: at a flush, at the end, over every protocol.

use funcdock_tests::otlp::tls::Certificates;
use funcdock_tests::otlp::{Options, Protocol, Receiver};
use funcdock_tests::wait_for;
use nix::sys::signal::Signal;
use serde_json::json;

use super::{BOTH, Fates, app, call, flush, target, to};

/// A delay after which no batch leaves during a test.
const NEVER_MS: u64 = 3_600_000;

#[test]
fn two_thousand_spans_that_wait_are_delivered_before_the_end() {
    for protocol in BOTH {
        let receiver = Receiver::speaking(protocol);
        let waiting = json!({ "queue": 2100, "batch": 2100, "delay_ms": NEVER_MS });
        let host = app(&to(&receiver, protocol, &waiting)).start();
        call(&host, 2000);
        assert_eq!(receiver.requests(), 0, "{protocol:?}: no batch was due");
        host.signal(Signal::SIGTERM);
        let stopped = host.wait();
        stopped.assert_clean();
        assert_eq!(receiver.count(), 2000, "{protocol:?}\n{}", stopped.stderr);
        let all = Fates {
            exported: 2000,
            ..Fates::default()
        };
        assert_eq!(Fates::of(&stopped, &target(&receiver, protocol)), all);
    }
}

#[test]
fn the_operator_can_flush() {
    for protocol in BOTH {
        let receiver = Receiver::speaking(protocol);
        let host = app(&to(&receiver, protocol, &json!({ "delay_ms": NEVER_MS }))).start();
        call(&host, 7);
        assert_eq!(receiver.requests(), 0, "{protocol:?}: no batch was due");
        flush(&host);
        assert_eq!(receiver.count(), 7, "{protocol:?}");
        let fates = Fates::on(&host, "otlp");
        assert_eq!((fates.exported, fates.sum()), (7, 7), "{protocol:?}");
        call(&host, 1);
        host.stop().assert_clean();
        assert_eq!(receiver.count(), 8, "{protocol:?}");
    }
}

#[test]
fn large_batches_compressed() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = Receiver::speaking(protocol);
        let gzip = json!({ "compression": "gzip", "delay_ms": NEVER_MS, "headers": { "Tenant": "a" } });
        let host = app(&to(&receiver, protocol, &gzip)).start();
        call(&host, 300);
        host.stop().assert_clean();
        assert_eq!(receiver.count(), 300, "{protocol:?}");
    }
}

#[test]
fn grpc_over_tls_with_certificates_of_both_sides() {
    tls_with_certificates_of_both_sides(Protocol::Grpc, "grpc");
}

#[test]
fn http_over_tls_with_certificates_of_both_sides() {
    tls_with_certificates_of_both_sides(Protocol::Http, "http/protobuf");
}

fn tls_with_certificates_of_both_sides(protocol: Protocol, name: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::make(folder.path());
    let receiver = Receiver::with(Options {
        protocol,
        tls: Some(certificates.server.clone()),
        ..Options::default()
    })
    .expect("a free port");
    let all = json!({
        "certificate": certificates.authority,
        "client_certificate": certificates.client_certificate,
        "client_key": certificates.client_key,
    });
    let host = app(&to(&receiver, protocol, &all)).start();
    call(&host, 3);
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(receiver.count(), 3, "{}", stopped.stderr);

    // The same settings as OpenTelemetry's variables.
    let file = |path: &std::path::Path| path.as_os_str().to_owned();
    let host = app(&json!({}))
        .env("OTEL_TRACES_EXPORTER", "otlp")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", name)
        .env("OTEL_EXPORTER_OTLP_CERTIFICATE", file(&certificates.authority))
        .env(
            "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
            file(&certificates.client_certificate),
        )
        .env("OTEL_EXPORTER_OTLP_CLIENT_KEY", file(&certificates.client_key))
        .start();
    call(&host, 4);
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(receiver.count(), 7, "{}", stopped.stderr);

    // First the client has no certificate; then it does not know the receiver's authority, and logs that.
    let unknown = json!({ "certificate": certificates.authority });
    let distrustful = json!({
        "client_certificate": certificates.client_certificate,
        "client_key": certificates.client_key,
    });
    for (settings, said) in [(unknown, ""), (distrustful, "certificate")] {
        let host = app(&to(&receiver, protocol, &settings)).start();
        call(&host, 1);
        let stopped = host.stop();
        let fates = Fates::of(&stopped, &target(&receiver, protocol));
        assert_eq!((fates.export_failed, fates.sum()), (1, 1), "{settings}");
        let log = stopped.stderr.to_lowercase();
        assert!(log.contains(said), "{settings}\n{}", stopped.stderr);
    }
    assert_eq!(receiver.count(), 7);
}

#[test]
fn each_exporter_gets_every_span() {
    let receiver = Receiver::start();
    let several = json!({ "exporter": ["otlp", "console"] });
    let host = app(&to(&receiver, Protocol::Http, &several)).start();
    call(&host, 5);
    let on_console = |text: String| text.matches(r#""name":"ping""#).count();
    let shown = wait_for(|| (on_console(host.stdout()) == 5).then_some(()));
    assert!(shown.is_some(), "{}", host.output());
    assert_eq!(receiver.count(), 0, "the collector's are not due yet");
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(receiver.count(), 5);
    assert_eq!(Fates::of(&stopped, "stdout").exported, 5);
    assert_eq!(
        Fates::of(&stopped, &target(&receiver, Protocol::Http)).exported,
        5
    );
}
