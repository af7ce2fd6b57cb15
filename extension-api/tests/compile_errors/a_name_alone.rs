use funcdock_extension_api::{AppInfo, Extension, Flow, Invocation, Result, extension};

struct Stopwatch;

#[extension("stopwatch")]
impl Extension for Stopwatch {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stopwatch)
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow> {
        Ok(Flow::Continue(()))
    }
}

fn main() {}
