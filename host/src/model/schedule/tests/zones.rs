//! Names of time zones, and local times as text.

use super::{Zone, time, zone};

#[test]
fn names() {
    let noon = time("2026-07-01T12:00:00Z");
    let cases = [
        ("UTC", "2026-07-01T12:00:00+00:00"),
        ("Etc/UTC", "2026-07-01T12:00:00+00:00"),
        ("Europe/Berlin", "2026-07-01T14:00:00+02:00"),
        (" europe/berlin ", "2026-07-01T14:00:00+02:00"),
        ("W. Europe Standard Time", "2026-07-01T14:00:00+02:00"),
        ("Eastern Standard Time", "2026-07-01T08:00:00-04:00"),
        ("US Mountain Standard Time", "2026-07-01T05:00:00-07:00"),
        ("Newfoundland Standard Time", "2026-07-01T09:30:00-02:30"),
        // Known to the table under names that not every system's database has.
        ("India Standard Time", "2026-07-01T17:30:00+05:30"),
        ("Nepal Standard Time", "2026-07-01T17:45:00+05:45"),
        ("FLE Standard Time", "2026-07-01T15:00:00+03:00"),
        ("UTC-11", "2026-07-01T01:00:00-11:00"),
    ];
    for (name, expected) in cases {
        let zone = zone(name);
        assert_eq!(zone.local_text(noon), expected, "{name}");
        assert_eq!(zone.name(), name.trim());
    }
    assert_eq!(Zone::utc(), zone("UTC"));
}

#[test]
fn unknown_names() {
    let cases = [
        ("Europe/Berln", " (did you mean \"Europe/Berlin\"?)"),
        ("berlin", " (did you mean \"Europe/Berlin\"?)"),
        ("New York", " (did you mean \"America/New_York\"?)"),
        ("Eastern Standart Time", ""),
        ("Mars/Phobos", ""),
        ("../../etc/passwd", ""),
        ("", ""),
    ];
    for (name, suggestion) in cases {
        let error = Zone::named(name).expect_err(name);
        let expected = format!(
            "{name:?} is not a known time zone{suggestion}; expected an IANA name such as \"Europe/Berlin\" or a Windows \
             name such as \"W. Europe Standard Time\""
        );
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn local_times_are_written_as_dotnet_does_and_read_again() {
    let cases = [
        ("Europe/Berlin", "2026-11-30T10:00:00+01:00"),
        ("Europe/Berlin", "2026-10-25T02:30:00+02:00"),
        ("Europe/Berlin", "2026-10-25T02:30:00+01:00"),
        ("Europe/Berlin", "2026-11-30T10:00:00.5+01:00"),
        ("Europe/Berlin", "2026-11-30T10:00:00.1234567+01:00"),
        ("America/St_Johns", "2026-11-30T10:00:00.0000001-03:30"),
        ("UTC", "2026-11-30T10:00:00+00:00"),
    ];
    for (name, text) in cases {
        let zone = zone(name);
        let instant = zone.parse_local_text(text).expect(text);
        assert_eq!(zone.local_text(instant), text);
    }
}

#[test]
fn other_texts_of_times() {
    let berlin = zone("Europe/Berlin");
    let cases = [
        ("2026-11-30T09:00:00Z", "2026-11-30T10:00:00+01:00"),
        ("2026-11-30T04:00:00-05:00", "2026-11-30T10:00:00+01:00"),
        ("2026-11-30T10:00:00", "2026-11-30T10:00:00+01:00"),
        ("2026-10-25T02:30:00", "2026-10-25T02:30:00+02:00"),
        ("2026-03-29T02:30:00", "2026-03-29T03:30:00+02:00"),
        (
            "2026-11-30T10:00:00.123456789+01:00",
            "2026-11-30T10:00:00.1234567+01:00",
        ),
    ];
    for (text, expected) in cases {
        let instant = berlin.parse_local_text(text).expect(text);
        assert_eq!(berlin.local_text(instant), expected);
    }
    for text in [
        "",
        "yesterday",
        "2026-13-01T00:00:00",
        "2026-11-30T10:00:00+99:00",
        "1764493200",
    ] {
        let error = berlin.parse_local_text(text).expect_err(text);
        assert_eq!(
            error.to_string(),
            format!("{text:?} is not a time; expected ISO 8601, such as \"2026-11-30T10:00:00+01:00\"")
        );
    }
}
