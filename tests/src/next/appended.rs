//! Asks every table for what only the next minor version has, and logs what it finds.

use funcdock_extension_api::{AppInfo, Extension, Flow, Invocation, Outcome, Result, StreamEnd, extension};

struct Appended;

/// What a table's accessor gives for a function that the table's maker may not know.
fn log(table: &str, found: Option<extern "C" fn() -> u32>) {
    tracing::info!("{table} has {:?}", found.map(|function| function()));
}

#[extension(name = "appended")]
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
