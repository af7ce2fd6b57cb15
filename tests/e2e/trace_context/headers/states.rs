//! `tracestate`: what is passed on, and what is dropped.

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
            "what others have to say is passed on",
        ),
        state(["rojo=00f0,congo=t61"], "rojo=00f0,congo=t61", "in their order"),
        state(
            ["rojo=1 ,\t congo=2"],
            "rojo=1,congo=2",
            "white space around members is not theirs",
        ),
        state(["rojo=  1"], "rojo=  1", "spaces at the front of a value are"),
        state(
            ["a=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~ 1"],
            "a=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~ 1",
            "a value has all of visible ASCII but comma and =",
        ),
        state([""], "", "an empty header is allowed"),
        state(["a=1,,\t,b=2,"], "a=1,b=2", "so are empty members"),
        state(
            ["a=1", "b=2,c=3"],
            "a=1,b=2,c=3",
            "several headers are one list, in order",
        ),
        state(
            ["", "a=1", "", "b=2", ""],
            "a=1,b=2",
            "also with empty ones among them",
        ),
        with_state(
            ["tracestate: a=1", &parent, "TraceState: b=2"],
            "a=1,b=2",
            "whatever comes between, in any case",
        ),
        state(
            ["a=1,b=2,a=3"],
            "a=1,b=2",
            "of a key that comes twice the first member, which is the newest, stays",
        ),
        state(["a=1", "b=2", "a=1"], "a=1,b=2", "also across headers"),
        state([&members(0, 32)], &members(0, 32), "a list has up to 32 members"),
        dropped([&members(0, 33)], "33 are too many, and all of them are dropped"),
        state(
            [&members(0, 16), &members(16, 32)],
            &members(0, 32),
            "32 may come in several headers",
        ),
        dropped([&members(0, 16), &members(16, 33)], "33 may not"),
        state(
            [&format!("{},", members(0, 32))],
            &members(0, 32),
            "empty members do not count",
        ),
        state(
            [&format!("{key}={value}")],
            &format!("{key}={value}"),
            "keys and values have up to 256 characters",
        ),
        dropped([&format!("{key}k={value}")], "a key of 257 does not"),
        dropped([&format!("{key}={value}v")], "nor does a value"),
        state(
            [&long],
            &long,
            "at least 512 characters are passed on; here are 776",
        ),
        state([&wide], &wide, "and all of the longest list that there can be"),
        state(
            ["0tenant@system=1"],
            "0tenant@system=1",
            "a key may begin with a digit, and name a tenant",
        ),
        state(
            ["a@b@c=1"],
            "a@b@c=1",
            "Level 2 has no rule for how often @ comes",
        ),
        state(["a_-*/=1"], "a_-*/=1", "a key has these four signs besides"),
        dropped(["Congo=1"], "a key has no upper case"),
        dropped(["_a=1"], "a key begins with a letter or a digit"),
        dropped(["@a=1"], "which stands before @ as well"),
        dropped(["a.b=1"], "a key has no dot"),
        dropped(["a =1"], "nor a space, even before ="),
        dropped(["=1"], "there is a key"),
        dropped(["congo"], "there is a value"),
        dropped(["congo="], "which is not empty"),
        dropped(["a=1=2"], "a value has no ="),
        dropped(["a=1\t2"], "nor a tab"),
        dropped(["a=é"], "nor anything beyond ASCII"),
        dropped(["a=1,B=2,c=3"], "one bad member makes the list unreadable"),
        dropped(["a=1", "b"], "also in another header"),
        new(
            ["tracestate: a=1"],
            false,
            "without a traceparent there is nothing that it belongs to",
        ),
        new(
            [&bad_parent, "tracestate: a=1"],
            true,
            "it is not read where the traceparent cannot be",
        ),
        new(
            [&parent, &parent, "tracestate: a=1"],
            true,
            "nor where there are several",
        ),
        with_state(
            [&parent, "trace-state: a=1"],
            "",
            "the header's name has no hyphen",
        ),
        with_state(
            [&parent.replace(": 00-", ": cc-"), "tracestate: a=1"],
            "a=1",
            "that of a later version is read as far as it can be",
        ),
        Case {
            expected: Expected::Continued {
                flags: "00",
                state: "a=1".to_owned(),
            },
            ..with_state(
                [&parent.replace("-01", "-00"), "tracestate: a=1"],
                "",
                "it is passed on whether the trace is sampled or not",
            )
        },
    ]
}
