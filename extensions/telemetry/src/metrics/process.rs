//! The age and the memory of this process, from the kernel.

use std::fs;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

/// Returns how long ago the process started, to a hundredth of a second. `None` if the system does not say.
pub(super) fn age() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let ticks_per_second = sysconf(SysconfVar::CLK_TCK).ok()??;
    age_of(&stat, &uptime, ticks_per_second as f64)
}

/// `stat` has the start in ticks since the system's start; `uptime` begins with the seconds since then.
fn age_of(stat: &str, uptime: &str, ticks_per_second: f64) -> Option<Duration> {
    // The second field is the program's name in parentheses, with any characters.
    let (_, fields) = stat.rsplit_once(") ")?;
    let started: f64 = fields.split_ascii_whitespace().nth(19)?.parse().ok()?;
    let now: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    Duration::try_from_secs_f64(now - started / ticks_per_second).ok()
}

/// Returns the resident set size in bytes. `None` if the system does not say.
pub(super) fn resident() -> Option<u64> {
    resident_of(&fs::read_to_string("/proc/self/status").ok()?)
}

fn resident_of(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_read() {
        let fields = "R 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 151550 20 21";
        let age = |stat: &str, uptime| age_of(stat, uptime, 100.0);
        let stat = format!("4242 (python) {fields}");
        assert_eq!(age(&stat, "1520.75 99.0\n"), Some(Duration::from_millis(5250)));
        let stat = format!("4242 (a) b (c) {fields}");
        assert_eq!(
            age(&stat, "1515.5 0"),
            Some(Duration::ZERO),
            "parentheses in the name"
        );
        assert_eq!(age(&stat, "3.0 0"), None, "before it started: another clock");
        assert_eq!(age("4242 (python) R 1", "1515.5 0"), None);
    }

    #[test]
    fn this_process_has_an_age_and_memory() {
        let age = age().expect("Linux has it");
        assert!(age < Duration::from_secs(3600), "{age:?}");
        std::thread::sleep(Duration::from_millis(30));
        assert!(super::age().expect("again") > age);
        let resident = resident().expect("Linux has it");
        assert!((1 << 20..1 << 40).contains(&resident), "{resident}");
    }

    #[test]
    fn the_resident_set_is_read() {
        let status = "Name:\tpython\nVmHWM:\t   99 kB\nVmRSS:\t   5120 kB\nThreads:\t3\n";
        assert_eq!(resident_of(status), Some(5 << 20));
        assert_eq!(resident_of("Name:\tkthreadd\n"), None);
        assert_eq!(resident_of("VmRSS: many kB"), None);
    }
}
