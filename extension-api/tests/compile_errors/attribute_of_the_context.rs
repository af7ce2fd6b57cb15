use funcdock_extension_api::{AppInfo, Extension, Invocation, Result, Value, extension};

struct Reserved;

#[extension(name = "reserved")]
impl Extension for Reserved {
    const ATTRIBUTES: &'static [&'static str] = &["user", "invocation_id"];

    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Reserved)
    }

    fn attribute(&self, _call: &Invocation<'_>, _name: &str) -> Result<Option<Value>> {
        Ok(None)
    }
}

fn main() {}
