//! The extension's `settings` in host.json, and which calls they choose.

use std::sync::atomic::{AtomicU64, Ordering};

use funcdock_extension_api::{Documented, Error, Result};
use serde::Deserialize;

/// The `settings` object.
#[derive(Debug, Deserialize, Documented)]
#[serde(default)]
pub struct Settings {
    /// The share of calls that are measured, from 0 to 1.
    sample: f64,
    /// Which of those are logged.
    log: Log,
    /// How much more memory, in bytes, is growth that is logged.
    growth_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            sample: 1.0,
            log: Log::Growth,
            growth_bytes: 1 << 20,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Log {
    All,
    Growth,
    None,
}

impl Settings {
    /// The calls to measure.
    pub(crate) fn sampler(&self) -> Result<Sampler> {
        if (0.0..=1.0).contains(&self.sample) {
            Ok(Sampler::new(self.sample))
        } else {
            Err(Error::msg(format!(
                "sample: expected a number from 0 to 1, found {}",
                self.sample
            )))
        }
    }

    /// Whether a call with this growth in bytes is logged.
    pub(crate) fn is_logged(&self, growth: i64) -> bool {
        match self.log {
            Log::All => true,
            Log::Growth => u64::try_from(growth).is_ok_and(|growth| growth > self.growth_bytes),
            Log::None => false,
        }
    }
}

/// Chooses a share of the calls, spread evenly: in any run of calls the share is kept, and calls that come in turns are
/// not missed, as they would be if every tenth was chosen.
///
/// Multiples of the golden ratio, without their whole part, fill the range from 0 to 1 as evenly as any sequence does.
#[derive(Debug)]
pub(crate) struct Sampler {
    /// The fraction that comes next, of 2^64.
    next: AtomicU64,
    /// Fractions below are chosen; `None`: all.
    below: Option<u64>,
}

/// 2^64 divided by the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Sampler {
    /// `share` is from 0 to 1.
    fn new(share: f64) -> Self {
        Sampler {
            next: AtomicU64::new(0),
            // 2^64 as a float; a share below 1 stays below it.
            below: (share < 1.0).then_some((share * 18_446_744_073_709_551_616.0) as u64),
        }
    }

    /// Whether this call is one of them.
    pub(crate) fn chooses(&self) -> bool {
        self.below
            .is_none_or(|below| self.next.fetch_add(STEP, Ordering::Relaxed) < below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(json: &str) -> Settings {
        serde_json::from_str(json).expect("settings")
    }

    #[test]
    fn the_share_is_kept_in_any_run_of_calls() {
        for share in [0.0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.9, 1.0] {
            let sampler = Sampler::new(share);
            for run in 0..10 {
                let chosen = (0..1000).filter(|_| sampler.chooses()).count() as f64;
                let expected = share * 1000.0;
                assert!(
                    (chosen - expected).abs() <= 3.0,
                    "{chosen} of 1000 for {share} in run {run}"
                );
            }
        }
    }

    #[test]
    fn calls_that_come_in_turns_are_chosen_alike() {
        let sampler = Sampler::new(0.1);
        let mut chosen = [0; 10];
        for call in 0..100_000 {
            chosen[call % 10] += usize::from(sampler.chooses());
        }
        assert!(
            chosen.iter().all(|count| (950..=1050).contains(count)),
            "{chosen:?}"
        );
    }

    #[test]
    fn what_is_logged() {
        const MIB: i64 = 1 << 20;
        for (json, logged) in [
            ("{}", [false, false, false, true]),
            (r#"{ "log": "all" }"#, [true; 4]),
            (r#"{ "log": "none" }"#, [false; 4]),
            (r#"{ "growth_bytes": 0 }"#, [false, false, true, true]),
        ] {
            let settings = settings(json);
            let found = [-2 * MIB, 0, MIB, MIB + 1].map(|growth| settings.is_logged(growth));
            assert_eq!(found, logged, "{json}");
        }
    }

    #[test]
    fn a_share_is_from_0_to_1() {
        for sample in ["0", "0.5", "1"] {
            let json = format!(r#"{{ "sample": {sample} }}"#);
            assert!(settings(&json).sampler().is_ok(), "{sample}");
        }
        for sample in [-0.1, 1.5, 100.0] {
            let json = format!(r#"{{ "sample": {sample} }}"#);
            let error = settings(&json).sampler().expect_err("not a share");
            let expected = format!("sample: expected a number from 0 to 1, found {sample}");
            assert_eq!(error.to_string(), expected);
        }
    }
}
