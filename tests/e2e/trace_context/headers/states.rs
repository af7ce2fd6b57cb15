//! `tracestate`: which values are passed on, and which are dropped.

use super::{Case, Expected, dropped, new, parent, state, with_state};

pub(super) fn cases() -> Vec<Case> {
    let members = |from: usize, to: usize| {
        let members: Vec<_> = (from..to).map(|index| format!("k{index}=v")).collect();
        members.join(",")
    };
    let (key, value) = ("k".repeat(256), "v".repeat(256));
    let wide: Vec<_> = (0..32)
        .map(|index| format!("{index:02}{}={value}", &key[2..]))
        .collect();
    let wide = wide.join(",");
    let long = format!("a={value},b={value},c={value}");
    let parent = parent();
    let bad_parent = parent.replace("-01", "");
    vec![
        state(
            ["congo=t61rcWkgMzE"],
            "congo=t61rcWkgMzE",
            "other vendors' members are passed on",
        ),
        state(
            ["rojo=00f0,congo=t61"],
            "rojo=00f0,congo=t61",
            "members keep their order",
        ),
        state(
            ["rojo=1 ,\t congo=2"],
            "rojo=1,congo=2",
            "white space around members is removed",
        ),
        state(["rojo=  1"], "rojo=  1", "leading spaces of a value are kept"),
        state(
            ["a=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~ 1"],
            "a=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~ 1",
            "a value may have all visible ASCII except comma and =",
        ),
        state([""], "", "an empty header is allowed"),
        state(["a=1,,\t,b=2,"], "a=1,b=2", "empty members are allowed"),
        state(
            ["a=1", "b=2,c=3"],
            "a=1,b=2,c=3",
            "several headers form one list, in order",
        ),
        state(
            ["", "a=1", "", "b=2", ""],
            "a=1,b=2",
            "empty headers among several are skipped",
        ),
        with_state(
            ["tracestate: a=1", &parent, "TraceState: b=2"],
            "a=1,b=2",
            "several headers form one list, with others between them and names in any case",
        ),
        state(
            ["a=1,b=2,a=3"],
            "a=1,b=2",
            "the first member of a repeated key, which is the newest, is kept",
        ),
        state(
            ["a=1", "b=2", "a=1"],
            "a=1,b=2",
            "the first member of a key repeated across headers is kept",
        ),
        state([&members(0, 32)], &members(0, 32), "a list has up to 32 members"),
        dropped([&members(0, 33)], "a list of 33 members is dropped"),
        state(
            [&members(0, 16), &members(16, 32)],
            &members(0, 32),
            "32 members may come in several headers",
        ),
        dropped(
            [&members(0, 16), &members(16, 33)],
            "33 members in several headers are dropped",
        ),
        state(
            [&format!("{},", members(0, 32))],
            &members(0, 32),
            "empty members do not count towards the limit",
        ),
        state(
            [&format!("{key}={value}")],
            &format!("{key}={value}"),
            "keys and values have up to 256 characters",
        ),
        dropped([&format!("{key}k={value}")], "a key of 257 characters"),
        dropped([&format!("{key}={value}v")], "a value of 257 characters"),
        state(
            [&long],
            &long,
            "more than the required 512 characters are passed on",
        ),
        state([&wide], &wide, "the longest possible list is passed on"),
        state(
            ["0tenant@system=1"],
            "0tenant@system=1",
            "a key may begin with a digit and name a tenant",
        ),
        state(
            ["a@b@c=1"],
            "a@b@c=1",
            "Level 2 does not limit the number of @ in a key",
        ),
        state(["a_-*/=1"], "a_-*/=1", "a key may have these four signs"),
        dropped(["Congo=1"], "a key with an upper-case letter"),
        dropped(["_a=1"], "a key begins with a letter or a digit"),
        dropped(["@a=1"], "a key does not begin with @"),
        dropped(["a.b=1"], "a key with a dot"),
        dropped(["a =1"], "a key with a space before ="),
        dropped(["=1"], "a member without a key"),
        dropped(["congo"], "a member without ="),
        dropped(["congo="], "a member with an empty value"),
        dropped(["a=1=2"], "a value with ="),
        dropped(["a=1\t2"], "a value with a tab"),
        dropped(["a=é"], "a value that is not ASCII"),
        dropped(["a=1,B=2,c=3"], "one malformed member invalidates the list"),
        dropped(
            ["a=1", "b"],
            "a malformed member in another header invalidates the list",
        ),
        new(
            ["tracestate: a=1"],
            false,
            "tracestate without a traceparent is ignored",
        ),
        new(
            [&bad_parent, "tracestate: a=1"],
            true,
            "tracestate with a malformed traceparent is ignored",
        ),
        new(
            [&parent, &parent, "tracestate: a=1"],
            true,
            "tracestate with several traceparents is ignored",
        ),
        with_state(
            [&parent, "trace-state: a=1"],
            "",
            "the header's name has no hyphen",
        ),
        with_state(
            [&parent.replace(": 00-", ": cc-"), "tracestate: a=1"],
            "a=1",
            "tracestate with a traceparent of a later version is read",
        ),
        Case {
            expected: Expected::Continued {
                flags: "00",
                state: "a=1".to_owned(),
            },
            ..with_state(
                [&parent.replace("-01", "-00"), "tracestate: a=1"],
                "",
                "tracestate is passed on in an unsampled trace, too",
            )
        },
    ]
}
