//! A clock cheap enough to time every call and hook: the processor's time stamp counter where it is invariant,
//! the system's monotonic clock elsewhere.
//!
//! The rate of ticks is measured between the load of the first extension and its start, while the app's own code is
//! imported: no time is lost for it.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
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
pub(crate) fn now() -> u64 {
    let origin = &*ORIGIN;
    if origin.invariant {
        counter::read()
    } else {
        // 64 bits of nanoseconds last for 584 years.
        origin.instant.elapsed().as_nanos() as u64
    }
}

/// Nanoseconds for each tick, times 2^32; 0 before [`calibrate`].
static SCALE: AtomicU64 = AtomicU64::new(0);

/// The shortest time that the rate of ticks is measured over.
const CALIBRATION: Duration = Duration::from_millis(2);

/// Measures the rate of ticks, once: since the first reading, and over two milliseconds at least.
pub(super) fn calibrate() {
    let origin = &*ORIGIN;
    if SCALE.load(Ordering::Relaxed) != 0 {
        return;
    }
    let scale = if origin.invariant {
        if let Some(rest) = CALIBRATION.checked_sub(origin.instant.elapsed()) {
            std::thread::sleep(rest);
        }
        let elapsed = origin.instant.elapsed().as_nanos();
        let ticks = counter::read().saturating_sub(origin.ticks).max(1);
        ((elapsed << 32) / u128::from(ticks)) as u64
    } else {
        1 << 32
    };
    SCALE.store(scale, Ordering::Relaxed);
}

/// Converts ticks to nanoseconds, after [`calibrate`].
#[inline]
pub(crate) fn to_nanoseconds(ticks: u64) -> u64 {
    ((u128::from(ticks) * u128::from(SCALE.load(Ordering::Relaxed))) >> 32) as u64
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
        calibrate();
        let (instant, start) = (Instant::now(), now());
        while instant.elapsed() < Duration::from_millis(20) {
            std::hint::spin_loop();
        }
        let (ticks, elapsed) = (now() - start, instant.elapsed());
        let measured = Duration::from_nanos(to_nanoseconds(ticks));
        // Wide bounds: the test may lose the processor between the two readings.
        assert!(
            measured > elapsed / 2 && measured < elapsed * 2,
            "{measured:?} for {elapsed:?}"
        );
    }
}
