//! `funcdock kubernetes`: its manifests are valid, say what the app needs, and have no secrets.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use funcdock_tests::{App, python, repository};
use serde_json::{Value as Json, json};

use crate::support::{Done, funcdock, on_the_page};

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

const QUEUE: &str = r#"
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.queue_trigger(arg_name="message", queue_name="orders", connection="Orders")
def order(message: func.QueueMessage) -> None:
    pass
"#;

const TIMER: &str = r#"
import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger(schedule="0 0 3 * * *", arg_name="timer")
def nightly(timer: func.TimerRequest) -> None:
    pass
"#;

const HTTP: &str = r#"

@app.route(route="orders")
def orders(req: func.HttpRequest) -> str:
    return "ok"
"#;

/// Returns an app with this script and these settings.
fn app(code: &str, values: &Json) -> App {
    let settings = json!({ "IsEncrypted": false, "Values": values });
    App::without_functions()
        .file("function_app.py", code)
        .file("local.settings.json", &settings.to_string())
}

/// Runs `funcdock kubernetes` for an app, with these arguments beside the image.
fn run(app: &Path, arguments: &[&str]) -> Done {
    Done::of(
        funcdock(["kubernetes"])
            .arg(app)
            .args(["--image", "registry.example.org/shop:1", "--name", "shop"])
            .args(arguments)
            .env("FUNCDOCK_PYTHON", python::any())
            .env_remove("AzureWebJobsStorage"),
    )
}

/// The manifests of an app, which are valid.
struct Manifests {
    all: Vec<Json>,
    done: Done,
}

impl Manifests {
    #[track_caller]
    fn of(app: &App, arguments: &[&str]) -> Self {
        Self::at(app.path(), arguments)
    }

    #[track_caller]
    fn at(app: &Path, arguments: &[&str]) -> Self {
        let done = run(app, arguments);
        assert_eq!(done.code, Some(0), "{}", done.output());
        let validated = validate(&done.stdout);
        assert_eq!(validated.code, Some(0), "{}\n{}", validated.stderr, done.output());
        let all = serde_json::from_str(&validated.stdout).expect("JSON of our own script");
        Manifests { all, done }
    }

    fn find(&self, kind: &str) -> Option<&Json> {
        self.all.iter().find(|manifest| manifest["kind"] == kind)
    }

    #[track_caller]
    fn get(&self, kind: &str) -> &Json {
        self.find(kind)
            .unwrap_or_else(|| panic!("there is no {kind}\n{}", self.done.output()))
    }

    fn container(&self) -> &Json {
        &self.get("Deployment")["spec"]["template"]["spec"]["containers"][0]
    }

    /// The metadata of the triggers of a kind.
    fn triggers(&self, kind: &str) -> Vec<&Json> {
        let triggers = self.get("ScaledObject")["spec"]["triggers"].as_array();
        let triggers = triggers.expect("a list").iter();
        triggers
            .filter(|trigger| trigger["type"] == kind)
            .map(|trigger| &trigger["metadata"])
            .collect()
    }

    /// The fewest and the most pods.
    fn replicas(&self) -> (Json, Json) {
        let spec = &self.get("ScaledObject")["spec"];
        (spec["minReplicaCount"].clone(), spec["maxReplicaCount"].clone())
    }

    #[track_caller]
    fn assert_says(&self, text: &str) {
        assert!(self.done.stderr.contains(text), "{text}\n{}", self.done.output());
    }
}

/// Validates manifests, as text or in files, with Kubernetes' and KEDA's schemas.
fn validate(yaml: &str) -> Done {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("manifests.yaml");
    fs::write(&file, yaml).expect("a file");
    validate_files(&[file])
}

fn validate_files(files: &[PathBuf]) -> Done {
    let python = python::newest_with(
        "kubernetes",
        &["kubernetes-validate==1.37.0", "cloudcoil-models-keda==2.16.1.0"],
    );
    Done::of(
        Command::new(python)
            .arg(repository().join("tests/schemas/validate.py"))
            .args(files),
    )
}

#[test]
fn the_apps_of_other_tests_have_valid_manifests() {
    for case in [
        "hello",
        "decorators",
        "shop_blueprints",
        "storage",
        "timer_and_http",
        "access",
    ] {
        let app = App::case(case);
        let manifests = Manifests::of(&app, &[]);
        assert!(manifests.find("Service").is_some(), "{case}: requests start them");
        assert_eq!(manifests.container()["image"], "registry.example.org/shop:1");
    }
}

