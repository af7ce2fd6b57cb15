//! JSON files: what is accepted, and the messages of errors.

use std::fs;

use super::*;

fn parse(text: &str) -> Result<Document, Problem> {
    Document::parse("host.json".into(), text)
}

/// Returns what `read` returns for the member "a".
fn of_a<T>(text: &str, read: impl Fn(&Item<'_>) -> Result<T, Problem>) -> Result<T, String> {
    let document = parse(text).map_err(|problem| problem.to_string())?;
    let item = document
        .item()
        .get("a")
        .map_err(|problem| problem.to_string())?
        .expect("there is an a");
    read(&item).map_err(|problem| problem.to_string())
}

#[test]
fn json_is_accepted_as_people_write_it() {
    let text =
        "\u{feff}// settings\n{\n  /* the\n letter */ \"a\": [1, -2.50, true, \"\\u00e9\", null, {},],\n}\n";
    let json = of_a(text, |item| item.json());
    assert_eq!(json, Ok(serde_json::json!([1, -2.5, true, "é", null, {}])));
}

#[test]
fn invalid_json_is_refused_with_its_place() {
    let cases = [
        (
            "",
            "host.json:1:1: the file is empty; expected an object: {}",
            "an empty file",
        ),
        (
            " // nothing\n",
            "host.json:1:1: the file is empty; expected an object: {}",
            "only a comment",
        ),
        (
            "[]",
            "host.json:1:1: expected an object, found array",
            "not an object",
        ),
        (
            "{\n \"é\": 1\n \"b\": 2}",
            "host.json:2:8: invalid JSON: expected comma",
            "a comma is missing",
        ),
        (
            "{\"é\" 1}",
            "host.json:1:6: invalid JSON: expected colon after the string or word in object property",
            "no colon",
        ),
        (
            "{\"a\": }",
            "host.json:1:7: invalid JSON: unexpected close brace",
            "no value",
        ),
        (
            "{\"a\": 'x'}",
            "host.json:1:7: invalid JSON: single-quoted strings are not allowed",
            "single quotes",
        ),
        (
            "{a: 1}",
            "host.json:1:2: invalid JSON: expected string for object property",
            "no quotes",
        ),
        (
            "{\"a\": 1",
            "host.json:1:1: invalid JSON: unterminated object",
            "not closed",
        ),
        (
            "{} {}",
            "host.json:1:4: invalid JSON: text cannot contain more than one JSON value",
            "two values",
        ),
    ];
    for (text, expected, reason) in cases {
        let problem = parse(text).expect_err(reason).to_string();
        assert_eq!(problem, expected, "{reason}");
    }
}

/// Reads a value and keeps only the error.
type Reading = fn(&Item<'_>) -> Result<(), Problem>;

#[test]
fn types_are_checked_with_key_and_line() {
    let string: Reading = |item| item.string().map(drop);
    let strings: Reading = |item| item.strings().map(drop);
    let digit: Reading = |item| item.integer(0..=9, "a digit").map(drop);
    let member: Reading = |item| item.get("b")?.map_or(Ok(()), |member| member.boolean().map(drop));
    let json: Reading = |item| item.json().map(drop);
    let cases: [(&str, Reading, &str, &str); 13] = [
        (
            "{\n\"a\":\n1}",
            string,
            "host.json:3: a: expected a string, found number",
            "the line of the value",
        ),
        (
            "{\"a\": true}",
            string,
            "host.json:1: a: expected a string, found boolean",
            "a boolean",
        ),
        (
            "{\"a\": []}",
            string,
            "host.json:1: a: expected a string, found array",
            "an array",
        ),
        (
            "{\"a\": {}}",
            string,
            "host.json:1: a: expected a string, found object",
            "an object",
        ),
        (
            "{\"a\": [\"\",\n 1]}",
            string,
            "host.json:1: a: expected a string, found array",
            "not its elements",
        ),
        (
            "{\"a\": [\"x\",\n null]}",
            strings,
            "host.json:2: a[1]: expected a string, found null",
            "an element",
        ),
        (
            "{\"a\": [\"\"]}",
            strings,
            "host.json:1: a[0]: expected a string that is not empty, found \"\"",
            "an empty string",
        ),
        (
            "{\"a\": {}}",
            strings,
            "host.json:1: a: expected an array, found object",
            "not an array",
        ),
        (
            "{\"a\": {\"b\": 1}}",
            member,
            "host.json:1: a.b: expected a boolean, found number",
            "a member",
        ),
        (
            "{\"a\": 1}",
            member,
            "host.json:1: a: expected an object, found number",
            "not an object",
        ),
        (
            "{\"a\": 1.5}",
            digit,
            "host.json:1: a: expected a digit, found 1.5",
            "not a whole number",
        ),
        (
            "{\"a\": \"1\"}",
            digit,
            "host.json:1: a: expected a digit, found string",
            "a number in quotes",
        ),
        (
            "{\"a\": {\"b\": 1e999}}",
            json,
            "host.json:1: a.b: expected a number that fits into 64 bits, found 1e999",
            "a number that is too large",
        ),
    ];
    for (text, read, expected, reason) in cases {
        assert_eq!(of_a(text, read), Err(expected.to_owned()), "{reason}");
    }
}

#[test]
fn keys_are_found_without_case_and_null_is_absent() {
    let document = parse("{\"Alpha\": 1, \"beta\": null}").expect("valid");
    let top = document.item();
    assert!(top.get("alpha").expect("an object").is_some(), "another case");
    assert!(top.get("beta").expect("an object").is_none(), "null");
    assert!(top.get("gamma").expect("an object").is_none(), "absent");
}

#[test]
fn a_key_that_is_given_twice_is_reported_and_the_last_one_counts() {
    let document = parse("{\"a\": {\"b\": 1,\n\"b\": 2}}").expect("valid");
    let warnings: Vec<_> = document.duplicates.iter().map(Problem::to_string).collect();
    assert_eq!(
        warnings,
        ["host.json:2: a.b: this key occurs twice in the object; only the last one counts"]
    );
    assert_eq!(
        document.item().json().ok(),
        Some(serde_json::json!({"a": {"b": 2}}))
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let root = tempfile::tempdir().expect("a folder");
    assert!(
        Document::open(root.path(), "host.json")
            .expect("no problem")
            .is_none(),
        "there is no such file"
    );
    fs::write(root.path().join("host.json"), [0xff, 0xfe, b'{', 0]).expect("written");
    let problem = Document::open(root.path(), "host.json")
        .expect_err("not UTF-8")
        .to_string();
    assert_eq!(
        problem,
        "host.json: is not UTF-8 text; save it with UTF-8 encoding"
    );
    fs::create_dir(root.path().join("folder.json")).expect("created");
    let problem = Document::open(root.path(), "folder.json")
        .expect_err("a folder")
        .to_string();
    assert_eq!(
        problem,
        "folder.json: cannot be read: Is a directory (os error 21)"
    );
}
