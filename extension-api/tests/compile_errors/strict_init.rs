use funcdock_extension_api::{AppInfo, Extension, Result, extension};

struct Stopwatch;

#[extension]
impl Extension for Stopwatch {
    #[strict]
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stopwatch)
    }
}

fn main() {}
