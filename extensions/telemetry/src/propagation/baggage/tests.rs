//! What becomes of baggage, and what function code sees of it.

use super::*;
use crate::propagation::testing::Headers;

fn read(fields: &[&str]) -> (Baggage, bool) {
    let headers: Vec<_> = fields.iter().map(|field| ("Baggage", *field)).collect();
    Baggage::extract(&Headers::of(&headers))
}

#[test]
fn by_the_rules_of_w3c() {
    let most: Vec<_> = (0..MEMBERS).map(|index| format!("k{index}=v")).collect();
    let most = most.join(",");
    let one_more = format!("{most},one=more");
    let long = format!("long={}", "x".repeat(LENGTH - 5));
    let long_and_more = format!("{long},a=1");
    let too_long = format!("{long}x");
    let too_long_and_more = format!("{too_long},a=1");
    let cases: [(&[&str], &str, bool, &str); 27] = [
        (&[], "", true, "none"),
        (&[""], "", true, "an empty header"),
        (&["a=1"], "a=1", true, "one member"),
        (&["a=1,b=2"], "a=1,b=2", true, "several, in order"),
        (
            &["a=1", "b=2,c=3"],
            "a=1,b=2,c=3",
            true,
            "several headers are one list",
        ),
        (&[" a=1\t,\t b=2 "], "a=1,b=2", true, "white space around members"),
        (
            &["a = 1 , b=2"],
            "a = 1,b=2",
            true,
            "white space around = is allowed",
        ),
        (&["a=1,,b=2,"], "a=1,b=2", true, "empty members"),
        (&["a="], "a=", true, "an empty value"),
        (&["a=b=c=="], "a=b=c==", true, "= in a value"),
        (&["a=1;p;q=2 ; r = 3"], "a=1;p;q=2 ; r = 3", true, "properties"),
        (&["a=DF%2028"], "a=DF%2028", true, "encoded, and passed on so"),
        (&["a=1,a=2"], "a=1,a=2", true, "a key may come twice"),
        (
            &["!#$%&'*+-.^_`|~09azAZ=1"],
            "!#$%&'*+-.^_`|~09azAZ=1",
            true,
            "all that a key may have",
        ),
        (
            &[most.as_str()],
            most.as_str(),
            true,
            "as many as have to be passed on",
        ),
        (&[one_more.as_str()], most.as_str(), true, "one more is left out"),
        (
            &[long.as_str()],
            long.as_str(),
            true,
            "as long as has to be passed on",
        ),
        (&[long_and_more.as_str()], long.as_str(), true, "more is left out"),
        (
            &[too_long_and_more.as_str()],
            "a=1",
            true,
            "never a part of a member",
        ),
        (&["a=1,b,c=3"], "a=1,c=3", false, "no value"),
        (&["=1,b=2"], "b=2", false, "no key"),
        (&["a b=1,b=2"], "b=2", false, "a space in a key"),
        (&["a=1 2,b=2"], "b=2", false, "a space in a value"),
        (&["a=\"1\",b=2"], "b=2", false, "quotes"),
        (&["a=1;,b=2"], "b=2", false, "an empty property"),
        (&["a=é,b=2"], "b=2", false, "not encoded"),
        (&["a=1\\,b=2"], "b=2", false, "a backslash"),
    ];
    for (fields, header, is_whole, reason) in cases {
        let (baggage, whole) = read(fields);
        assert_eq!((baggage.header(), whole), (header, is_whole), "{reason}");
        assert_eq!(
            read(&[header]).0,
            baggage,
            "what is passed on is read alike: {reason}"
        );
    }
}

#[test]
fn function_code_sees_it_decoded() {
    let (baggage, _) =
        read(&["userId = Am%C3%A9lie;secret, node=DF%2028,raw=100%,bad=%ff,a=1,a=2,eq=x=y,none="]);
    let entries: Vec<_> = baggage.entries().collect();
    let expected = [
        ("userId", "Amélie"),
        ("node", "DF 28"),
        ("raw", "100%"),
        ("bad", "\u{fffd}"),
        ("a", "1"),
        ("a", "2"),
        ("eq", "x=y"),
        ("none", ""),
    ];
    assert_eq!(entries, expected.map(|(key, value)| (key, Cow::Borrowed(value))));
    assert_eq!(Baggage::default().entries().count(), 0);
}

#[test]
fn what_is_no_text_is_left_out() {
    let headers = Headers::of_bytes([("baggage", b"a=\xff".to_vec()), ("baggage", b"b=2".to_vec())]);
    let (baggage, is_whole) = Baggage::extract(&headers);
    assert_eq!((baggage.header(), is_whole), ("b=2", false));
}
