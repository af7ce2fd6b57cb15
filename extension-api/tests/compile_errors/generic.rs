use funcdock_extension_api::{AppInfo, Extension, Result, extension};

struct Stopwatch<T>(T);

#[extension]
impl<T: Send + Sync + 'static> Extension for Stopwatch<T> {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        panic!("no value")
    }
}

fn main() {}
