use funcdock_extension_api::{
    AppInfo, Flow, Function, FunctionExtension, Invocation, Result, export_extension,
};

struct Quota;

impl FunctionExtension for Quota {
    type Settings = ();
    type State = ();

    fn init(_settings: (), _app: &AppInfo<'_>, _function: &Function<'_>) -> Result<Self> {
        Ok(Quota)
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        Ok(Flow::Continue(()))
    }
}

export_extension!(Quota);

fn main() {}