#[test]
fn requests_alone_scale_by_cpu() {
    let manifests = Manifests::of(&App::case("hello"), &[]);
    assert_eq!(manifests.triggers("cpu"), [&json!({ "value": "70" })]);
    assert_eq!(manifests.replicas(), (json!(1), json!(10)));
    assert_eq!(
        manifests.container()["lifecycle"]["preStop"],
        json!({ "sleep": { "seconds": 5 } })
    );
    assert!(
        !manifests.done.stderr.contains("Secret"),
        "{}",
        manifests.done.output()
    );
}

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
fn the_add_on_and_queues_share_one_scaled_object() {
    let values = json!({ "Orders": "AccountName=shop;AccountKey=czNjcmV0" });
    let app = app(&format!("{QUEUE}{HTTP}"), &values);
    let manifests = Manifests::of(&app, &["--http-scaler", "--host", "shop.example.org"]);
    assert_eq!(manifests.replicas(), (json!(0), json!(10)));
    assert_eq!(manifests.triggers("azure-queue").len(), 1);
    assert_eq!(manifests.triggers("external-push")[0]["interceptorRoute"], "shop");
    let rules = &manifests.get("InterceptorRoute")["spec"]["rules"];
    assert_eq!(*rules, json!([{ "hosts": ["shop.example.org"] }]));
    // The function needs a key, and all pods the same one.
    manifests.assert_says("kubectl create secret generic shop-keys --from-file=host.json=");
    let variables = manifests.container()["env"].as_array().expect("a list");
    let keys = variables
        .iter()
        .find(|variable| variable["name"] == "FUNCTIONS_SECRETS_PATH");
    assert_eq!(
        keys.expect("the place of the keys")["value"],
        "/etc/funcdock/keys"
    );
}

#[test]
fn a_host_serves_with_the_container_s_arguments() {
    let app = App::case("hello");
    let manifests = Manifests::of(&app, &[]);
    let container = manifests.container();
    let mut arguments = container["args"].as_array().expect("a list").iter();
    let mut next = || Some(arguments.next()?.as_str().expect("a text").to_owned());
    assert_eq!(next().as_deref(), Some("start"));
    assert_eq!(next().as_deref(), Some("/home/site/wwwroot"));
    let mut app = app;
    while let Some(argument) = next() {
        // Tests run at the same time, and each has ports of its own.
        if ["--port", "--admin-address"].contains(&argument.as_str()) {
            next();
        } else {
            app = app.arg(argument);
        }
    }
    let host = app.start();
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let path = container[probe]["httpGet"]["path"].as_str().expect("a path");
        assert_eq!(host.get(path).status, 200, "{path}");
    }
    host.stop().assert_clean();
}

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

#[test]
fn files_are_written_and_kept() {
    let app = App::case("hello");
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("deploy");
    let arguments = |more: &'static [&'static str]| {
        let place = ["--output", output.to_str().expect("a text")];
        let arguments: Vec<_> = place.into_iter().chain(more.iter().copied()).collect();
        run(app.path(), &arguments)
    };
    let done = arguments(&[]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), ""),
        "{}",
        done.output()
    );
    let files = ["configmap", "deployment", "scaledobject", "service"];
    let files = files.map(|file| output.join(format!("{file}.yaml")));
    let validated = validate_files(&files);
    assert_eq!(validated.code, Some(0), "{}", validated.output());

    fs::write(&files[0], "mine").expect("a file");
    let done = arguments(&[]);
    assert_eq!(done.code, Some(1), "{}", done.output());
    assert!(
        done.stderr.contains("nothing is overwritten"),
        "{}",
        done.output()
    );
    assert_eq!(fs::read_to_string(&files[0]).expect("a file"), "mine");
    let done = arguments(&["--force"]);
    assert_eq!(done.code, Some(0), "{}", done.output());
    assert_ne!(fs::read_to_string(&files[0]).expect("a file"), "mine");
}

#[test]
fn what_cannot_be_had_is_an_error_that_says_what_to_do() {
    let hello = App::case("hello");
    let done = Done::of(funcdock(["kubernetes"]).arg(hello.path()));
    assert!(
        done.code == Some(1) && done.stderr.contains("no image is given"),
        "{}",
        done.output()
    );
    for (arguments, code, expected) in [
        (
            &["--min-replicas", "11"][..],
            1,
            "more than the 10 of --max-replicas",
        ),
        (
            &["--min-replicas", "0"],
            1,
            "HTTP functions without --http-scaler",
        ),
        (&["--http-scaler"], 2, "--host"),
        (&["--host", "a.b"], 2, "--http-scaler"),
        (&["--namespace", "A"], 2, "expected a namespace"),
        (&["--port", "80"], 2, "1024"),
        (&["--app-path", "app"], 2, "expected an absolute path"),
        (&["--force"], 2, "--output"),
    ] {
        let done = run(hello.path(), arguments);
        assert_eq!(done.code, Some(code), "{arguments:?}\n{}", done.output());
        assert!(done.stderr.contains(expected), "{arguments:?}\n{}", done.output());
        assert_eq!(done.stdout, "", "{arguments:?}");
    }
    let none = App::without_functions();
    let done = run(none.path(), &[]);
    assert!(
        done.code == Some(1) && done.stderr.contains("the app has no functions"),
        "{}",
        done.output()
    );
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
