//! What is not a schedule.

use super::Schedule;

const FORMS: &str = "expected a cron expression such as \"0 */5 * * * *\" (second, minute, hour, day, month, day of week; \
                     the second may be left out) or an interval such as \"00:05:00\" (hh:mm:ss or d.hh:mm:ss)";

const INTERVAL: &str = "expected hh:mm:ss or d.hh:mm:ss, such as \"00:05:00\" or \"1.12:00:00\"";

const SIXTY: &str = "expected 0 to 59, or * for all";
const HOUR: &str = "expected 0 to 23, or * for all";
const DAY: &str = "expected 1 to 31, or * for all";
const MONTH: &str = "expected 1 to 12, a name such as Jan, or * for all";
const DAY_OF_WEEK: &str = "expected 0 (Sunday) to 6, a name such as Mon, or * for all";
const STEP: &str = "expected a number from 1 on, as in */5 or 10-30/5";
const DIALECT: &str = "is not supported: Azure Functions has no ?, L, W and #";

#[test]
fn forms() {
    for text in ["", " \t "] {
        assert_eq!(message(text), format!("the schedule is empty; {FORMS}"));
    }
    for text in ["hourly", "@daily", "%SCHEDULE%", "*/5", "1.5", "-5", "5m"] {
        assert_eq!(message(text), format!("{text:?} is not a schedule; {FORMS}"));
    }
    for (text, count) in [
        ("* *", 2),
        ("0 0 * *", 4),
        ("0 0 0 1 1 * 2026", 7),
        ("00:05:00 *", 2),
    ] {
        assert_eq!(
            message(text),
            format!("{text:?} has {count} fields, not 5 or 6; {FORMS}")
        );
    }
}

#[test]
fn fields() {
    // The schedule, the value, its field, and the rest of the message.
    let cases = [
        (
            "60 * * * * *",
            "60",
            "second",
            format!("is out of range; {SIXTY}"),
        ),
        ("60 * * * *", "60", "minute", format!("is out of range; {SIXTY}")),
        (
            "0 1,2,456 * * * *",
            "456",
            "minute",
            format!("is out of range; {SIXTY}"),
        ),
        (
            "0 99999999999999999999 * * * *",
            "99999999999999999999",
            "minute",
            format!("is out of range; {SIXTY}"),
        ),
        ("0 0 24 * * *", "24", "hour", format!("is out of range; {HOUR}")),
        (
            "0 0 20-24 * * *",
            "24",
            "hour",
            format!("is out of range; {HOUR}"),
        ),
        ("0 0 0 0 * *", "0", "day", format!("is out of range; {DAY}")),
        ("0 0 0 32 * *", "32", "day", format!("is out of range; {DAY}")),
        ("0 0 0 1 13 *", "13", "month", format!("is out of range; {MONTH}")),
        ("0 0 0 1 0-5 *", "0", "month", format!("is out of range; {MONTH}")),
        (
            "0 0 0 * * 7",
            "7",
            "day of week",
            format!("is out of range; {DAY_OF_WEEK}"),
        ),
        (
            "0 0 0 * * 1-7",
            "7",
            "day of week",
            format!("is out of range; {DAY_OF_WEEK}"),
        ),
        ("a * * * * *", "a", "second", format!("is not a value; {SIXTY}")),
        ("0 ** * * * *", "**", "minute", format!("is not a value; {SIXTY}")),
        ("0 +5 * * * *", "+5", "minute", format!("is not a value; {SIXTY}")),
        (
            "0 0 1-2-3 * * *",
            "2-3",
            "hour",
            format!("is not a value; {HOUR}"),
        ),
        ("0 0 *-5 * * *", "*", "hour", format!("is not a value; {HOUR}")),
        ("0 0 Jan * * *", "Jan", "hour", format!("is not a value; {HOUR}")),
        (
            "0 0 0 1 Mai *",
            "Mai",
            "month",
            format!("is not a value; {MONTH}"),
        ),
        (
            "0 0 0 1 Mayo *",
            "Mayo",
            "month",
            format!("is not a value; {MONTH}"),
        ),
        (
            "0 0 0 1 Mär *",
            "Mär",
            "month",
            format!("is not a value; {MONTH}"),
        ),
        (
            "0 0 0 * * Mon,Bad,Wed",
            "Bad",
            "day of week",
            format!("is not a value; {DAY_OF_WEEK}"),
        ),
        ("0 0 0 ? * Mon", "?", "day", format!("{DIALECT}; {DAY}")),
        ("0 0 0 L * *", "L", "day", format!("{DIALECT}; {DAY}")),
        ("0 0 0 15W * *", "15W", "day", format!("{DIALECT}; {DAY}")),
        (
            "0 0 0 * * 5L",
            "5L",
            "day of week",
            format!("{DIALECT}; {DAY_OF_WEEK}"),
        ),
        (
            "0 0 0 * * Mon#2",
            "Mon#2",
            "day of week",
            format!("{DIALECT}; {DAY_OF_WEEK}"),
        ),
        (
            "0 1,,2 * * * *",
            "1,,2",
            "minute",
            format!("lacks a value; {SIXTY}"),
        ),
        ("0 ,5 * * * *", ",5", "minute", format!("lacks a value; {SIXTY}")),
        ("0 5, * * * *", "5,", "minute", format!("lacks a value; {SIXTY}")),
        ("0 0 9- * * *", "9-", "hour", format!("lacks a value; {HOUR}")),
        ("0 0 -5 * * *", "-5", "hour", format!("lacks a value; {HOUR}")),
        ("0 /5 * * * *", "/5", "minute", format!("lacks a value; {SIXTY}")),
        ("0 */ * * * *", "", "minute", format!("is not a step; {STEP}")),
        ("0 */0 * * * *", "0", "minute", format!("is not a step; {STEP}")),
        ("0 */-5 * * * *", "-5", "minute", format!("is not a step; {STEP}")),
        ("0 */+5 * * * *", "+5", "minute", format!("is not a step; {STEP}")),
        (
            "0 */5/2 * * * *",
            "5/2",
            "minute",
            format!("is not a step; {STEP}"),
        ),
        (
            "0 0 0 * * Mon/x",
            "x",
            "day of week",
            format!("is not a step; {STEP}"),
        ),
    ];
    for (text, value, field, problem) in cases {
        let expected = format!("{value:?} in the {field} field of the schedule {text:?} {problem}");
        assert_eq!(message(text), expected);
    }
}

