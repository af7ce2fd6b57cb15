use funcdock_extension_api::{AppInfo, Extension, Invocation, Result, extension};

struct Wrong;

struct NoValue;

#[extension]
impl Extension for Wrong {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Wrong)
    }

    #[attribute]
    fn without_call(&self) -> String {
        String::new()
    }

    #[attribute]
    async fn waits(&self, _call: &Invocation<'_>) -> String {
        String::new()
    }

    #[attribute]
    fn of_no_type(&self, _call: &Invocation<'_>) -> NoValue {
        NoValue
    }

    fn not_marked(&self, _call: &Invocation<'_>) -> String {
        String::new()
    }
}

fn main() {}
