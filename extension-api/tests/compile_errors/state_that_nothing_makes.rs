use std::time::Instant;

use funcdock_extension_api::{AppInfo, Extension, Invocation, Outcome, Result, extension};

struct Stopwatch;

#[extension]
impl Extension for Stopwatch {
    type State = Instant;

    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stopwatch)
    }

    fn post_invocation(&self, _call: &mut Invocation<'_>, start: &mut Instant, _outcome: &Outcome<'_>) -> Result<()> {
        tracing::info!("{:?}", start.elapsed());
        Ok(())
    }
}

fn main() {}
