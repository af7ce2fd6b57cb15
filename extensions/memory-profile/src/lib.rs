//! Measures how calls change the memory of the process: its resident set before and after each, and the number of blocks
//! that Python's allocator has given out. A log line for calls that make it grow, metrics for all, and `context.memory` for
//! function code that wants to look in between.
//!
//! host.json switches it on under the name "memory-profile":
//!
//! ```json
//! "workerExtensions": { "memory-profile": { "settings": { "sample": 0.1, "log": "growth" } } }
//! ```
//!
//! The numbers are of the whole process: they include calls that run at the same time.
//!
//! As a model: an extension with state from pre to post, an object that function code uses, a companion in Python, and
//! metrics. It is of function level so that its metrics have the function as a label.

mod blocks;
mod resident;
mod settings;

use std::sync::Arc;

use funcdock_extension_api::{
    ContextObject, Counter, Error, Extension, Flow, FunctionInfo, Histogram, Invocation, Outcome,
    OutcomeKind, PythonModule, Result, StreamEnd, Value, extension,
};

use blocks::Blocks;
use resident::Resident;
use settings::Sampler;

pub use settings::Settings;

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;

/// The upper bounds of the histogram's buckets. Values below the first may be the kernel's inaccuracy.
const BOUNDS: [f64; 8] = [
    0.0,
    256.0 * KIB,
    MIB,
    4.0 * MIB,
    16.0 * MIB,
    64.0 * MIB,
    256.0 * MIB,
    1024.0 * MIB,
];

/// The extension: one a function.
pub struct MemoryProfile {
    settings: Settings,
    sampler: Sampler,
    resident: Arc<Resident>,
    growth: Histogram,
    grown: Counter,
}

#[extension(scope = function)]
impl Extension for MemoryProfile {
    type Settings = Settings;
    /// `None` for a call that is not measured.
    type State = Option<Before>;
    const COMPANION: &'static [PythonModule] = &[blocks::COMPANION];

    fn configure(settings: &Settings) -> Result<()> {
        settings.sampler()?;
        Ok(())
    }

    fn init(settings: Settings, info: &FunctionInfo<'_>) -> Result<Self> {
        let resident = Resident::open()?;
        // Fails now, not at the first call, if the size cannot be read.
        resident.bytes()?;
        Ok(MemoryProfile {
            sampler: settings.sampler()?,
            settings,
            resident: Arc::new(resident),
            growth: info.histogram(
                "rss_growth_bytes",
                "By how much the resident set of the process grew during a call; 0 if it shrank.",
                &[],
                &BOUNDS,
            )?,
            grown: info.counter(
                "rss_grown_bytes_total",
                "By how much the resident set of the process grew during all measured calls.",
                &[],
            )?,
        })
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow<Option<Before>>> {
        let before = if self.sampler.chooses() {
            let blocks = Blocks::new();
            call.set_attribute(blocks::ATTRIBUTE, Value::object(blocks.clone()))?;
            Some(Before {
                resident: self.resident.bytes()?,
                blocks,
            })
        } else {
            None
        };
        let memory = Memory {
            resident: Arc::clone(&self.resident),
            before: before.as_ref().map(|before| before.resident),
        };
        call.set_attribute("memory", Value::object(memory))?;
        Ok(Flow::Continue(before))
    }

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        before: &mut Option<Before>,
        outcome: &Outcome<'_>,
    ) -> Result<()> {
        // Of a streamed response only the head is ready.
        if outcome.is_streamed() || matches!(outcome.kind(), OutcomeKind::Answered | OutcomeKind::Refused) {
            return Ok(());
        }
        self.measure(call, before.as_ref())
    }

    fn stream_ended(
        &self,
        call: &mut Invocation<'_>,
        before: &mut Option<Before>,
        _end: &StreamEnd<'_>,
    ) -> Result<()> {
        self.measure(call, before.as_ref())
    }
}

impl MemoryProfile {
    /// Measures after a call whose function was called.
    fn measure(&self, call: &Invocation<'_>, before: Option<&Before>) -> Result<()> {
        let Some(before) = before else { return Ok(()) };
        let after = self.resident.bytes()?;
        let growth = difference(before.resident, after);
        let grown = after.saturating_sub(before.resident);
        self.growth.record(grown as f64);
        self.grown.add(grown);
        if self.settings.is_logged(growth) {
            tracing::info!(
                function = call.function().name(),
                rss_bytes = after,
                growth_bytes = growth,
                python_blocks = before.blocks.growth(),
                "memory after the call"
            );
        }
        Ok(())
    }
}

/// What the hooks after the call compare with.
pub struct Before {
    /// The resident set.
    resident: u64,
    /// Those of Python's allocator, as the companion counts them.
    blocks: Blocks,
}

/// Returns the growth from `before` to `after`.
fn difference(before: u64, after: u64) -> i64 {
    // No memory has 2^63 bytes.
    after as i64 - before as i64
}

/// `context.memory`: measured when function code reads an attribute.
struct Memory {
    resident: Arc<Resident>,
    before: Option<u64>,
}

impl ContextObject for Memory {
    fn class_name(&self) -> &str {
        "Memory"
    }

    fn get(&self, name: &str) -> Result<Option<Value>> {
        let now = || self.resident.bytes().map_err(Error::from);
        Ok(match name {
            // As above.
            "rss_bytes" => Some(Value::Int(now()? as i64)),
            "growth_bytes" => Some(match self.before {
                Some(before) => Value::Int(difference(before, now()?)),
                None => Value::None,
            }),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(before: impl FnOnce(u64) -> Option<u64>) -> Memory {
        let resident = Resident::open().expect("Linux has it");
        let now = resident.bytes().expect("it can be read");
        Memory {
            resident: Arc::new(resident),
            before: before(now),
        }
    }

    fn int(memory: &Memory, name: &str) -> i64 {
        match memory.get(name) {
            Ok(Some(Value::Int(value))) => value,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn function_code_reads_the_size_and_the_growth_since_the_call_began() {
        const GIB: i64 = 1 << 30;
        let since_empty = memory(|_| Some(0));
        assert!(int(&since_empty, "rss_bytes") > 0);
        assert!(int(&since_empty, "growth_bytes") > 0);
        let shrunk = memory(|now| Some(now + (GIB as u64)));
        assert!(int(&shrunk, "growth_bytes") < 0, "growth may be negative");
        assert!(matches!(shrunk.get("other"), Ok(None)));
    }

    #[test]
    fn there_is_no_growth_where_the_call_is_not_measured() {
        let memory = memory(|_| None);
        assert!(int(&memory, "rss_bytes") > 0);
        assert!(matches!(memory.get("growth_bytes"), Ok(Some(Value::None))));
    }
}
