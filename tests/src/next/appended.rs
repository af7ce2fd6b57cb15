//! Extensions that use what only the next minor version has. "appended" asks every table for the function, logs what it
//! finds, and gives an object to function code that fails with an error of the new kind. "guard" has the new hook.

use funcdock_extension_api::{
    AppInfo, Error, ErrorKind, Extension, Flow, Invocation, Outcome, Result, StreamEnd, Value, extension, methods,
};

struct Appended;

struct Failing;

#[methods]
impl Failing {
    fn fail(&self) -> Result<()> {
        Err(Error::new(ErrorKind::Appended, "an error of the next version"))
    }
}

/// What a table's accessor gives for a function that the table's maker may not know.
fn log(table: &str, found: Option<extern "C" fn() -> u32>) {
    tracing::info!("{table} has {:?}", found.map(|function| function()));
}

#[extension(name = "appended", sets(failing: Failing))]
impl Extension for Appended {
    fn init(_settings: (), app: &AppInfo<'_>) -> Result<Self> {
        log("InitFns", app.table().appended_by_next());
        for descriptor in funcdock_extension_api::private::registrations() {
            if descriptor.name() == "appended" {
                log("Descriptor", descriptor.appended_by_next());
            }
        }
        let services = funcdock_extension_api::services().expect("the host has connected the library");
        log("HostServices", services.appended_by_next());
        Ok(Appended)
    }

    fn pre_invocation(&self, call: &mut Invocation<'_>) -> Result<Flow> {
        log("InvocationFns", call.table().appended_by_next());
        log("FunctionFns", call.function().table().appended_by_next());
        if let Some(request) = call.http_request() {
            log("HttpRequestFns", request.table().appended_by_next());
        }
        call.set_attribute("failing", Value::object(Failing))?;
        Ok(Flow::Continue(()))
    }

    fn post_invocation(&self, call: &mut Invocation<'_>, _state: &mut (), outcome: &Outcome<'_>) -> Result<()> {
        log("OutcomeFns", outcome.table().appended_by_next());
        if let Some(response) = call.response() {
            log("HttpResponseFns", response.table().appended_by_next());
        }
        Ok(())
    }

    fn stream_ended(&self, _call: &mut Invocation<'_>, _state: &mut (), end: &StreamEnd<'_>) -> Result<()> {
        log("StreamEndFns", end.table().appended_by_next());
        Ok(())
    }
}

struct Guard;

#[extension(name = "guard")]
impl Extension for Guard {
    fn init(_settings: (), _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Guard)
    }

    fn appended_by_next(&self) -> Result<()> {
        Err(Error::msg("nobody is let through"))
    }
}
