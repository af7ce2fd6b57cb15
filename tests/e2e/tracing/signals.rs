//! The tracing extension's metrics, and its spans' attributes for failures, proxies and Azure: end to end.

use funcdock_tests::openmetrics::Samples;
use funcdock_tests::otlp::Receiver;
use funcdock_tests::{App, Host, wait_for};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{HistogramDataPoint, Metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use ureq::http::Request;

const BINDING: &str = r#"{ "bindings": [
    { "type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous" },
    { "type": "http", "direction": "out", "name": "$return" } ] }"#;

/// Returns an app whose functions end in every way; spans and metrics go to the receiver.
fn app(receiver: &Receiver, settings: &str) -> App {
    let functions = [
        ("well", "def main(req):\n    return 'well'\n"),
        ("raises", "def main(req):\n    raise ValueError('no luck')\n"),
        (
            "unavailable",
            "import azure.functions as func\n\ndef main(req):\n    return func.HttpResponse(status_code=503)\n",
        ),
        (
            "missing",
            "import azure.functions as func\n\ndef main(req):\n    return func.HttpResponse(status_code=404)\n",
        ),
        (
            "slow",
            "import asyncio\n\nasync def main(req):\n    await asyncio.sleep(3600)\n",
        ),
    ];
    let host_json = format!(
        r#"{{ "version": "2.0", "functionTimeout": "00:00:01", "workerExtensions": {{ "opencensus": {{ "settings": {{
            "endpoint": "{}", "delay_ms": 50, {settings} }} }} }} }}"#,
        receiver.endpoint()
    );
    let app = App::empty().file("host.json", &host_json);
    functions
        .into_iter()
        .fold(app, |app, (name, code)| {
            app.file(&format!("{name}/function.json"), BINDING)
                .file(&format!("{name}/__init__.py"), code)
        })
        .env("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
}

fn call(host: &Host, path: &str, times: usize, status: u16) {
    for _ in 0..times {
        assert_eq!(host.get(path).status, status, "{path}\n{}", host.output());
    }
}

/// Returns the metrics of the newest export.
fn newest(receiver: &Receiver) -> Vec<Metric> {
    let request = receiver.metrics().pop().expect("an export of metrics");
    let scopes = request
        .resource_metrics
        .into_iter()
        .flat_map(|resource| resource.scope_metrics);
    scopes.flat_map(|scope| scope.metrics).collect()
}

fn data<'a>(metrics: &'a [Metric], name: &str) -> &'a Data {
    let metric = metrics.iter().find(|metric| metric.name == name);
    metric
        .and_then(|metric| metric.data.as_ref())
        .unwrap_or_else(|| panic!("no {name} in {metrics:#?}"))
}

/// Returns the sum over all functions.
fn sum(metrics: &[Metric], name: &str) -> i64 {
    let Data::Sum(sum) = data(metrics, name) else {
        panic!("{name} is not a sum");
    };
    let values = sum.data_points.iter().map(|point| match point.value {
        Some(number_data_point::Value::AsInt(value)) => value,
        other => panic!("{name}: {other:?}"),
    });
    values.sum()
}

fn histogram<'a>(metrics: &'a [Metric], name: &str) -> &'a [HistogramDataPoint] {
    match data(metrics, name) {
        Data::Histogram(histogram) => &histogram.data_points,
        _ => panic!("{name} is not a histogram"),
    }
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(value)) => value.to_string(),
        other => format!("{other:?}"),
    }
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|pair| pair.key == key)?;
    Some(text(found.value.as_ref()))
}

fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found = spans.iter().find(|span| span.name == name);
    found.unwrap_or_else(|| panic!("no span {name:?} in {spans:#?}"))
}

fn wait_for_spans(receiver: &Receiver, count: usize) -> Vec<Span> {
    let spans = wait_for(|| Some(receiver.spans()).filter(|spans| spans.len() >= count));
    spans.unwrap_or_else(|| panic!("{} of {count} spans arrived", receiver.count()))
}

