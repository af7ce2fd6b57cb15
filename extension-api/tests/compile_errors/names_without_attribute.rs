use funcdock_extension_api::{AppInfo, Extension, Result, extension};

struct Stopwatch;

#[extension]
impl Extension for Stopwatch {
    const ATTRIBUTES: &'static [&'static str] = &["user"];

    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stopwatch)
    }
}

fn main() {}
