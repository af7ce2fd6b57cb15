//! `traceparent`: what names a caller, and what does not.

use super::super::{CALLER, TRACE};
use super::{Case, continued, malformed, new, parent, with_state};

pub(super) fn cases() -> Vec<Case> {
    let upper = TRACE.to_uppercase();
    let (zeros, short) = ("0".repeat(32), &TRACE[1..]);
    vec![
        continued(
            &format!("00-{TRACE}-{CALLER}-01"),
            "01",
            "a caller that samples is followed",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-00"),
            "00",
            "so is one that does not",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-03"),
            "03",
            "the flag of a random id stays set",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-02"),
            "02",
            "also where the trace is not sampled",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-ff"),
            "03",
            "flags that nobody has defined are sent as zero",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-05"),
            "01",
            "flags are bits: others beside sampled say nothing",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-fc"),
            "00",
            "undefined flags alone are no flags",
        ),
        continued(
            &format!("  00-{TRACE}-{CALLER}-01  "),
            "01",
            "spaces around a value are no part of it",
        ),
        continued(&format!("\t00-{TRACE}-{CALLER}-01\t"), "01", "nor are tabs"),
        continued(
            &format!("01-{TRACE}-{CALLER}-01"),
            "01",
            "a later version is read as this one",
        ),
        continued(&format!("fe-{TRACE}-{CALLER}-01"), "01", "up to the last one"),
        continued(
            &format!("cc-{TRACE}-{CALLER}-01-what-will-be"),
            "01",
            "a later version may have more behind a dash",
        ),
        continued(
            &format!("cc-{TRACE}-{CALLER}-01-"),
            "01",
            "even nothing behind it",
        ),
        continued(
            &format!("cc-{TRACE}-{CALLER}-01-UPPER.~ x"),
            "01",
            "nothing is assumed of what is not known",
        ),
        continued(
            &format!("cc-{TRACE}-{CALLER}-ff-x"),
            "03",
            "a later version's flags are those that are known",
        ),
        malformed(
            &format!("cc-{TRACE}-{CALLER}-01what"),
            "a later version's flags end there or at a dash",
        ),
        malformed(&format!("cc-{TRACE}-{CALLER}-01.what"), "at no other sign"),
        malformed(
            &format!("cc-{TRACE}-{CALLER}-0"),
            "a later version is not shorter",
        ),
        malformed(
            &format!("cc-{upper}-{CALLER}-01"),
            "a later version has the same ids",
        ),
        malformed(&format!("cc-{zeros}-{CALLER}-01"), "which are not zeros"),
        malformed(&format!("ff-{TRACE}-{CALLER}-01"), "version ff is forbidden"),
        malformed(
            &format!("00-{TRACE}-{CALLER}-01-what"),
            "version 00 has four fields",
        ),
        malformed(&format!("00-{TRACE}-{CALLER}-01-"), "and no dash behind them"),
        malformed(
            &format!("0-{TRACE}-{CALLER}-01"),
            "a version has two digits, not one",
        ),
        malformed(&format!("000-{TRACE}-{CALLER}-01"), "not three"),
        malformed(&format!("0g-{TRACE}-{CALLER}-01"), "and hexadecimal ones"),
        malformed(&format!("CC-{TRACE}-{CALLER}-01"), "of lower case"),
        malformed(&format!("{TRACE}-{CALLER}-01"), "there is a version"),
        malformed(&format!("00-{zeros}-{CALLER}-01"), "a trace id of zeros is none"),
        malformed(
            &format!("00-{short}-{CALLER}-01"),
            "a trace id has 32 digits, not 31",
        ),
        malformed(&format!("00-{TRACE}0-{CALLER}-01"), "not 33"),
        malformed(&format!("00-{upper}-{CALLER}-01"), "in lower case"),
        malformed(&format!("00-.{short}-{CALLER}-01"), "and nothing but digits"),
        malformed(
            &format!("00-{TRACE}-0000000000000000-01"),
            "a parent id of zeros is none",
        ),
        malformed(
            &format!("00-{TRACE}-{}-01", &CALLER[1..]),
            "a parent id has 16 digits, not 15",
        ),
        malformed(&format!("00-{TRACE}-{CALLER}0-01"), "not 17"),
        malformed(
            &format!("00-{TRACE}-{}-01", CALLER.to_uppercase()),
            "in lower case",
        ),
        malformed(
            &format!("00-{TRACE}-{}-01", CALLER.replace('f', "x")),
            "and nothing but digits",
        ),
        malformed(&format!("00-{TRACE}-{CALLER}"), "there are flags"),
        malformed(&format!("00-{TRACE}-{CALLER}-"), "which are not empty"),
        malformed(
            &format!("00-{TRACE}-{CALLER}-1"),
            "flags have two digits, not one",
        ),
        malformed(&format!("00-{TRACE}-{CALLER}-001"), "not three"),
        malformed(&format!("00-{TRACE}-{CALLER}-.1"), "and hexadecimal ones"),
        malformed(&format!("00-{TRACE}-{CALLER}-0A"), "of lower case"),
        malformed(&format!("00_{TRACE}_{CALLER}_01"), "dashes stand between fields"),
        malformed(&format!("00-{TRACE} -{CALLER}-01"), "and no spaces"),
        malformed(&format!("\"00-{TRACE}-{CALLER}-01\""), "a value has no quotes"),
        malformed(
            &format!("00-{TRACE}-{CALLER}-01,00-{TRACE}-{CALLER}-01"),
            "a value is no list",
        ),
        malformed("", "an empty header names no parent"),
        malformed("é", "nor does one that is not ASCII"),
        new([], false, "without headers a trace begins"),
        new(
            [&parent().replace("traceparent", "trace-parent")],
            false,
            "the header's name has no hyphen",
        ),
        new(
            [&parent(), &parent()],
            true,
            "of several headers none can be trusted, even equal ones",
        ),
        new(
            [&parent(), &format!("traceparent: 00-{TRACE}-1111111111111111-01")],
            true,
            "and different ones less",
        ),
        new(
            [&parent(), "TRACEPARENT: 00"],
            true,
            "not even a good one beside a bad one",
        ),
        with_state(
            [&parent().replace("traceparent", "TraceParent")],
            "",
            "names of headers have any case",
        ),
    ]
}
