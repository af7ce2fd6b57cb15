use funcdock_extension_api::{Extension, Flow, Invocation, Result, extension};

struct Stopwatch;

#[extension]
impl Extension for Stopwatch {
    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow> {
        Ok(Flow::Continue(()))
    }
}

fn main() {}
