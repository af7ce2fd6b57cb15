use funcdock_extension_api::{AppExtension, AppInfo, Flow, Invocation, Result, export_extension};

struct Settings {
    rate: f64,
}

struct Sampler;

impl AppExtension for Sampler {
    type Settings = Settings;
    type State = ();

    fn init(_settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Sampler)
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        Ok(Flow::Continue(()))
    }
}

export_extension!(Sampler);

fn main() {}
