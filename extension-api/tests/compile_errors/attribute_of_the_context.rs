use funcdock_extension_api::{AppInfo, Extension, Invocation, Result, extension};

struct Reserved;

#[extension(name = "reserved", sets(user: String))]
impl Extension for Reserved {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Reserved)
    }

    #[attribute]
    fn invocation_id(&self, call: &Invocation<'_>) -> String {
        call.id().to_owned()
    }
}

fn main() {}
