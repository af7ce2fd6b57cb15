//! A timer, a queue and HTTP in one app.

use funcdock_tests::App;
use serde_json::json;

use super::{ask, listed, plain_pythons, send};

#[test]
fn a_timer_and_http_share_their_state() {
    for (version, python) in plain_pythons() {
        let host = App::case("timer_and_http").python(python.clone()).start();
        let functions = [
            "check_stock: timerTrigger",
            "receive_delivery: queueTrigger",
            "show_stock: [GET] /api/stock",
            "change_stock: [POST] /api/stock/{item:alpha}",
            "check_now: [POST] /api/checks",
        ];
        assert_eq!(listed(&host), functions, "{version}");
        let change = |change: &str, status| send(&host, "POST /api/stock/tea", &[], change, status).json();
        assert_eq!(change("-7", 200), json!({"left": 3}));
        assert_eq!(change("-7", 409), json!({"error": "there is not enough"}));
        assert_eq!(change("many", 400), json!({"error": "the body is not a number"}));
        assert_eq!(
            ask(&host, "POST /api/checks", 200).json()["low"],
            json!(["coffee", "tea"])
        );
        assert_eq!(
            ask(&host, "GET /api/stock", 200).json()["items"],
            json!({"tea": 3, "coffee": 3})
        );
        // The one is disabled, the other has no route; the route of the third takes letters only.
        for line in [
            "POST /api/orders/tea",
            "GET /api/check_stock",
            "POST /api/stock/7",
        ] {
            assert_eq!(ask(&host, line, 404).text(), "no function has this route\n");
        }
        host.stop().assert_clean();
    }

    // A function that needs a storage account fails alone without one.
    let host = App::case("timer_and_http")
        .env("AzureWebJobs.order_more.Disabled", "false")
        .env("FUNCDOCK_NO_AZURITE", "1")
        .start();
    host.wait_for_log(
        "function \"receive_delivery\": messages of the queue \"deliveries\" cannot be received: ",
    );
    ask(&host, "POST /api/orders/tea", 500);
    ask(&host, "GET /api/stock", 200);
    host.stop().assert_clean();
}
