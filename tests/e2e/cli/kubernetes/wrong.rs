//! The validation of these tests finds what is wrong.

use serde_json::json;

use super::{HTTP, QUEUE, app, run, validate};

#[test]
fn what_is_wrong_in_a_manifest_is_found() {
    let values = json!({ "Orders__accountName": "shop", "Storage": "AccountName=shop;AccountKey=czNjcmV0" });
    let code = format!("{QUEUE}{HTTP}").replace(
        "\n\n@app.route",
        "\n\n@app.queue_trigger(arg_name=\"message\", queue_name=\"back\", connection=\"Storage\")\ndef back(message: func.QueueMessage) -> None:\n    pass\n\n\n@app.route",
    );
    let good = run(
        app(&code, &values).path(),
        &["--http-scaler", "--host", "shop.example.org"],
    );
    assert_eq!(validate(&good.stdout).code, Some(0), "{}", good.output());
    for (right, wrong, expected) in [
        (
            "containerPort: 8080",
            "containerPort: \"8080\"",
            "is not of type 'integer'",
        ),
        (
            "readOnlyRootFilesystem",
            "readOnlyRootFileSystem",
            "was unexpected",
        ),
        ("seconds: 5", "seconds: 5m", "is not of type 'integer'"),
        ("kind: Service\n", "kind: Sevice\n", "schema"),
        ("minReplicaCount", "minReplicas", "was unexpected"),
        ("queueLength: \"16\"", "queueLength: 16", "16 is not"),
        (
            "queueName: back\n",
            "queueNames: back\n",
            "azure-queue has the metadata",
        ),
        ("podIdentity", "podIdentities", "unexpected"),
        ("targetValue: 100", "targetValue: 0", "less than the minimum"),
        (
            "key: Storage\n",
            "key: Storage\n          value: 1\n",
            "1 is not of type",
        ),
        (
            "connectionFromEnv: Storage",
            "connectionFromEnv: Orders",
            "no variable Orders",
        ),
        (
            "port: http\n          periodSeconds: 20",
            "port: web\n          periodSeconds: 20",
            "livenessProbe",
        ),
        (
            "interceptorRoute: shop",
            "interceptorRoute: store",
            "no InterceptorRoute store",
        ),
        (
            "terminationGracePeriodSeconds: 50",
            "terminationGracePeriodSeconds: 30",
            "not less than 30",
        ),
    ] {
        let bad = good.stdout.replacen(right, wrong, 1);
        assert!(bad != good.stdout, "{right}\n{}", good.output());
        let done = validate(&bad);
        assert!(
            done.code != Some(0) && done.stderr.contains(expected),
            "{wrong}: {expected}\n{}",
            done.stderr
        );
    }
}
