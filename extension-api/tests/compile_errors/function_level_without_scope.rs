use funcdock_extension_api::{Extension, Flow, FunctionInfo, Invocation, Result, extension};

struct Quota;

#[extension]
impl Extension for Quota {
    fn init(_settings: (), _info: &FunctionInfo<'_>) -> Result<Self> {
        Ok(Quota)
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow> {
        Ok(Flow::Continue(()))
    }
}

fn main() {}
