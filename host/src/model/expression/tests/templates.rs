//! Templates: what they expand to, and what is wrong with them.

use std::borrow::Cow;
use std::collections::HashSet;

use super::*;

#[test]
fn templates_expand() {
    let cases = [
        // Literal text.
        ("", ""),
        ("orders", "orders"),
        ("out/%20 é", "out/%20 é"),
        ("{{2014}}", "{2014}"),
        ("{{{id}}}", "{8f14e45f-ceea-467f-a0b1-5b0a6d2c3e4f}"),
        ("{{{{}}}}", "{{}}"),
        ("{{queueTrigger}}", "{queueTrigger}"),
        ("{{{dequeueCount}", "{2"),
        // Names, whatever their case.
        ("{queueTrigger}", "orders/17.json"),
        ("{QUEUETRIGGER}", "orders/17.json"),
        ("out/{id}.txt", "out/8f14e45f-ceea-467f-a0b1-5b0a6d2c3e4f.txt"),
        ("{id}{dequeuecount}", "8f14e45f-ceea-467f-a0b1-5b0a6d2c3e4f2"),
        ("é/{DequeueCount}", "é/2"),
        ("[{empty}]", "[]"),
        ("{größe}", "XL"),
        ("{GRÖßE}", "XL"),
        // JSON.
        ("{express}", "true"),
        ("{weight}", "1.5"),
        ("{customer.name}", "Ada"),
        ("{Customer.Address.city}", "Ulm"),
        ("{customer.address.zip}", "89073"),
        ("{headers.x-id}", "h-1"),
        ("{headers.X-ID}", "h-1"),
        ("{query.name}", "q 1"),
        // What is built in.
        ("{DateTime}", "2026-02-06T17-05-09Z"),
        ("{datetime}.log", "2026-02-06T17-05-09Z.log"),
        ("{datetime:}", "2026-02-06T17-05-09Z"),
        ("{datetime: }", "2026-02-06T17-05-09Z"),
        ("{datetime:yyyy-MM/dd HHmm}", "2026-02/06 1705"),
        ("{DATETIME:yyyy.MM.dd}", "2026.02.06"),
        ("{datetime:HH:mm}", "17:05"),
        ("{sys.utcnow}", "2026-02-06T17-05-09Z"),
        ("{sys.UtcNow:yyyyMMdd}", "20260206"),
        ("{sys.methodname}", "CopyOrder"),
        ("{Sys.MethodName}-{dequeueCount}", "CopyOrder-2"),
        // Formats of values.
        ("{insertionTime:yyyy-MM-dd HH:mm}", "2026-01-01 00:30"),
        ("{id:N}", "8f14e45fceea467fa0b15b0a6d2c3e4f"),
        ("{id:b}", "{8f14e45f-ceea-467f-a0b1-5b0a6d2c3e4f}"),
        ("{id:P}", "(8f14e45f-ceea-467f-a0b1-5b0a6d2c3e4f)"),
        (
            "{id:X}",
            "{0x8f14e45f,0xceea,0x467f,{0xa0,0xb1,0x5b,0x0a,0x6d,0x2c,0x3e,0x4f}}",
        ),
        ("{customer.name:yyyy}", "Ada"),
        ("{customer.name:}", "Ada"),
    ];
    for (text, expected) in cases {
        assert_eq!(expand(text), Ok(expected.to_owned()), "{text}");
    }
}