/// Asserts that exported metrics and `/metrics` have the same values.
fn assert_alike(metrics: &[Metric], shown: &Samples) {
    let http = [("faas_trigger", "http")];
    for (name, shown_name) in [
        ("faas.invocations", "opencensus_faas_invocations_total"),
        ("faas.errors", "opencensus_faas_errors_total"),
        ("faas.timeouts", "opencensus_faas_timeouts_total"),
        ("faas.coldstarts", "opencensus_faas_coldstarts_total"),
    ] {
        assert_eq!(
            sum(metrics, name) as f64,
            shown.one(shown_name, &http).value,
            "{name}"
        );
    }
    for (name, shown_name) in [
        ("faas.invoke_duration", "opencensus_faas_invoke_duration_seconds"),
        ("faas.init_duration", "opencensus_faas_init_duration_seconds"),
        ("faas.mem_usage", "opencensus_faas_mem_usage_bytes"),
    ] {
        let points = histogram(metrics, name);
        let count: u64 = points.iter().map(|point| point.count).sum();
        let shown_count = shown.one(&format!("{shown_name}_count"), &http).value;
        assert_eq!(count as f64, shown_count, "{name}");
        let sum: f64 = points.iter().filter_map(|point| point.sum).sum();
        let shown_sum = shown.one(&format!("{shown_name}_sum"), &http).value;
        assert!(
            (sum - shown_sum).abs() <= 1e-9 * sum,
            "{name}: {sum} and {shown_sum}"
        );
    }
}

