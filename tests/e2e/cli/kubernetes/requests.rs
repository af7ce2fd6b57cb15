//! Apps whose functions requests start, and what all manifests have.

use funcdock_tests::App;
use serde_json::json;

use super::{HTTP, Manifests, QUEUE, app};

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