#[test]
fn intervals() {
    let days = ", and days as in \"1.12:00:00\"";
    let cases = [
        ("00:60:00", "has 60 minutes; expected 0 to 59".to_owned()),
        ("00:00:60", "has 60 seconds; expected 0 to 59".to_owned()),
        ("24:00", format!("has 24 hours; expected 0 to 23{days}")),
        ("1.24:00:00", format!("has 24 hours; expected 0 to 23{days}")),
        ("36:00:90", format!("has 36 hours; expected 0 to 23{days}")),
        ("24:00:00.5", format!("has 24 hours; expected 0 to 23{days}")),
        (
            "00:00:00",
            "is not positive; expected at least \"00:00:00.0000001\"".to_owned(),
        ),
        (
            "0",
            "is not positive; expected at least \"00:00:00.0000001\"".to_owned(),
        ),
        (
            "-00:05:00",
            "is not positive; expected at least \"00:00:00.0000001\"".to_owned(),
        ),
        (
            "00:00:01.12345678",
            "has a fraction of 8 digits; expected at most 7".to_owned(),
        ),
        (
            "10675199.02:48:05.4775808",
            "is too long; expected at most \"10675199.02:48:05.4775807\"".to_owned(),
        ),
        (
            "99999999999999999999999",
            "is too long; expected at most \"10675199.02:48:05.4775807\"".to_owned(),
        ),
        ("1:2:3:4:5", format!("does not have a known form; {INTERVAL}")),
        ("1.2:3:4:5", format!("does not have a known form; {INTERVAL}")),
        ("00::05", format!("does not have a known form; {INTERVAL}")),
        ("00:05:", format!("does not have a known form; {INTERVAL}")),
        ("00:05:0a", format!("does not have a known form; {INTERVAL}")),
        ("00:05.5", format!("does not have a known form; {INTERVAL}")),
        ("+00:05:00", format!("does not have a known form; {INTERVAL}")),
        ("00:05:00.", format!("does not have a known form; {INTERVAL}")),
    ];
    for (text, problem) in cases {
        assert_eq!(message(text), format!("the interval {text:?} {problem}"));
    }
}

fn message(text: &str) -> String {
    Schedule::parse(text).expect_err(text).to_string()
}
