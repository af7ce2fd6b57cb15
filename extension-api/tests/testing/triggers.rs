//! Triggers that are not HTTP, and bodies that are streams.

use funcdock_extension_api::Response;
use funcdock_extension_api::testing::{Request, Returned, TestData, TestFunction, json};

use crate::probe;

#[test]
fn a_call_of_another_trigger_has_inputs_metadata_retries_and_outputs() {
    let host = probe();
    let queue = TestFunction::new("dequeue", "queueTrigger").binding("message");
    let request = || Request::event().function(&queue).retry(2, 5);
    let cases = [
        (TestData::from("text"), "Text(\"text\")"),
        (json!({"a": 1}).into(), "Json(\"{\\\"a\\\":1}\")"),
        (vec![0_u8, 255].into(), "Bytes([0, 255])"),
        (7.into(), "Int(7)"),
        (0.5.into(), "Double(0.5)"),
        (TestData::None, "None"),
        (TestData::Stream, "Stream"),
        (TestData::Texts(vec!["a".to_owned()]), "Texts([\"a\"])"),
        (TestData::BytesList(vec![vec![1]]), "BytesList([[1]])"),
        (TestData::Ints(vec![1, 2]), "Ints([1, 2])"),
        (TestData::Doubles(vec![1.5]), "Doubles([1.5])"),
    ];
    for (input, expected) in cases {
        let call = host.call(
            request()
                .input("message", input)
                .metadata("DequeueCount", 3)
                .metadata("Id", "x"),
        );
        let expected = format!(
            "{} dequeue no request retry 2/5 message=Some({expected}) DequeueCount=Some(Int(3)) Other=None",
            call.id()
        );
        assert_eq!(call.attribute("seen"), Some(expected.as_str().into()));
    }
    let call = host
        .call(request().input("message", "text"))
        .output("blob", vec![1_u8])
        .output("count", 2)
        .returning(7);
    let logs = call.logs();
    let expected = "no response: Returned 0 - - Int(7) blob=Bytes([1]) count=Int(2)";
    assert!(logs.iter().any(|record| record.message == expected), "{logs:?}");
    let call = host
        .call(request())
        .output("blob", "lost")
        .raising("ValueError", "no");
    let logs = call.logs();
    let expected = "no response: Raised 0 ValueError: no - - -";
    assert!(logs.iter().any(|record| record.message == expected), "{logs:?}");
}

#[test]
fn a_body_may_be_a_stream() {
    let host = probe();
    let call = host
        .call(Request::get("/"))
        .returning(Returned::streaming(Response::new(200)));
    assert_eq!(call.errors(), []);
    assert_eq!(
        call.response_header("X-Outcome"),
        Some("Returned 200 - - Http(None) -")
    );
}