#[test]
fn templates_that_are_not_valid() {
    let name = "expected a name of letters, digits and underscores, or names with dots between them, such as {customer.address.city}";
    let brace = |text: &str, wrong: &str, doubled: &str| {
        format!("{text:?}: {wrong}; expected {{name}}, or {doubled} for a brace that is meant as text")
    };
    let unclosed = |text, at| brace(text, &format!("the {{ at position {at} has no }}"), "{{");
    let unopened = |text, at| {
        brace(
            text,
            &format!("the }} at position {at} has no {{ before it"),
            "}}",
        )
    };
    let not_name = |text: &str, expression: &str, at: usize, problem: &str| {
        format!("{text:?}: {{{expression}}} at position {at} is not a valid expression: {problem}; {name}")
    };
    let not_format = |text: &str, expression: &str, problem: &str| {
        format!("{text:?}: the format of {{{expression}}} at position 1 is not valid: {problem}")
    };
    let cases = [
        ("malformed-{path", unclosed("malformed-{path", 11)),
        ("é{path", unclosed("é{path", 2)),
        ("{a{nested}param}", unclosed("{a{nested}param}", 1)),
        ("{", unclosed("{", 1)),
        ("malformed}-path", unopened("malformed}-path", 10)),
        ("}{param}{-path", unopened("}{param}{-path", 1)),
        ("{a}}", unopened("{a}}", 4)),
        (
            "x{}-path",
            "\"x{}-path\": the expression at position 2 is empty; expected a name, such as {id}".to_owned(),
        ),
        (
            "{malformed-param}-path",
            not_name(
                "{malformed-param}-path",
                "malformed-param",
                1,
                "its first name has a hyphen",
            ),
        ),
        ("a{b..c}", not_name("a{b..c}", "b..c", 2, "a name in it is empty")),
        ("{b.}", not_name("{b.}", "b.", 1, "a name in it is empty")),
        (
            "{1st}",
            not_name(
                "{1st}",
                "1st",
                1,
                "it does not begin with a letter or an underscore",
            ),
        ),
        (
            "{ id }",
            not_name(
                "{ id }",
                " id ",
                1,
                "it does not begin with a letter or an underscore",
            ),
        ),
        (
            "{id }",
            not_name("{id }", "id ", 1, "it has a character that names do not have"),
        ),
        (
            "{:yyyy}",
            not_name("{:yyyy}", ":yyyy", 1, "a name in it is empty"),
        ),
        (
            "{datetime:'at}",
            not_format("{datetime:'at}", "datetime:'at", "its ' quote is not closed"),
        ),
        (
            "{datetime:yyyy%}",
            not_format(
                "{datetime:yyyy%}",
                "datetime:yyyy%",
                "expected a character to follow the % in it",
            ),
        ),
        (
            "{datetime:ffffffff}",
            not_format(
                "{datetime:ffffffff}",
                "datetime:ffffffff",
                "it has more than 7 times the letter f in a row",
            ),
        ),
        (
            "{rand-guid:Q}",
            not_format(
                "{rand-guid:Q}",
                "rand-guid:Q",
                "\"Q\" is not a format of GUIDs; expected N, D, B, P or X",
            ),
        ),
        (
            "{datetime:H}",
            not_format(
                "{datetime:H}",
                "datetime:H",
                "'H' is not one of the date formats of one letter (d, D, f, F, g, G, m, o, r, s, t, T, u, U, y); expected one of them, or a pattern such as yyyy-MM-dd. For the day, the month or another single part, write %d, %M, …",
            ),
        ),
    ];
    for (text, expected) in cases {
        let error = Template::parse(text).expect_err(text);
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn templates_without_a_value() {
    let cases = [
        (
            "out/{missing}",
            "\"out/{missing}\": {missing} needs the value \"missing\", which this call does not have; it has Id, a",
        ),
        (
            "{a.city}",
            "\"{a.city}\": {a.city} needs the property \"city\" of a, which does not have it; it has b, n",
        ),
        (
            "{a.B.c.d}",
            "\"{a.B.c.d}\": {a.B.c.d} needs a.B.c to be a JSON object, but it is a number",
        ),
        (
            "{a.b.x}",
            "\"{a.b.x}\": {a.b.x} needs the property \"x\" of a.b, which does not have it; it has c",
        ),
        (
            "{id.x}",
            "\"{id.x}\": {id.x} needs id to be a JSON object, but it is text",
        ),
        (
            "{a}",
            "\"{a}\": {a} is an object; expected text, a number or a boolean",
        ),
        (
            "{a.n}",
            "\"{a.n}\": {a.n} is null; expected text, a number or a boolean",
        ),
        (
            "{sys.id}",
            "\"{sys.id}\": {sys.id} needs the property \"id\" of sys, which does not have it; it has methodname, randguid, utcnow",
        ),
        (
            "{sys}",
            "\"{sys}\": {sys} needs the value \"sys\", which this call does not have; it has Id, a",
        ),
    ];
    let values = json!({"Id": "7", "a": {"b": {"c": 1}, "n": null}});
    let values = values.as_object().expect("an object");
    for (text, message) in cases {
        assert_eq!(expand_with(text, values), Err(message.to_owned()));
    }
    let message = expand("{tags}").expect_err("an array");
    assert!(message.contains("{tags} is an array"), "{message}");
    let message = expand_with("{id}", &Map::new()).expect_err("no values");
    assert!(
        message.ends_with("this call does not have; it has none"),
        "{message}"
    );
    let many: Map<String, Value> = (10..35).map(|n| (format!("n{n}"), json!(n))).collect();
    let message = expand_with("{id}", &many).expect_err("no such value");
    assert!(message.ends_with("n28, n29 and 5 more"), "{message}");
}

#[test]
fn names_and_constants() {
    let cases: [(&str, &[&str], Option<&str>); 8] = [
        ("", &[], Some("")),
        ("orders/{{1}}/x", &[], Some("orders/{1}/x")),
        ("{id}", &["id"], None),
        ("{a.b.c}-{A}-{d:N}", &["a", "d"], None),
        (
            "{datetime}{datetime:yyyy}{rand-guid}{rand-guid:N}{sys.randguid}{SYS.utcnow}",
            &[],
            None,
        ),
        ("{sys.id}", &["sys"], None),
        ("{DateTime.x}", &["DateTime"], None),
        ("{headers.x-id}{query.q}", &["headers", "query"], None),
    ];
    for (text, names, constant) in cases {
        let template = Template::parse(text).expect(text);
        assert_eq!(template.names(), names, "{text}");
        assert_eq!(template.constant(), constant, "{text}");
        assert_eq!(template.to_string(), text);
    }
}

#[test]
fn each_random_guid_is_another() {
    let lengths = [
        ("{rand-guid}", 36),
        ("{Rand-Guid:}", 36),
        ("{rand-guid:D}", 36),
        ("{rand-guid:N}", 32),
        ("{rand-guid:B}", 38),
        ("{rand-guid:P}", 38),
        ("{rand-guid:X}", 68),
        ("{sys.randguid}", 36),
        ("{sys.RandGuid:N}", 32),
    ];
    for (text, length) in lengths {
        let guid = expand(text).expect(text);
        assert_eq!(guid.len(), length, "{text} {guid}");
        assert_ne!(expand(text), Ok(guid));
    }
    let two = expand("{rand-guid} {rand-guid} {sys.randguid}").expect("three GUIDs");
    let distinct: HashSet<&str> = two.split(' ').collect();
    assert_eq!(distinct.len(), 3, "{two}");
}

#[test]
fn values_go_before_what_is_built_in() {
    let values = json!({"datetime": "monday", "rand-guid": 4, "sys": {"id": "s1", "utcnow": "then"}});
    let values = values.as_object().expect("an object");
    for (text, expected) in [
        ("{DateTime}", "monday"),
        ("{rand-guid}", "4"),
        ("{sys.id}", "s1"),
        ("{sys.utcnow}", "then"),
        // With a format, it is always the built-in one.
        ("{datetime:yyyy}", "2026"),
    ] {
        assert_eq!(expand_with(text, values), Ok(expected.to_owned()), "{text}");
    }
    expand_with("{sys.methodname}", values).expect_err("the value has no such property");
}

#[test]
fn values_of_other_types() {
    struct Message;

    impl Values for Message {
        fn value(&self, name: &str) -> Option<BindingValue<'_>> {
            match name {
                "text" => Some(BindingValue::Text(Cow::Borrowed("{\"a\":1}"))),
                "made" => Some(BindingValue::Json(Cow::Owned(json!({"a": "b"})))),
                _ => None,
            }
        }

        fn names(&self) -> Vec<Cow<'_, str>> {
            vec![Cow::Borrowed("text"), Cow::Borrowed("made")]
        }
    }

    let expand = |text: &str, values: &dyn Values| {
        let template = Template::parse(text).expect(text);
        template
            .expand(values, &system())
            .map_err(|error| error.to_string())
    };
    assert_eq!(expand("{text}|{made.a}", &Message), Ok("{\"a\":1}|b".to_owned()));
    let message = expand("{text.a}", &Message).expect_err("text has no properties");
    assert!(
        message.ends_with("needs text to be a JSON object, but it is text"),
        "{message}"
    );
    let message = expand("{x}", &Message).expect_err("no such value");
    assert!(message.ends_with("it has text, made"), "{message}");
}
