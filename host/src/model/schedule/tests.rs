//! Tests of schedules.

use super::{Schedule, Timestamp, Zone};

#[test]
fn a_local_time_that_is_skipped_runs_later() {
    let zone = Zone::named("Europe/Berlin").expect("a zone");
    let schedule = Schedule::parse("0 30 2 * * *").expect("a schedule");
    let after: Timestamp = "2026-03-28T01:30:00Z".parse().expect("a time");
    let times: Vec<String> = schedule
        .upcoming(after, &zone)
        .take(2)
        .map(|time| zone.local_text(time))
        .collect();
    assert_eq!(times, ["2026-03-29T03:30:00+02:00", "2026-03-30T02:30:00+02:00"]);
}
