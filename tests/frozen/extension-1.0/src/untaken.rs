//! An extension whose states no post hook takes: it has only a pre hook.

use std::time::Duration;

use funcdock_extension_api::{AppInfo, Extension, Flow, Invocation, Result, extension};
use serde_json::json;

use crate::record::{Record, Settings, States, Token};

static STATES: States = States::NONE;

struct Untaken(Record);

#[extension(name = "untaken")]
impl Extension for Untaken {
    type Settings = Settings;
    type State = (Token, [u64; 8]);

    fn init(settings: Settings, _app: &AppInfo<'_>) -> Result<Self> {
        Ok(Untaken(Record::open(settings)?))
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<(Token, [u64; 8])>> {
        Ok(Flow::Continue((STATES.make(), [0; 8])))
    }

    fn shutdown(&self, _deadline: Duration) -> Result<()> {
        self.0.write("shutdown", json!({ "states": STATES.counts() }))
    }
}
