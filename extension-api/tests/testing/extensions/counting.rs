//! An object for function code.

use std::sync::atomic::{AtomicI64, Ordering};

use funcdock_extension_api::{Arguments, ContextObject, Error, ErrorKind, Exception, Result, Value};

#[derive(Default)]
pub(super) struct Counting {
    value: AtomicI64,
}

impl Drop for Counting {
    fn drop(&mut self) {
        tracing::debug!("counted to {}", self.value.load(Ordering::Relaxed));
    }
}

impl ContextObject for Counting {
    fn class_name(&self) -> &str {
        "Counter"
    }

    fn methods(&self) -> &'static [&'static str] {
        &["increment", "burst"]
    }

    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        if method == "burst" {
            panic!("counter burst");
        }
        let by = match arguments.bind(["by"])? {
            [None] => 1,
            [Some(Value::Int(by))] => by,
            [Some(other)] => {
                let problem = format!("by: expected int, found {}", other.type_name());
                return Err(Error::new(ErrorKind::Type, problem));
            }
        };
        Ok(Value::Int(self.value.fetch_add(by, Ordering::Relaxed) + by))
    }

    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok((name == "value").then(|| self.value.load(Ordering::Relaxed).into()))
    }

    fn set(&self, _name: &str, value: Value) -> Result<()> {
        let Value::Int(value) = value else {
            return Err(Error::new(ErrorKind::Type, "an int"));
        };
        self.value.store(value, Ordering::Relaxed);
        Ok(())
    }

    fn enter(&self) -> Result<Option<Value>> {
        Ok(None)
    }

    fn exit(&self, exception: Option<Exception<'_>>) -> Result<bool> {
        let Some(exception) = exception else {
            return Ok(false);
        };
        tracing::info!("exit by {}", exception.type_name);
        Ok(exception.type_name == "KeyError")
    }
}
