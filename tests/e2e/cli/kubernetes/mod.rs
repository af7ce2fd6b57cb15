//! `funcdock kubernetes`: its manifests are valid, say what the app needs, and have no secrets.

mod events;
mod files;
mod requests;
mod wrong;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use funcdock_tests::{App, python, repository};
use serde_json::{Value as Json, json};

use crate::cli::support::{Done, funcdock};

/// Functions with a queue, which needs its connection.
const QUEUE: &str = r#"
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)


@app.queue_trigger(arg_name="message", queue_name="orders", connection="Orders")
def order(message: func.QueueMessage) -> None:
    pass
"#;

/// What a function with requests adds to another script.
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
