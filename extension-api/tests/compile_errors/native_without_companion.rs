use funcdock_extension_api::{AppInfo, Extension, Result, Value, extension};

struct Stopwatch;

#[extension]
impl Extension for Stopwatch {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Stopwatch)
    }

    fn native(&self) -> Result<Value> {
        Ok(Value::None)
    }
}

fn main() {}
