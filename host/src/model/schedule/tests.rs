//! Tests of schedules.

use super::{Schedule, Timestamp, Zone};

mod daylight_saving;
mod errors;
mod intervals;
mod occurrences;
mod random;
mod zones;

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn zone(name: &str) -> Zone {
    Zone::named(name).unwrap_or_else(|error| panic!("{error}"))
}

/// Reads a time of the tests, in UTC if it has no offset.
fn time(text: &str) -> Timestamp {
    Zone::utc()
        .parse_local_text(text)
        .unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_schedule_is_saved_as_its_text() {
    let daily = schedule(" 0 30 9 * * Mon ");
    assert_eq!(
        (daily.text(), daily.to_string().as_str()),
        ("0 30 9 * * Mon", "0 30 9 * * Mon")
    );
    let json = serde_json::to_string(&daily).expect("JSON");
    assert_eq!(json, "\"0 30 9 * * Mon\"");
    assert_eq!(
        serde_json::from_str::<Schedule>(&json).expect("a schedule"),
        daily
    );
    let error = serde_json::from_str::<Schedule>("\"0 30 24 * * *\"").expect_err("an hour of 24");
    assert!(error.to_string().contains("\"24\" in the hour field"), "{error}");
}

#[test]
fn schedules_that_run_more_than_once_a_minute() {
    let cases = [
        ("* * * * * *", true),
        ("*/5 * * * * *", true),
        ("10,20,45 * * * * *", true),
        ("*/5 */1 0-23 1-31 Jan-Dec Sun-Sat", true),
        ("00:00:59", true),
        ("0 * * * * *", false),
        ("* * * * *", false),
        ("*/61 * * * * *", false),
        ("* 30 * * * *", false),
        ("* * 12 * * Mon", false),
        ("00:01:00", false),
    ];
    for (text, expected) in cases {
        assert_eq!(schedule(text).is_below_a_minute(), expected, "{text}");
    }
}
