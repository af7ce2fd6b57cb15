//! The next times of schedules in UTC.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Zone, schedule, time};

/// Blocks of two lines: an expression and the time from which to search, then the next five times. What a time lacks is
/// as in the one before it. Written by hand from the documentation of Azure Functions and of NCRONTAB. Python's croniter
/// 7.0 finds the same with `day_or=False` and `second_at_beginning=True`, except for what it does not know: names and
/// abbreviations with other than three letters, ranges that are turned around, and intervals.
const TABLE: &str = include_str!("occurrences.txt");

/// Reads the times of a line.
fn times(line: &str) -> Vec<Timestamp> {
    let (mut date, mut clock) = ("", "");
    let read = line.split(", ").map(|entry| {
        for part in entry.split_whitespace() {
            *(if part.contains(':') { &mut clock } else { &mut date }) = part;
        }
        time(&format!("{date}T{clock}"))
    });
    read.collect()
}

#[test]
fn next_five_times() {
    let lines: Vec<&str> = TABLE
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    assert!(lines.len() >= 2 * 60);
    for block in lines.chunks(2) {
        let (expression, from) = block[0].split_once(" from ").expect(block[0]);
        let expected = times(block[1].trim());
        let found: Vec<Timestamp> = schedule(expression)
            .upcoming(times(from)[0], &Zone::utc())
            .take(5)
            .collect();
        assert_eq!(expected.len(), 5, "{expression}");
        assert_eq!(found, expected, "{expression}");
    }
}

#[test]
fn what_never_occurs_is_found_out_quickly() {
    let zone = super::zone("Europe/Berlin");
    for expression in ["0 0 0 30 2 *", "* * * 31 4,6,9,11 *", "* * 30-31 Feb Mon"] {
        let began = Instant::now();
        let found = schedule(expression).next_after(time("2026-11-30T10:00:00"), &zone);
        assert_eq!(found, None, "{expression}");
        // It takes a few milliseconds without optimisation.
        assert!(began.elapsed() < Duration::from_secs(1), "{expression}");
    }
}

#[test]
fn time_ends() {
    for text in ["* * * * * *", "0 0 0 1 1 *", "00:00:01", "10675199.00:00:00"] {
        assert_eq!(
            schedule(text).next_after(Timestamp::MAX, &Zone::utc()),
            None,
            "{text}"
        );
    }
    let first = schedule("0 0 0 1 1 *").next_after(Timestamp::MIN, &Zone::utc());
    assert_eq!(first, Some(time("-009998-01-01T00:00:00")));
    // Before 1970 too a fraction of a second belongs to the second that began before.
    let next = schedule("* * * * * *").next_after(time("1969-12-31T23:59:58.5"), &Zone::utc());
    assert_eq!(next, Some(time("1969-12-31T23:59:59")));
}