#[test]
fn exported_and_shown_metrics_have_the_same_values() {
    let receiver = Receiver::start();
    let host = app(&receiver, r#""metrics": true"#).start();
    call(&host, "/api/well", 7, 200);
    call(&host, "/api/raises", 3, 500);
    call(&host, "/api/unavailable", 2, 503);
    call(&host, "/api/missing", 4, 404);
    call(&host, "/api/slow", 2, 504);
    assert!(receiver.metrics().is_empty(), "no export is due for a minute");
    assert_eq!(host.post("/admin/extensions/flush", "").status, 204);

    let metrics = newest(&receiver);
    assert_eq!(
        sum(&metrics, "faas.invocations"),
        7 + 4,
        "a client's error is not a failure"
    );
    assert_eq!(sum(&metrics, "faas.errors"), 3 + 2 + 2);
    assert_eq!(sum(&metrics, "faas.timeouts"), 2);
    assert_eq!(sum(&metrics, "faas.coldstarts"), 1);
    let durations = histogram(&metrics, "faas.invoke_duration");
    assert_eq!(durations.iter().map(|point| point.count).sum::<u64>(), 18);
    let slow = durations
        .iter()
        .find(|point| attribute(&point.attributes, "faas.name").as_deref() == Some("slow"))
        .expect("each function has a point");
    assert_eq!(
        attribute(&slow.attributes, "faas.trigger").as_deref(),
        Some("http")
    );
    assert!(
        slow.sum.is_some_and(|sum| sum >= 2.0),
        "expected two calls that took a second: {slow:?}"
    );
    let init = histogram(&metrics, "faas.init_duration");
    assert_eq!(init.len(), 1, "expected one per worker: {init:?}");
    assert!(init[0].sum.is_some_and(|sum| sum > 0.0 && sum < 60.0), "{init:?}");
    let used = histogram(&metrics, "faas.mem_usage")[0].sum;
    assert!(
        used.is_some_and(|bytes| bytes > (4 << 20) as f64),
        "Python uses more memory: {used:?}"
    );
    assert_alike(&metrics, &Samples::parse(&host.get("/metrics").text()));

    call(&host, "/api/well", 1, 200);
    host.stop().assert_clean();
    let last = newest(&receiver);
    assert_eq!(
        sum(&last, "faas.invocations"),
        12,
        "cumulative, and exported at the end"
    );

    // The worker's spans and its metrics are of one resource.
    let request = receiver.metrics().pop().expect("just seen");
    let resource = request.resource_metrics[0].resource.clone().expect("a resource");
    let id =
        attribute(&resource.attributes, "service.instance.id").expect("an id that differs between workers");
    assert_eq!(id.len(), 36, "{id}");
    let scope = request.resource_metrics[0].scope_metrics[0].scope.clone();
    assert_eq!(scope.expect("a scope").name, "funcdock-opencensus");
}

#[test]
fn metrics_are_exported_at_their_interval_and_only_on_request() {
    let receiver = Receiver::start();
    let host = app(&receiver, r#""service_name": "quiet""#).start();
    call(&host, "/api/well", 1, 200);
    let shown = Samples::parse(&host.get("/metrics").text());
    assert_eq!(
        shown.sum("opencensus_faas_invocations_total", &[]),
        1.0,
        "/metrics shows them anyway"
    );
    host.stop().assert_clean();
    assert_eq!(receiver.metrics(), [], "metrics are not exported by default");
    assert_eq!(receiver.count(), 1, "spans are exported");

    let host = app(&receiver, r#""service_name": "quiet""#)
        .env("OTEL_METRICS_EXPORTER", "otlp")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "100")
        .start();
    call(&host, "/api/well", 1, 200);
    // An export may have begun before the call: the next one has the call.
    let has_call = || !receiver.metrics().is_empty() && sum(&newest(&receiver), "faas.invocations") == 1;
    let came = wait_for(|| has_call().then_some(()));
    assert!(came.is_some(), "no export has the call\n{}", host.output());
    host.stop().assert_clean();
}

#[test]
fn failures_have_a_type_and_a_status() {
    let receiver = Receiver::start();
    let host = app(&receiver, r#""resource": { "team": "a", "shard": 3 }"#).start();
    for (path, status) in [
        ("well", 200),
        ("raises", 500),
        ("unavailable", 503),
        ("missing", 404),
        ("slow", 504),
    ] {
        call(&host, &format!("/api/{path}"), 1, status);
    }
    let spans = wait_for_spans(&receiver, 5);
    for (name, error_type) in [
        ("well", None),
        ("missing", None),
        ("raises", Some("ValueError")),
        ("unavailable", Some("503")),
        ("slow", Some("timeout")),
    ] {
        let span = named(&spans, name);
        assert_eq!(
            attribute(&span.attributes, "error.type").as_deref(),
            error_type,
            "{name}"
        );
        let code = span.status.as_ref().map(|status| status.code());
        let expected = match error_type {
            Some(_) => StatusCode::Error,
            None => StatusCode::Unset,
        };
        assert_eq!(code, Some(expected), "{name}");
    }
    host.stop().assert_clean();
}

#[test]
fn a_function_app_in_azure_behind_a_proxy() {
    let receiver = Receiver::start();
    let host = app(&receiver, r#""metrics": true"#)
        .env("WEBSITE_SITE_NAME", "shop")
        .env("WEBSITE_OWNER_NAME", "0000-11+plan-WestEuropewebspace-Linux")
        .env("WEBSITE_RESOURCE_GROUP", "shop-rg")
        .env("WEBSITE_INSTANCE_ID", "c0ffee")
        .env("REGION_NAME", "West Europe")
        .start();
    let request = Request::get(host.url_of("/api/well"))
        .header("x-forwarded-for", "203.0.113.7:50123, 10.0.0.1")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-host", "shop.example")
        .body(Vec::new())
        .expect("a valid request");
    assert_eq!(host.send(request).status, 200);
    host.stop().assert_clean();

    let spans = receiver.spans();
    let span = named(&spans, "well");
    let site = "/subscriptions/0000-11/resourceGroups/shop-rg/providers/Microsoft.Web/sites/shop";
    for (key, value) in [
        ("faas.name", "shop/well"),
        ("cloud.resource_id", &format!("{site}/functions/well")),
        ("url.scheme", "https"),
        ("client.address", "203.0.113.7"),
        ("network.peer.address", "127.0.0.1"),
        ("server.address", "shop.example"),
    ] {
        assert_eq!(attribute(&span.attributes, key).as_deref(), Some(value), "{key}");
    }
    let request = receiver.metrics().pop().expect("exported at the end");
    let resource = request.resource_metrics[0].resource.clone().expect("a resource");
    for (key, value) in [
        ("service.name", "shop"),
        ("cloud.provider", "azure"),
        ("cloud.region", "West Europe"),
        ("cloud.resource_id", site),
        ("faas.instance", "c0ffee"),
    ] {
        assert_eq!(
            attribute(&resource.attributes, key).as_deref(),
            Some(value),
            "{key}"
        );
    }
}
