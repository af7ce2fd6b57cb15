use funcdock_extension_api::{AppInfo, Extension, Invocation, Result, Value, extension};

struct Stopwatch;

#[extension]
impl Extension for Stopwatch {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stopwatch)
    }

    fn attribute(&self, _call: &Invocation<'_>, _name: &str) -> Result<Option<Value>> {
        Ok(None)
    }
}

fn main() {}
