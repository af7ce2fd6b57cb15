//! A function-level extension with metrics.

use std::sync::atomic::{AtomicU32, Ordering};

use funcdock_extension_api::{
    Counter, Extension, Flow, FunctionInfo, Histogram, Invocation, Outcome, Response, Result, extension,
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

#[extension(scope = function, name = "rate-limit")]
impl Extension for Limit {
    type Settings = LimitSettings;

    fn init(settings: LimitSettings, info: &FunctionInfo<'_>) -> Result<Self> {
        let metric = settings.metric.as_deref().unwrap_or("limited_total");
        Ok(Limit {
            left: AtomicU32::new(settings.calls),
            limited: info.counter(metric, "Calls that were one too many.", &[("why", "calls")])?,
            sizes: info.histogram("size_bytes", "Sizes of answers.", &[], &[1.0, 10.0])?,
        })
    }

    fn pre_invocation(&self, _call: &mut Invocation<'_>) -> Result<Flow> {
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

    fn post_invocation(
        &self,
        call: &mut Invocation<'_>,
        _state: &mut (),
        _outcome: &Outcome<'_>,
    ) -> Result<()> {
        if let Some(body) = call.response().as_ref().and_then(|response| response.body()) {
            self.sizes.record(body.len() as f64);
        }
        Ok(())
    }
}
