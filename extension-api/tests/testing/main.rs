//! Tests of the mock host: what an extension sees and does through it is what it would in a worker.

mod attribute;
mod calls;
mod extensions;
mod life;
mod objects;
mod streams;
mod triggers;
mod waiting;

use std::time::Duration;

use extensions::Probe;
use funcdock_extension_api::testing::{HookError, TestHost, json};

const SOON: Duration = Duration::from_secs(10);

fn probe() -> TestHost {
    TestHost::app::<Probe>(json!({})).expect("the defaults do")
}

fn message(errors: &[HookError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}
