use funcdock_extension_api::{AppExtension, AppInfo, Flow, Invocation, Result, export_extension};

struct Stopwatch;

impl AppExtension for Stopwatch {
    type Settings = ();
    type State = ();

    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stopwatch)
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        Ok(Flow::Continue(()))
    }
}

export_extension!(Stopwatch, scope = function);

fn main() {}
