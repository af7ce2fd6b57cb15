//! Time zones by their names, and local times as text.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use windows_timezones::WindowsTimezone;

/// A time zone.
///
/// Its rules are those of the system's time zone database, and where that lacks the zone, of a copy in the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// A name that is not that of a time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is not a known time zone{}; expected an IANA name such as \"Europe/Berlin\" or a Windows name such as \
     \"W. Europe Standard Time\"",
    similar.as_ref().map_or_else(String::new, |similar| format!(" (did you mean {similar:?}?)"))
)]
pub struct ZoneError {
    name: String,
    similar: Option<String>,
}

/// A text that is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a time; expected ISO 8601, such as \"2026-11-30T10:00:00+01:00\"")]
pub struct TimeTextError(String);

impl Zone {
    /// Returns the zone with this IANA name, in upper or lower case, or this Windows name.
    pub fn named(name: &str) -> Result<Self, ZoneError> {
        let name = name.trim();
        let windows = || {
            let windows: WindowsTimezone = name.parse().ok()?;
            find(windows.tzdb_id())
        };
        let rules = find(name).or_else(windows).ok_or_else(|| ZoneError {
            name: name.to_owned(),
            similar: similar_name(name),
        })?;
        Ok(Self {
            name: name.to_owned(),
            rules,
        })
    }

    /// Returns UTC.
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            rules: TimeZone::UTC,
        }
    }

    /// Returns the name by which it was found.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn rules(&self) -> &TimeZone {
        &self.rules
    }

    /// Returns the local time of an instant with its offset, as .NET writes it: `2026-11-30T10:00:00+01:00`, and a
    /// fraction of up to 7 digits if there is one. What is below 100 ns is cut off.
    pub fn local_text(&self, instant: Timestamp) -> String {
        let local = self.rules.to_datetime(instant);
        let ticks = local.subsec_nanosecond() / 100;
        let fraction = format!(".{ticks:07}");
        let fraction = if ticks == 0 {
            ""
        } else {
            fraction.trim_end_matches('0')
        };
        let offset = self.rules.to_offset(instant).seconds();
        let sign = if offset < 0 { '-' } else { '+' };
        let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
        format!(
            "{}{fraction}{sign}{hours:02}:{minutes:02}",
            local.strftime("%Y-%m-%dT%H:%M:%S")
        )
    }

    /// Parses a time in ISO 8601. Without an offset it is a local time of this zone.
    pub fn parse_local_text(&self, text: &str) -> Result<Timestamp, TimeTextError> {
        let error = |_| TimeTextError(text.to_owned());
        text.parse().or_else(|_| {
            let local: DateTime = text.parse().map_err(error)?;
            self.rules.to_timestamp(local).map_err(error)
        })
    }
}

fn find(name: &str) -> Option<TimeZone> {
    // The system may have no database at all, or one without the former names of zones, such as Asia/Calcutta.
    let zone = jiff::tz::db().get(name);
    zone.or_else(|_| TimeZoneDatabase::bundled().get(name)).ok()
}

/// Returns the name that is most like this one, if there is one.
fn similar_name(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let distance = |known: &str| {
        let known = known.to_ascii_lowercase();
        let city = known.rsplit_once('/').map_or(known.as_str(), |(_, city)| city);
        strsim::osa_distance(&name, &known).min(strsim::osa_distance(&name, city))
    };
    TimeZoneDatabase::bundled()
        .available()
        .map(|known| (distance(known.as_str()), known.as_str().to_owned()))
        .min()
        .filter(|(distance, _)| *distance <= 2 && *distance * 3 <= name.len())
        .map(|(_, known)| known)
}
