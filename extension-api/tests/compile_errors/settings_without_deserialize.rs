use funcdock_extension_api::{AppInfo, Extension, Result, extension};

struct Settings {
    rate: f64,
}

struct Sampler;

#[extension]
impl Extension for Sampler {
    type Settings = Settings;

    fn init(_settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Sampler)
    }
}

fn main() {}
