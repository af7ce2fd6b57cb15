//! An object for Python: methods, attributes, `with`, errors of every kind, panics.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use funcdock_extension_api::{Arguments, ContextObject, Error, ErrorKind, Exception, Result, Value};

pub(crate) struct Tool {
    state: Mutex<State>,
    met: Condvar,
}

#[derive(Default)]
struct State {
    label: String,
    /// How the last `with` ended.
    ended: Option<[String; 3]>,
    /// Calls of `meet` so far.
    meeting: u32,
}

impl Tool {
    pub(crate) fn new(label: &str) -> Self {
        let state = State {
            label: label.to_owned(),
            ..State::default()
        };
        Tool {
            state: Mutex::new(state),
            met: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until two threads are here. Returns false if the other did not come in time.
    fn meet(&self) -> bool {
        let mut state = self.state();
        state.meeting += 1;
        self.met.notify_all();
        let (_state, waited) = self
            .met
            .wait_timeout_while(state, Duration::from_secs(20), |state| state.meeting < 2)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.timed_out()
    }
}

fn add(arguments: Arguments) -> Result<Value> {
    match arguments.bind(["a", "b"])? {
        [Some(Value::Int(a)), Some(Value::Int(b))] => Ok(Value::Int(a + b)),
        [Some(a), _] => Err(Error::new(ErrorKind::Type, format!("a is {}", a.type_name()))),
        [None, _] => Err(Error::new(ErrorKind::Type, "a is missing")),
    }
}

fn fail(arguments: Arguments) -> Result<Value> {
    let [kind] = arguments.bind(["kind"])?;
    let kind = match kind.unwrap_or(Value::None).into_string()?.as_str() {
        "type" => ErrorKind::Type,
        "value" => ErrorKind::Value,
        "attribute" => ErrorKind::Attribute,
        _ => ErrorKind::Runtime,
    };
    Err(Error::new(kind, "failed as requested"))
}

impl ContextObject for Tool {
    fn class_name(&self) -> &str {
        "Tool"
    }

    fn methods(&self) -> &'static [&'static str] {
        &["add", "child", "echo", "fail", "meet", "panic"]
    }

    fn call(&self, method: &str, arguments: Arguments) -> Result<Value> {
        match method {
            "add" => add(arguments),
            "child" => Ok(Value::object(Tool::new("child"))),
            "echo" => Ok(Value::List(arguments.positional)),
            "fail" => fail(arguments),
            "meet" => Ok(self.meet().into()),
            _ => panic!("as requested"),
        }
    }

    fn get(&self, name: &str) -> Result<Option<Value>> {
        Ok(match name {
            "label" => Some(self.state().label.as_str().into()),
            "ended" => self.state().ended.take().map(|ended| {
                let ended = ended.into_iter().map(Value::from);
                Value::List(ended.collect())
            }),
            _ => None,
        })
    }

    fn set(&self, name: &str, value: Value) -> Result<()> {
        match name {
            "label" => {
                self.state().label = value.into_string()?;
                Ok(())
            }
            _ => Err(Error::new(ErrorKind::Attribute, format!("{name} cannot be set"))),
        }
    }

    /// `with` gives a child where the label is "parent", else the object itself.
    fn enter(&self) -> Result<Option<Value>> {
        match self.state().label.as_str() {
            "parent" => Ok(Some(Value::object(Tool::new("entered")))),
            _ => Ok(None),
        }
    }

    /// Swallows `ValueError`.
    fn exit(&self, exception: Option<Exception<'_>>) -> Result<bool> {
        let Some(exception) = exception else {
            return Ok(false);
        };
        let seen = [exception.type_name, exception.message, exception.traceback];
        self.state().ended = Some(seen.map(str::to_owned));
        Ok(exception.type_name == "ValueError")
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        tracing::debug!("a tool is dropped");
    }
}
