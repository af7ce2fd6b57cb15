//! What `init` and hooks learn about the app and its functions.

use std::ops::Deref;
use std::path::Path;

use abi_stable::std_types::{RSlice, RStr, Tuple2};

use super::error::{Error, Result};
use super::metrics::{Counter, Gauge, Histogram};
use crate::abi;

/// Where an extension runs. Valid during `init`.
pub struct AppInfo<'a> {
    raw: abi::Init<'a>,
}

impl<'a> AppInfo<'a> {
    pub(crate) fn new(raw: abi::Init<'a>) -> Self {
        AppInfo { raw }
    }

    /// The app's root folder. Extensions treat it as read-only.
    pub fn root(&self) -> &'a Path {
        Path::new(self.raw.app_root().as_str())
    }

    /// Which worker process this is, from 0.
    pub fn worker_index(&self) -> u32 {
        self.raw.worker_index()
    }

    /// How many worker processes the host has.
    pub fn worker_count(&self) -> u32 {
        self.raw.worker_count()
    }

    /// Registers a counter, which `/metrics` shows as `<extension>_<name>`. Names and labels follow Prometheus' rules:
    /// letters, digits and underscores; the name of a counter ends in `_total`. The same name with other labels is
    /// the same metric. Metrics of a function-level extension have a label `function` too.
    ///
    /// # Errors
    /// A name or a label that is not valid in Prometheus; a name that another kind of metric has already.
    pub fn counter(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Result<Counter> {
        let labels = pairs(labels);
        let counter = self.raw.counter(metric(name, help, &labels));
        counter.into_result().map(Counter::new).map_err(Error::from_abi)
    }

    /// Registers a gauge, as [`counter`](Self::counter) does; its name does not end in `_total`. Each worker has its own,
    /// which begins at 0.
    ///
    /// # Errors
    /// As for a counter.
    pub fn gauge(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Result<Gauge> {
        let labels = pairs(labels);
        let gauge = self.raw.gauge(metric(name, help, &labels));
        gauge.into_result().map(Gauge::new).map_err(Error::from_abi)
    }

    /// Registers a histogram, as [`counter`](Self::counter) does. `bounds` are the upper bounds of its buckets,
    /// ascending, in the unit that the name ends with (`_seconds`, `_bytes`); one more bucket takes the rest.
    ///
    /// # Errors
    /// As for a counter; also bounds that do not ascend.
    pub fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        bounds: &[f64],
    ) -> Result<Histogram> {
        let labels = pairs(labels);
        let bounds = RSlice::from_slice(bounds);
        let histogram = self.raw.histogram(metric(name, help, &labels), bounds);
        histogram
            .into_result()
            .map(Histogram::new)
            .map_err(Error::from_abi)
    }
}

/// Where an instance of a function-level extension runs: the app ([`AppInfo`]), and the function that the instance is
/// for. Valid during `init`.
pub struct FunctionInfo<'a> {
    app: AppInfo<'a>,
    function: Function<'a>,
}

impl<'a> FunctionInfo<'a> {
    pub(crate) fn new(raw: abi::Init<'a>) -> Result<Self> {
        let function = raw.function().into_option().ok_or_else(|| {
            Error::msg("the host named no function for a function-level extension: a fault of the host")
        })?;
        Ok(FunctionInfo {
            app: AppInfo::new(raw),
            function: Function::new(function),
        })
    }

    /// The function that the instance is for.
    pub fn function(&self) -> Function<'a> {
        self.function
    }
}

impl<'a> Deref for FunctionInfo<'a> {
    type Target = AppInfo<'a>;

    fn deref(&self) -> &AppInfo<'a> {
        &self.app
    }
}

fn pairs<'a>(labels: &[(&'a str, &'a str)]) -> Vec<Tuple2<RStr<'a>, RStr<'a>>> {
    labels
        .iter()
        .map(|(name, value)| Tuple2(RStr::from_str(name), RStr::from_str(value)))
        .collect()
}

fn metric<'a>(name: &'a str, help: &'a str, labels: &'a [Tuple2<RStr<'a>, RStr<'a>>]) -> abi::MetricInfo<'a> {
    abi::MetricInfo {
        name: name.into(),
        help: help.into(),
        labels: RSlice::from_slice(labels),
    }
}

/// A function of the app.
#[derive(Clone, Copy)]
pub struct Function<'a> {
    raw: abi::Function<'a>,
}

impl<'a> Function<'a> {
    pub(crate) fn new(raw: abi::Function<'a>) -> Self {
        Function { raw }
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        self.raw.name().as_str()
    }

    /// Its folder. Extensions treat it as read-only.
    pub fn directory(&self) -> &'a Path {
        Path::new(self.raw.directory().as_str())
    }

    /// The binding type of its trigger: "httpTrigger", "timerTrigger", …
    pub fn trigger(&self) -> &'a str {
        self.raw.trigger().as_str()
    }

    /// For an HTTP trigger, the route template with the app's prefix: "api/hello/{name}".
    pub fn route(&self) -> Option<&'a str> {
        let route = self.raw.route().into_option()?;
        Some(route.as_str())
    }
}
