//! The context of `init`: where the extension runs, and the metrics that it registers.

use abi_stable::std_types::{ROption, RResult, RSlice, RStr};
use funcdock_extension_api::abi;
use funcdock_extension_api::driver::table;

use crate::extensions::metrics::{MetricOwner, Metrics};
use crate::model::FunctionInfo;

/// The context of `init`.
pub(in crate::extensions) struct InitContext<'a> {
    pub(in crate::extensions) extension: &'a str,
    pub(in crate::extensions) app_root: &'a str,
    pub(in crate::extensions) worker_index: u32,
    pub(in crate::extensions) worker_count: u32,
    /// The function that the instance is for, of a function-level extension.
    pub(in crate::extensions) function: Option<&'a FunctionInfo>,
    pub(in crate::extensions) metrics: &'a Metrics,
}

impl InitContext<'_> {
    pub(in crate::extensions) fn raw(&self) -> abi::Init<'_> {
        // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
        unsafe { abi::Init::new(INIT, std::ptr::from_ref(self).cast()) }
    }

    fn owner(&self) -> MetricOwner<'_> {
        MetricOwner {
            extension: self.extension,
            function: self.function.map(|function| function.name.as_str()),
        }
    }
}

table! {
    INIT: InitFns, InitFnsRef of InitContext<'static> {
        fn app_root(context) -> RStr<'static> { RStr::from_str(context.app_root) }
        fn worker_index(context) -> u32 { context.worker_index }
        fn worker_count(context) -> u32 { context.worker_count }
        fn function(context) -> ROption<abi::Function<'static>> {
            context.function.map(super::function).into()
        }
        fn counter(context, metric: abi::MetricInfo<'_>) -> RResult<abi::Counter, abi::Error> {
            context.metrics.counter(context.owner(), &metric).into()
        }
        fn gauge(context, metric: abi::MetricInfo<'_>) -> RResult<abi::Gauge, abi::Error> {
            context.metrics.gauge(context.owner(), &metric).into()
        }
        fn histogram(
            context,
            metric: abi::MetricInfo<'_>,
            bounds: RSlice<'_, f64>,
        ) -> RResult<abi::Histogram, abi::Error> {
            context.metrics.histogram(context.owner(), &metric, bounds.as_slice()).into()
        }
    }
}
