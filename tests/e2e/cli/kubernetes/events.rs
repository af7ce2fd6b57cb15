//! Apps whose functions events start: queues, timers, blobs.

use serde_json::json;

use super::{Manifests, QUEUE, app};
use crate::cli::support::on_the_page;
use funcdock_tests::App;

/// Functions with a queue, a timer and a blob each, and one that no trigger of this host serves.
const EVENTS: &str = r#"
import azure.functions as func

print("an app prints while it is imported")

app = func.FunctionApp()


@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="Orders")
def order(message: func.QueueMessage) -> None:
    pass


@app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
def nightly(timer: func.TimerRequest) -> None:
    pass


@app.blob_trigger(arg_name="blob", path="samples/{name}", connection="AzureWebJobsStorage")
def sample(blob: func.InputStream) -> None:
    pass


@app.service_bus_queue_trigger(arg_name="message", queue_name="x", connection="Bus")
def bus(message: func.ServiceBusMessage) -> None:
    pass
"#;

const TIMER: &str = r#"
import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
def nightly(timer: func.TimerRequest) -> None:
    pass
"#;

#[test]
fn events_scale_by_queues_and_their_secrets_stay_here() {
    let values = json!({
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "FUNCTIONS_WORKER_PROCESS_COUNT": 2,
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "AzureWebJobsOrders": "AccountName=shop;AccountKey=czNjcmV0",
        "QUEUE": "orders-yes",
        "PASSWORD": "s3cret",
    });
    let app = app(EVENTS, &values).file(
        "host.json",
        r#"{ "version": "2.0", "extensions": { "queues": { "batchSize": 4 } } }"#,
    );
    let manifests = Manifests::of(&app, &["--namespace", "prod"]);
    assert_eq!(
        manifests.triggers("azure-queue"),
        [
            &json!({ "queueName": "orders-yes", "queueLength": "4", "connectionFromEnv": "AzureWebJobsOrders" })
        ]
    );
    assert_eq!(manifests.replicas(), (json!(1), json!(10)), "a timer needs one");
    assert!(manifests.find("Service").is_none(), "nobody sends requests");
    assert_eq!(
        manifests.get("ConfigMap")["data"],
        json!({
            "AzureFunctionsWebHost__hostid": "shop",
            "FUNCTIONS_WORKER_PROCESS_COUNT": "2",
            "FUNCTIONS_WORKER_RUNTIME": "python",
        })
    );
    for text in [
        "function \"bus\" has the trigger serviceBusTrigger",
        "AzureWebJobsStorage is the storage emulator",
        "with these settings: AzureWebJobsOrders, AzureWebJobsStorage, PASSWORD, QUEUE.",
        "kubectl create secret generic shop-settings --namespace prod --from-env-file=settings.env",
        "an app prints while it is imported",
    ] {
        manifests.assert_says(text);
    }
    let output = manifests.done.output();
    for secret in ["s3cret", "czNjcmV0", "AccountKey"] {
        assert!(!output.contains(secret), "{output}");
    }
}

#[test]
fn queues_alone_scale_from_zero_also_with_an_identity() {
    let values =
        json!({ "Orders__accountName": "shop", "Orders__clientId": "1b5", "Orders__clientSecret": "s3cret" });
    let manifests = Manifests::of(&app(QUEUE, &values), &["--max-replicas", "3"]);
    assert_eq!(manifests.replicas(), (json!(0), json!(3)));
    assert_eq!(
        manifests.triggers("azure-queue"),
        [&json!({ "queueName": "orders", "queueLength": "16", "accountName": "shop" })]
    );
    assert_eq!(
        manifests.get("TriggerAuthentication")["spec"],
        json!({ "podIdentity": { "provider": "azure-workload", "identityId": "1b5" } })
    );
    let account = manifests.get("ServiceAccount");
    assert_eq!(
        account["metadata"]["annotations"],
        json!({ "azure.workload.identity/client-id": "1b5" })
    );
    let pod = &manifests.get("Deployment")["spec"]["template"];
    assert_eq!(
        pod["metadata"]["labels"]["azure.workload.identity/use"], "true",
        "a label has text"
    );
    assert!(
        !manifests.done.output().contains("s3cret"),
        "{}",
        manifests.done.output()
    );
}

#[test]
fn timers_without_storage_have_one_pod() {
    let manifests = Manifests::of(&app(TIMER, &json!({})), &[]);
    let spec = &manifests.get("Deployment")["spec"];
    assert_eq!(
        (&spec["replicas"], &spec["strategy"]),
        (&json!(1), &json!({ "type": "Recreate" }))
    );
    assert!(manifests.find("ScaledObject").is_none());
    manifests.assert_says("without AzureWebJobsStorage, hosts on several machines do not know of each other");
}

#[test]
fn the_example_of_the_book_is_what_the_command_writes() {
    let app = App::without_functions()
        .file("function_app.py", &on_the_page("scaling.md", "example: app"))
        .file(
            "local.settings.json",
            &on_the_page("scaling.md", "example: settings"),
        );
    let manifests = Manifests::of(&app, &["--max-replicas", "20"]);
    let (_, scaled) = manifests
        .done
        .stdout
        .rsplit_once("---\n")
        .expect("several manifests");
    assert_eq!(scaled.trim_end(), on_the_page("scaling.md", "example: scaled"));
    let notes = on_the_page("scaling.md", "example: notes");
    for line in notes.lines() {
        manifests.assert_says(line);
    }
}
