//! A shop whose functions are in blueprints of several packages.

use funcdock_tests::App;
use serde_json::json;

use super::{JSON, ask, listed, plain_pythons, send};

#[test]
fn a_shop_of_blueprints_in_packages() {
    for (version, python) in plain_pythons() {
        let host = App::case("shop_blueprints").python(python).start();
        let functions = [
            "list_products: [GET] /api/products",
            "GetProduct: [GET] /api/products/{sku}",
            "put_product: [PUT] /api/products/{sku}",
            "delete_product: [DELETE] /api/products/{sku}",
            "create_order: [POST] /api/orders",
            "get_order: [GET] /api/orders/{number:int}",
            "healthz: /api/healthz",
        ];
        assert_eq!(listed(&host), functions, "{version}");

        let tea = json!({"sku": "tea", "name": "Green tea", "price": 450});
        let coffee = json!({"sku": "cafe", "name": "Café crème", "price": 990});
        assert_eq!(ask(&host, "GET /api/products", 200).json(), json!([tea, coffee]));
        assert_eq!(
            ask(&host, "GET /api/products?max_price=500", 200).json(),
            json!([tea])
        );
        assert_eq!(ask(&host, "GET /api/products/cafe", 200).json(), coffee);
        let missing = ask(&host, "GET /api/products/cup", 404);
        assert_eq!(missing.header("content-type"), "application/problem+json");
        assert_eq!(
            missing.json(),
            json!({"status": 404, "detail": "no product 'cup'"})
        );

        // Each part of the shop sees the same products.
        let cup = r#"{"name": "Cup", "price": 700}"#;
        send(&host, "PUT /api/products/cup", &[JSON], cup, 201);
        send(&host, "PUT /api/products/cup", &[JSON], cup, 200);
        send(&host, "PUT /api/products/mug", &[JSON], r#"{"size": 1}"#, 400);
        let lines = r#"{"lines": {"tea": 3, "cup": 1}}"#;
        let created = send(&host, "POST /api/orders", &[JSON], lines, 201);
        let order = created.json();
        assert_eq!(
            (&order["total"], &order["currency"]),
            (&json!(1600), &json!("EUR"))
        );
        assert_eq!(created.header("location"), host.url_of("/api/orders/1"));
        assert_eq!(ask(&host, "GET /api/orders/1", 200).json(), order);
        let invocation = order["invocation"].as_str().expect("an id");
        host.wait_for_log(&format!(
            "shop.orders.routes: order 1 costs 1600 invocation={invocation}"
        ));

        ask(&host, "DELETE /api/products/cup", 204);
        ask(&host, "DELETE /api/products/cup", 404);
        let refused = send(&host, "POST /api/orders", &[JSON], lines, 409);
        assert_eq!(refused.json()["detail"], "not for sale: cup");
        ask(&host, "GET /api/orders/9", 404);
        assert_eq!(ask(&host, "GET /api/healthz", 200).text(), "ok");

        assert_eq!(
            ask(&host, "GET /api/orders/first", 404).text(),
            "no function has this route\n"
        );
        let refused = ask(&host, "PATCH /api/products/tea", 405);
        assert_eq!(refused.header("allow"), "DELETE, GET, HEAD, PUT");
        send(&host, "POST /api/orders", &[JSON], "no JSON", 500);
        host.wait_for_log("HTTP request does not contain valid JSON data");
        host.stop().assert_clean();
    }
}
