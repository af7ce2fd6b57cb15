//! Tests of `constraint.rs`.

use super::*;

#[test]
fn values_are_checked() {
    let guid = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let (braced, round) = (format!("{{{guid}}}"), format!("({guid})"));
    let (bare, urn) = (guid.replace('-', ""), format!("urn:uuid:{guid}"));
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "int",
            &["0", "-7", "+7", "2147483647"],
            &["", "2147483648", "1.0", "a", "٣"],
        ),
        ("long", &["9223372036854775807"], &["9223372036854775808", ""]),
        ("bool", &["true", "False"], &["1", "yes", ""]),
        ("alpha", &["abcXYZ"], &["a1", "é", "a b"]),
        (
            "guid",
            &[guid, &braced, &round, &bare],
            &[&urn, "", "0f8fad5b", "(", "()"],
        ),
        (
            "decimal",
            &["1.5", "-0.25", ".5"],
            &["1e5", "inf", "", "80000000000000000000000000000"],
        ),
        ("double", &["1.5e10", "-3"], &["inf", "NaN", "1e999", ""]),
        ("float", &["1.5"], &["1e39", "inf", "x"]),
        (
            "datetime",
            &[
                "2025-03-01",
                "2024-02-29",
                "2025-03-01T10:20",
                "2025-03-01 10:20:30.123Z",
                "2025-03-01T10:20:30+02:00",
            ],
            &[
                "2025-02-29",
                "2025-13-01",
                "2025-00-10",
                "2025-01-00",
                "0000-01-01",
                "2025-1-1",
                "2025-03-01T",
                "2025-03-01T24:00",
                "2025-03-01T10",
                "2025-03-01T10:60",
                "2025-03-01T10:20.5",
                "2025-03-01T10:20:60",
                "2025-03-01T10:20:30.",
                "2025-03-01T10:20Zx",
                "2025-03-01T10:20+2",
                "2025-03-01T10:20+15:00",
                "2025-03-01T10:20:30:40",
                "2025-03-01x",
                "today",
                "2025-03-0é",
                "",
            ],
        ),
        ("required", &["a"], &[""]),
        ("length(2)", &["ab", "é1"], &["a", "abc"]),
        ("length(2, 3)", &["ab", "abc"], &["a", "abcd"]),
        ("minlength(2)", &["ab", "abcdef"], &["a"]),
        ("maxlength(2)", &["", "ab"], &["abc"]),
        ("min(18)", &["18", "99"], &["17", "x"]),
        ("max(-1)", &["-1", "-99"], &["0", ""]),
        ("range(1,3)", &["1", "3"], &["0", "4", "2.0"]),
        ("INT", &["1"], &["a"]),
    ];
    for (text, good, bad) in cases {
        let constraint = Constraint::parse(text).expect(text);
        for value in *good {
            assert!(constraint.allows(value), "{text} allows {value:?}");
        }
        for value in *bad {
            assert!(!constraint.allows(value), "{text} refuses {value:?}");
        }
    }
}

#[test]
fn bad_constraints_are_refused() {
    let cases = [
        (
            "regex(^a$)",
            "the constraint regex is not supported; check the value in the function",
            "no regex",
        ),
        (
            "min(a)",
            "the constraint \"min(a)\": expected a whole number, found \"a\"",
            "not a number",
        ),
        (
            "length(-1)",
            "the constraint \"length(-1)\": expected a whole number, found \"-1\"",
            "no such length",
        ),
        (
            "min()",
            "the constraint \"min()\": expected a whole number, found \"\"",
            "nothing in parentheses",
        ),
        (
            "min",
            "the constraint \"min\" has the wrong number of arguments",
            "no arguments",
        ),
        (
            "int(1)",
            "the constraint \"int(1)\" has the wrong number of arguments",
            "one too many",
        ),
        (
            "min(1",
            "the constraint \"min(1\" lacks its closing parenthesis",
            "left open",
        ),
        (
            "range(3,1)",
            "the constraint \"range(3,1)\" allows nothing",
            "the wrong way round",
        ),
        (
            "length(3,1)",
            "the constraint \"length(3,1)\" allows nothing",
            "the wrong way round",
        ),
    ];
    for (text, expected, reason) in cases {
        assert_eq!(Constraint::parse(text), Err(expected.to_owned()), "{reason}");
    }
    let unknown = Constraint::parse("integer").expect_err("unknown");
    assert_eq!(
        unknown,
        format!("the constraint \"integer\" is unknown; known are {KNOWN}")
    );
}
