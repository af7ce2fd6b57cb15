//! A clock cheap enough to time every hook call: the processor's time stamp counter where it is invariant,
//! the system's monotonic clock elsewhere.
//!
//! Ticks are only turned into time when somebody reads statistics. Their rate needs no calibration loop then:
//! it is the ticks since the start over the time since the start.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

struct Origin {
    instant: Instant,
    ticks: u64,
    invariant: bool,
}

static ORIGIN: LazyLock<Origin> = LazyLock::new(|| {
    let invariant = counter::is_invariant();
    Origin {
        instant: Instant::now(),
        ticks: if invariant { counter::read() } else { 0 },
        invariant,
    }
});

/// The current tick.
#[inline]
pub(super) fn now() -> u64 {
    let origin = &*ORIGIN;
    if origin.invariant {
        counter::read()
    } else {
        // 64 bits of nanoseconds last for 584 years.
        origin.instant.elapsed().as_nanos() as u64
    }
}

/// How long so many ticks are.
pub(super) fn to_duration(ticks: u64) -> Duration {
    let origin = &*ORIGIN;
    if !origin.invariant {
        return Duration::from_nanos(ticks);
    }
    let elapsed = origin.instant.elapsed();
    let elapsed_ticks = counter::read().saturating_sub(origin.ticks).max(1);
    Duration::from_secs_f64(elapsed.as_secs_f64() * (ticks as f64 / elapsed_ticks as f64))
}

#[cfg(target_arch = "x86_64")]
mod counter {
    use std::arch::x86_64::{__cpuid, _rdtsc};

    #[inline]
    pub(super) fn read() -> u64 {
        // SAFETY: every x86-64 processor has the instruction, and Linux leaves it to user programs.
        unsafe { _rdtsc() }
    }

    /// Whether the counter runs at one rate, on all cores alike (CPUID 8000_0007h, EDX bit 8).
    pub(super) fn is_invariant() -> bool {
        const POWER_MANAGEMENT: u32 = 0x8000_0007;
        __cpuid(0x8000_0000).eax >= POWER_MANAGEMENT && __cpuid(POWER_MANAGEMENT).edx & (1 << 8) != 0
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod counter {
    pub(super) fn read() -> u64 {
        0
    }

    pub(super) fn is_invariant() -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_follow_the_clock() {
        let (instant, start) = (Instant::now(), now());
        while instant.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        let (ticks, elapsed) = (now() - start, instant.elapsed());
        let measured = to_duration(ticks);
        // Wide bounds: the test may lose the processor between the two readings.
        assert!(
            measured > elapsed / 2 && measured < elapsed * 2,
            "{measured:?} for {elapsed:?}"
        );
    }
}
