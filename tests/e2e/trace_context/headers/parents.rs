//! `traceparent`: which values name a caller, and which do not.

use super::super::{CALLER, TRACE};
use super::{Case, continued, malformed, new, parent, with_state};

pub(super) fn cases() -> Vec<Case> {
    let upper = TRACE.to_uppercase();
    let (zeros, short) = ("0".repeat(32), &TRACE[1..]);
    vec![
        continued(
            &format!("00-{TRACE}-{CALLER}-01"),
            "01",
            "a caller that samples decides",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-00"),
            "00",
            "a caller that does not sample decides",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-03"),
            "03",
            "the flag for a random id stays set",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-02"),
            "02",
            "the flag for a random id stays set in an unsampled trace",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-ff"),
            "03",
            "undefined flags are sent as zero",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-05"),
            "01",
            "flags are bits: undefined ones beside \"sampled\" are ignored",
        ),
        continued(
            &format!("00-{TRACE}-{CALLER}-fc"),
            "00",
            "undefined flags alone are ignored",
        ),
        continued(
            &format!("  00-{TRACE}-{CALLER}-01  "),
            "01",
            "spaces around a value are ignored",
        ),
        continued(
            &format!("\t00-{TRACE}-{CALLER}-01\t"),
            "01",
            "tabs around a value are ignored",
        ),
        continued(
            &format!("01-{TRACE}-{CALLER}-01"),
            "01",
            "a later version is read like version 00",
        ),
        continued(
            &format!("fe-{TRACE}-{CALLER}-01"),
            "01",
            "the last version is read like version 00",
        ),
        continued(
            &format!("cc-{TRACE}-{CALLER}-01-what-will-be"),
            "01",
            "a later version may have more fields after a dash",
        ),
        continued(
            &format!("cc-{TRACE}-{CALLER}-01-"),
            "01",
            "a later version may end with a dash",
        ),
        continued(
            &format!("cc-{TRACE}-{CALLER}-01-UPPER.~ x"),
            "01",
            "unknown fields of a later version are not checked",
        ),
        continued(
            &format!("cc-{TRACE}-{CALLER}-ff-x"),
            "03",
            "a later version's unknown flags are ignored",
        ),
        malformed(
            &format!("cc-{TRACE}-{CALLER}-01what"),
            "a later version's flags have two digits",
        ),
        malformed(
            &format!("cc-{TRACE}-{CALLER}-01.what"),
            "only a dash may follow a later version's flags",
        ),
        malformed(
            &format!("cc-{TRACE}-{CALLER}-0"),
            "a later version is at least as long as version 00",
        ),
        malformed(
            &format!("cc-{upper}-{CALLER}-01"),
            "a later version has ids of the same form",
        ),
        malformed(
            &format!("cc-{zeros}-{CALLER}-01"),
            "a later version's trace id is not zero",
        ),
        malformed(&format!("ff-{TRACE}-{CALLER}-01"), "version ff is forbidden"),
        malformed(
            &format!("00-{TRACE}-{CALLER}-01-what"),
            "version 00 has four fields",
        ),
        malformed(
            &format!("00-{TRACE}-{CALLER}-01-"),
            "version 00 does not end with a dash",
        ),
        malformed(&format!("0-{TRACE}-{CALLER}-01"), "a version of one digit"),
        malformed(&format!("000-{TRACE}-{CALLER}-01"), "a version of three digits"),
        malformed(&format!("0g-{TRACE}-{CALLER}-01"), "a version is hexadecimal"),
        malformed(&format!("CC-{TRACE}-{CALLER}-01"), "a version is in lower case"),
        malformed(&format!("{TRACE}-{CALLER}-01"), "the version is missing"),
        malformed(
            &format!("00-{zeros}-{CALLER}-01"),
            "a trace id of zeros is not valid",
        ),
        malformed(&format!("00-{short}-{CALLER}-01"), "a trace id of 31 digits"),
        malformed(&format!("00-{TRACE}0-{CALLER}-01"), "not 33"),
        malformed(&format!("00-{upper}-{CALLER}-01"), "a trace id is in lower case"),
        malformed(&format!("00-.{short}-{CALLER}-01"), "a trace id is hexadecimal"),
        malformed(
            &format!("00-{TRACE}-0000000000000000-01"),
            "a parent id of zeros is not valid",
        ),
        malformed(
            &format!("00-{TRACE}-{}-01", &CALLER[1..]),
            "a parent id of 15 digits",
        ),
        malformed(&format!("00-{TRACE}-{CALLER}0-01"), "not 17"),
        malformed(
            &format!("00-{TRACE}-{}-01", CALLER.to_uppercase()),
            "a parent id is in lower case",
        ),
        malformed(
            &format!("00-{TRACE}-{}-01", CALLER.replace('f', "x")),
            "a parent id is hexadecimal",
        ),
        malformed(&format!("00-{TRACE}-{CALLER}"), "the flags are missing"),
        malformed(&format!("00-{TRACE}-{CALLER}-"), "the flags are empty"),
        malformed(&format!("00-{TRACE}-{CALLER}-1"), "flags of one digit"),
        malformed(&format!("00-{TRACE}-{CALLER}-001"), "flags of three digits"),
        malformed(&format!("00-{TRACE}-{CALLER}-.1"), "flags are hexadecimal"),
        malformed(&format!("00-{TRACE}-{CALLER}-0A"), "flags are in lower case"),
        malformed(&format!("00_{TRACE}_{CALLER}_01"), "dashes separate the fields"),
        malformed(
            &format!("00-{TRACE} -{CALLER}-01"),
            "spaces between fields are not allowed",
        ),
        malformed(&format!("\"00-{TRACE}-{CALLER}-01\""), "a value has no quotes"),
        malformed(
            &format!("00-{TRACE}-{CALLER}-01,00-{TRACE}-{CALLER}-01"),
            "a value is not a list",
        ),
        malformed("", "an empty header does not name a parent"),
        malformed("é", "a value that is not ASCII"),
        new([], false, "a new trace begins without headers"),
        new(
            [&parent().replace("traceparent", "trace-parent")],
            false,
            "the header's name has no hyphen",
        ),
        new(
            [&parent(), &parent()],
            true,
            "several headers are ignored, even equal ones",
        ),
        new(
            [&parent(), &format!("traceparent: 00-{TRACE}-1111111111111111-01")],
            true,
            "several different headers are ignored",
        ),
        new(
            [&parent(), "TRACEPARENT: 00"],
            true,
            "a valid header together with a malformed one is ignored",
        ),
        with_state(
            [&parent().replace("traceparent", "TraceParent")],
            "",
            "the case of a header's name does not matter",
        ),
    ]
}
