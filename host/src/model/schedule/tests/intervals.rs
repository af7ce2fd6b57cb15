//! The forms of intervals.

use std::time::Duration;

use super::schedule;

#[test]
fn forms() {
    const DAY: u64 = 24 * 60 * 60;
    let cases = [
        ("00:00:01", Duration::from_secs(1)),
        ("23:59:59", Duration::from_secs(DAY - 1)),
        ("1:2:3", Duration::from_secs(3723)),
        ("00:05", Duration::from_secs(300)),
        ("7", Duration::from_secs(7 * DAY)),
        ("24:00:00", Duration::from_secs(24 * DAY)),
        ("25:12:30", Duration::from_secs(25 * DAY + 12 * 3600 + 30 * 60)),
        ("25:00:00:00", Duration::from_secs(25 * DAY)),
        ("1.00:00", Duration::from_secs(DAY)),
        ("1.12:00:00", Duration::from_secs(DAY + 12 * 3600)),
        ("0.00:00:10", Duration::from_secs(10)),
        ("00:00:00.5", Duration::from_millis(500)),
        ("00:00:00.0000001", Duration::from_nanos(100)),
        ("1:00:00:00.125", Duration::from_millis(DAY * 1000 + 125)),
        (" 00:05:00 ", Duration::from_secs(300)),
        (
            "10675199.02:48:05.4775807",
            Duration::new(10_675_199 * DAY + 2 * 3600 + 48 * 60 + 5, 477_580_700),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(schedule(text).interval(), Some(expected), "{text}");
    }
    assert_eq!(schedule("0 */5 * * * *").interval(), None);
}
