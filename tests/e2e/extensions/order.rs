//! `after` in host.json: which extension runs first.

use serde_json::{Value as Json, json};

use crate::extensions::support::{app, fixture_with, order, recording};

fn recorder(name: &'static str, after: &[&str]) -> (&'static str, Json) {
    (name, fixture_with(recording(name), json!({ "after": after })))
}

#[test]
fn an_extension_runs_after_those_that_it_names() {
    let extensions = [
        recorder("record", &["record_again", "missing"]),
        recorder("record-again", &[]),
    ];
    let host = app(&extensions).start();
    assert_eq!(host.get("/api/returns").status, 200);
    let stopped = host.stop();
    stopped.assert_clean();
    assert_eq!(
        order(&stopped.app),
        [
            "record-again pre_invocation",
            "record pre_invocation",
            "function",
            "record post_invocation",
            "record-again post_invocation",
        ]
    );
    let warning = "extension \"record\": it is to run after \"missing\", which is not docked";
    assert!(stopped.stderr.contains(warning), "{}", stopped.stderr);
}

#[test]
fn an_order_that_cannot_be_is_an_error() {
    let bystander = || ("object", fixture_with(json!({}), json!({ "after": ["record"] })));
    for (extensions, found) in [
        (
            vec![
                // It waits for the circle, and is not in it.
                bystander(),
                recorder("record", &["record-again"]),
                recorder("record-again", &["record"]),
            ],
            "found: a circle: \"record\" is to run after \"record-again\" (host.json says); \"record-again\" is to run after \
             \"record\" (host.json says)",
        ),
        (
            vec![
                recorder("record", &["record-function"]),
                recorder("record-function", &[]),
            ],
            "found: \"record\" is to run after \"record-function\" (host.json says), but it is app level and \
             \"record-function\" is function level, so it always runs first",
        ),
    ] {
        let stopped = app(&extensions).start_fails();
        assert!(stopped.stderr.contains(found), "{}", stopped.stderr);
    }
}
