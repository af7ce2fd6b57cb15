use funcdock_extension_api::{AppInfo, Extension, Flow, Invocation, Result};

struct Stopwatch;

impl Extension for Stopwatch {
    type Settings = ();
    type State = ();

    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stopwatch)
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow> {
        Ok(Flow::Continue(()))
    }
}

fn main() {}
