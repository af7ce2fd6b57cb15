//! Schedules of timer triggers, and their next times in zones with changes of the clock.

#![no_main]

use funcdock::model::schedule::{Schedule, Timestamp, Zone};
use libfuzzer_sys::fuzz_target;

const ZONES: [&str; 5] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
];

fuzz_target!(|input: (u8, i64, u32, &str)| {
    let (zone, second, nanosecond, text) = input;
    let name = ZONES[usize::from(zone) % ZONES.len()];
    // An unknown name is compared with all known ones, which is slow.
    if zone == u8::MAX {
        let _ = Zone::named(text);
    }
    let Ok(schedule) = Schedule::parse(text) else {
        return;
    };
    assert_eq!(
        Schedule::parse(schedule.text()).as_ref(),
        Ok(&schedule),
        "{text:?}"
    );
    // The years until 2500, in which offsets are whole minutes but for the first.
    let second = second.rem_euclid(16_725_225_600);
    let nanosecond = i32::try_from(nanosecond % 1_000_000_000).expect("less than 2^31");
    let after = Timestamp::new(second, nanosecond).expect("a time");
    let zone = Zone::named(name).expect(name);
    let mut last = after;
    for next in schedule.upcoming(after, &zone).take(5) {
        assert!(next > last, "{schedule} in {name} after {last}: {next}");
        // Nothing is between them.
        let middle = last + next.duration_since(last) / 2;
        if schedule.interval().is_none() {
            assert_eq!(
                schedule.next_after(middle, &zone),
                Some(next),
                "{schedule} in {name} after {middle}"
            );
            let written = zone.local_text(next);
            assert_eq!(zone.parse_local_text(&written), Ok(next), "{written}");
        }
        last = next;
    }
});
