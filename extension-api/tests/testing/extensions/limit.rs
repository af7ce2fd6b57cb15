//! A function-level extension with metrics.

use std::sync::atomic::{AtomicU32, Ordering};

use funcdock_extension_api::{
    AppInfo, Counter, Flow, Function, FunctionExtension, Histogram, Hooks, Invocation, Outcome, Response,
    Result, export_extension,
};
use serde::Deserialize;

/// Lets so many calls through, and counts.
pub(crate) struct Limit {
    left: AtomicU32,
    limited: Counter,
    sizes: Histogram,
}

#[derive(Deserialize)]
pub(crate) struct LimitSettings {
    calls: u32,
    metric: Option<String>,
}

impl FunctionExtension for Limit {
    type Settings = LimitSettings;
    type State = ();
    const HOOKS: Hooks = Hooks::POST_INVOCATION;

    fn init(settings: LimitSettings, app: &AppInfo<'_>, _function: &Function<'_>) -> Result<Self> {
        let metric = settings.metric.as_deref().unwrap_or("limited_total");
        Ok(Limit {
            left: AtomicU32::new(settings.calls),
            limited: app.counter(metric, "Calls that were one too many.", &[("why", "calls")])?,
            sizes: app.histogram("size_bytes", "Sizes of answers.", &[], &[1.0, 10.0])?,
        })
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow<()>> {
        let take = |left: u32| left.checked_sub(1);
        if self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
        {
            return Ok(Flow::Continue(()));
        }
        self.limited.add(1);
        Ok(Flow::Respond(Response::new(429)))
    }

    fn post_invocation(&self, call: &mut Invocation<'_>, (): (), _outcome: &Outcome<'_>) -> Result<()> {
        if let Some(response) = call.response() {
            self.sizes.record(response.body().len() as f64);
        }
        Ok(())
    }
}

export_extension!(Limit, scope = function, name = "rate-limit");
