//! How OTLP travels.

use super::*;

#[test]
fn protocol_and_compression() {
    type Variables<'a> = &'a [(&'a str, &'a str)];
    const GRPC: (&str, &str) = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    use Compression::{Gzip, None};
    use Protocol::{Grpc, Http};
    let cases: [(&str, Variables<'_>, _, &str); 9] = [
        ("", &[], (Http, None), "http://localhost:4318/v1/traces"),
        (
            r#","protocol": "grpc""#,
            &[],
            (Grpc, None),
            "http://localhost:4317/",
        ),
        ("", &[GRPC], (Grpc, None), "http://localhost:4317/"),
        (
            "",
            &[GRPC, ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/protobuf")],
            (Http, None),
            "http://localhost:4318/v1/traces",
        ),
        (
            "",
            &[("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")],
            (Http, None),
            "http://localhost:4318/v1/traces",
        ),
        (
            "",
            &[GRPC, ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c:4317/")],
            (Grpc, None),
            "https://c:4317/",
        ),
        (
            r#","compression": "gzip""#,
            &[],
            (Http, Gzip),
            "http://localhost:4318/v1/traces",
        ),
        (
            "",
            &[GRPC, ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")],
            (Grpc, Gzip),
            "http://localhost:4317/",
        ),
        (
            "",
            &[("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd")],
            (Http, None),
            "http://localhost:4318/v1/traces",
        ),
    ];
    for (more, env, expected, url) in cases {
        let collector = otlp(resolve(&format!(r#"{{"exporter": "otlp"{more}}}"#), env));
        assert_eq!(
            (collector.protocol, collector.compression),
            expected,
            "{more} {env:?}"
        );
        assert_eq!(collector.url.to_string(), url, "{more} {env:?}");
    }
}

#[test]
fn certificates_are_read_and_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path.display().to_string()
    };
    let pem = |label: &str| format!("-----BEGIN {label}-----\nMAA=\n-----END {label}-----\n");
    let certificate = file("certificate.pem", &pem("CERTIFICATE"));
    let key = file("key.pem", &pem("PRIVATE KEY"));
    let text = file("text.pem", "hello");
    let missing = folder.path().join("missing.pem").display().to_string();
    let with = |pairs: &[(&str, &str)]| {
        let mut settings = serde_json::Map::new();
        settings.insert("exporter".to_owned(), "otlp".into());
        for (name, path) in pairs {
            settings.insert((*name).to_owned(), (*path).into());
        }
        serde_json::Value::Object(settings).to_string()
    };
    let all = with(&[
        ("certificate", &certificate),
        ("client_certificate", &certificate),
        ("client_key", &key),
    ]);
    let collector = otlp(resolve(&all, &[]));
    let identity = collector.tls.identity.as_ref().expect("an identity");
    assert_eq!(identity.key, pem("PRIVATE KEY").into_bytes());
    assert!(!format!("{collector:?}").contains("key: ["), "{collector:?}");
    assert!(collector.tls.authorities.is_some());

    let file_error = |key: &str, path: &str| format!("{key}: cannot use {path}: ");
    let cases = [
        (
            vec![("certificate", &missing)],
            file_error("certificate", &missing),
        ),
        (vec![("certificate", &text)], file_error("certificate", &text)),
        (vec![("certificate", &key)], file_error("certificate", &key)),
        (
            vec![("client_certificate", &certificate), ("client_key", &certificate)],
            file_error("client_key", &certificate),
        ),
        (
            vec![("client_key", &key)],
            "client_key: a certificate and its key go together".to_owned(),
        ),
    ];
    for (settings, expected) in cases {
        let pairs: Vec<_> = settings.iter().map(|(key, path)| (*key, path.as_str())).collect();
        let error = resolve(&with(&pairs), &[]).expect_err(&expected).to_string();
        assert!(error.starts_with(&expected), "{error}");
    }
    let variable = [("OTEL_EXPORTER_OTLP_CERTIFICATE", missing.as_str())];
    let error = resolve(r#"{"exporter": "otlp"}"#, &variable).expect_err("no such file");
    let error = error.to_string();
    assert!(
        error.starts_with("OTEL_EXPORTER_OTLP_CERTIFICATE: cannot use"),
        "{error}"
    );
    resolve(r#"{"exporter": "console"}"#, &variable).expect("who does not use it does not need it");
}
