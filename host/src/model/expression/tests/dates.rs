//! Date formats, as .NET writes them with its invariant culture.

use super::super::date::{DateFormat, utc};
use super::*;

fn write(format: &str, time: SystemTime) -> String {
    DateFormat::parse(Some(format)).expect(format).write(utc(time))
}

#[test]
fn formats() {
    let cases = [
        // Standard formats.
        ("d", "02/06/2026"),
        ("D", "Friday, 06 February 2026"),
        ("f", "Friday, 06 February 2026 17:05"),
        ("F", "Friday, 06 February 2026 17:05:09"),
        ("U", "Friday, 06 February 2026 17:05:09"),
        ("g", "02/06/2026 17:05"),
        ("G", "02/06/2026 17:05:09"),
        ("m", "February 06"),
        ("M", "February 06"),
        ("o", "2026-02-06T17:05:09.1204567Z"),
        ("O", "2026-02-06T17:05:09.1204567Z"),
        ("r", "Fri, 06 Feb 2026 17:05:09 GMT"),
        ("R", "Fri, 06 Feb 2026 17:05:09 GMT"),
        ("s", "2026-02-06T17:05:09"),
        ("t", "17:05"),
        ("T", "17:05:09"),
        ("u", "2026-02-06 17:05:09Z"),
        ("y", "2026 February"),
        // Parts, and how often their letter is repeated.
        ("%y yy yyy yyyy yyyyy", "26 26 2026 2026 02026"),
        ("%M MM MMM MMMM MMMMM", "2 02 Feb February February"),
        ("%d dd ddd dddd ddddd", "6 06 Fri Friday Friday"),
        ("%H HH HHH", "17 17 17"),
        ("%h hh", "5 05"),
        ("%m mm", "5 05"),
        ("%s ss", "9 09"),
        ("%f ff fff ffff fffffff", "1 12 120 1204 1204567"),
        ("%F FF FFF FFFF", "1 12 12 1204"),
        ("%t tt ttt", "P PM PM"),
        ("%g gg", "A.D. A.D."),
        ("%z zz zzz", "+0 +00 +00:00"),
        ("%K KK", "Z ZZ"),
        // Literal text.
        ("yyyy-MM-dd", "2026-02-06"),
        ("yyyy/MM/dd HH:mm", "2026/02/06 17:05"),
        ("YYYYMMdd", "YYYY0206"),
        ("'day' dd \"o'clock\" HH", "day 06 o'clock 17"),
        ("'it\\'s' ss", "it's 09"),
        ("\\d\\\\dd", "d\\06"),
        ("yyyy年MM月", "2026年02月"),
        ("%%d", "!"),
        ("''", ""),
    ];
    for (format, expected) in cases {
        if expected == "!" {
            DateFormat::parse(Some(format)).expect_err(format);
        } else {
            assert_eq!(write(format, now()), expected, "{format}");
        }
    }
    let default = DateFormat::parse(None).expect("the default is valid");
    assert_eq!(default.write(utc(now())), "2026-02-06T17-05-09Z");
}

#[test]
fn other_times() {
    // 2031-12-31, a Wednesday, at midnight.
    let midnight = SystemTime::UNIX_EPOCH + Duration::from_secs(1_956_441_600);
    let cases = [
        ("h:mm tt", "12:00 AM"),
        ("ddd d MMM yy", "Wed 31 Dec 31"),
        // Without a fraction, the dot goes too.
        ("ss.FFF", "00"),
        ("ss.FFFK", "00Z"),
        ("ss,FFF", "00,"),
        ("ss.fff", "00.000"),
    ];
    for (format, expected) in cases {
        assert_eq!(write(format, midnight), expected, "{format}");
    }
    let noon = midnight + Duration::from_secs(12 * 3600);
    assert_eq!(write("hh tt HH", noon), "12 PM 12");
    let early = SystemTime::UNIX_EPOCH - Duration::from_nanos(100);
    assert_eq!(write("o", early), "1969-12-31T23:59:59.9999999Z");
    let late = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    assert_eq!(write("yyyy", late), "9999");
}

#[test]
fn formats_that_are_not_valid() {
    let cases = [
        ("x", FormatError::UnknownStandard('x')),
        ("-", FormatError::UnknownStandard('-')),
        ("é", FormatError::UnknownStandard('é')),
        ("dd'T", FormatError::OpenQuote('\'')),
        ("\"dd'", FormatError::OpenQuote('"')),
        ("dd\\", FormatError::NothingFollows('\\')),
        ("'dd\\", FormatError::NothingFollows('\\')),
        ("dd%", FormatError::NothingFollows('%')),
        ("dd%%", FormatError::NothingFollows('%')),
        ("FFFFFFFF", FormatError::TooLong { letter: 'F', max: 7 }),
        ("yyyyyyyyyy", FormatError::TooLong { letter: 'y', max: 9 }),
    ];
    for (format, error) in cases {
        assert_eq!(DateFormat::parse(Some(format)), Err(error), "{format}");
    }
}
