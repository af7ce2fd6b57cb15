//! Random expressions, compared with a list of all of their times that is made without the code under test.

use std::collections::BTreeSet;

use fastrand::Rng;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{Timestamp, ToSpan};

use super::{schedule, time, zone};

/// Days with a change of the clock, and one without.
const PLACES: [(&str, &str); 10] = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("America/St_Johns", "2006-10-29"),
    ("Antarctica/Troll", "2026-03-29"),
    ("Pacific/Apia", "2011-12-30"),
    ("Asia/Kathmandu", "2028-02-29"),
];

#[test]
fn random_expressions_around_changes_of_the_clock() {
    let mut random = Rng::with_seed(20_261_130);
    let mut compared = 0;
    for round in 0..250 {
        let (name, day) = PLACES[round % PLACES.len()];
        let rules = TimeZone::get(name).expect(name);
        let day: Date = day.parse().expect("a date");
        let expression = Expression::random(&mut random);
        let all = expression.times(day - 3.days(), day + 3.days(), &rules);

        let (schedule, zone) = (schedule(&expression.text()), zone(name));
        let [from, until] = [day - 2.days(), day + 2.days()]
            .map(|day| rules.to_timestamp(day.at(0, 0, 0, 0)).expect("midnight"));
        let mut last = from;
        for expected in all
            .iter()
            .filter(|time| **time > from && **time < until)
            .take(300)
        {
            let found = schedule.next_after(last, &zone);
            assert_eq!(found, Some(*expected), "{schedule} in {name} after {last}");
            last = *expected;
            compared += 1;
        }
        // From any time between too: nothing depends on the calls before.
        for _ in 0..5 {
            let between = from + i64::from(random.u32(0..4 * 24 * 3600)).seconds();
            let expected = all
                .iter()
                .find(|time| **time > between)
                .filter(|time| **time < until);
            let found = schedule.next_after(between, &zone).filter(|time| *time < until);
            assert_eq!(found.as_ref(), expected, "{schedule} in {name} after {between}");
        }
    }
    assert!(compared > 5_000, "{compared}");
}

#[test]
fn the_list_has_what_is_expected_of_it() {
    let rules = TimeZone::get("Europe/Berlin").expect("a zone");
    let daily = ["0", "30", "2", "*", "*", "*"].map(str::to_owned);
    let values = [
        vec![0],
        vec![30],
        vec![2],
        (1..=31).collect(),
        (1..=12).collect(),
        (0..=6).collect(),
    ];
    let daily = Expression { texts: daily, values };
    for (day, expected) in [
        ("2026-03-29", "2026-03-29T01:30:00Z"),
        ("2026-10-25", "2026-10-25T00:30:00Z"),
    ] {
        let day: Date = day.parse().expect("a date");
        assert_eq!(
            daily.times(day, day + 1.day(), &rules),
            BTreeSet::from([time(expected)])
        );
    }
}

struct Expression {
    texts: [String; 6],
    values: [Vec<i8>; 6],
}

impl Expression {
    fn random(random: &mut Rng) -> Self {
        let limits = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
        // What is likely to be `*`, so that there are times at all, but not too many.
        let likely = [0, 1, 4, 8, 9, 8];
        let mut expression = Self {
            texts: Default::default(),
            values: Default::default(),
        };
        for (field, (min, max)) in limits.into_iter().enumerate() {
            let elements = if random.u8(0..10) < likely[field] {
                0
            } else {
                random.usize(1..=3)
            };
            let (texts, values): (Vec<_>, Vec<_>) = match elements {
                0 => (vec!["*".to_owned()], vec![(min..=max).collect()]),
                _ => (0..elements).map(|_| random_element(random, min, max)).unzip(),
            };
            expression.texts[field] = texts.join(",");
            expression.values[field] = values.concat();
        }
        expression
    }

    fn text(&self) -> String {
        self.texts.join(" ")
    }

    /// Returns all times of these days, the last not included.
    fn times(&self, first: Date, last: Date, rules: &TimeZone) -> BTreeSet<Timestamp> {
        let [seconds, minutes, hours, days, months, days_of_week] = &self.values;
        let continuous = [seconds, minutes, hours]
            .into_iter()
            .any(|values| values.iter().any(|value| values.contains(&(value + 1))));
        let mut times = BTreeSet::new();
        for date in first.series(1.day()).take_while(|date| *date < last) {
            let day_of_week = date.weekday().to_sunday_zero_offset();
            if !(days.contains(&date.day())
                && months.contains(&date.month())
                && days_of_week.contains(&day_of_week))
            {
                continue;
            }
            for hour in hours {
                for minute in minutes {
                    for second in seconds {
                        let local = date.at(*hour, *minute, *second, 0);
                        times.extend(instants(local, continuous, rules));
                    }
                }
            }
        }
        times
    }
}

/// Returns when it is this time.
fn instants(local: DateTime, continuous: bool, rules: &TimeZone) -> Vec<Timestamp> {
    let offsets: Vec<Offset> = match rules.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => vec![offset],
        AmbiguousOffset::Gap { before, .. } => vec![before],
        AmbiguousOffset::Fold { before, after } if continuous => vec![before, after],
        AmbiguousOffset::Fold { before, .. } => vec![before],
    };
    let instant = |offset: Offset| offset.to_timestamp(local).expect("a time");
    offsets.into_iter().map(instant).collect()
}

/// Returns an element of a list, and its values.
fn random_element(random: &mut Rng, min: i8, max: i8) -> (String, Vec<i8>) {
    let [a, b] = [random.i8(min..=max), random.i8(min..=max)];
    let step = random.i8(1..=30);
    let (text, first, last, step) = match random.u8(0..10) {
        0..=5 => (format!("{a}"), a, a, 1),
        6 => (format!("{a}-{b}"), a.min(b), a.max(b), 1),
        7 => (format!("{a}-{b}/{step}"), a.min(b), a.max(b), step),
        8 => (format!("{a}/{step}"), a, max, step),
        _ => (format!("*/{step}"), min, max, step),
    };
    let values = (min..=max).filter(|value| *value >= first && *value <= last && (value - first) % step == 0);
    (text, values.collect())
}
