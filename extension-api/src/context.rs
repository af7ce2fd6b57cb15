//! What the host tells `init` and hooks of the app and its functions.

use std::marker::PhantomData;
use std::path::Path;

use abi_stable::std_types::{RSlice, RStr, Tuple2};

use crate::{Counter, Error, Histogram, Result, abi};

/// Where an extension runs. Valid during `init`.
pub struct AppInfo<'a> {
    pub(crate) raw: abi::Init,
    pub(crate) borrowed: PhantomData<&'a ()>,
}

impl<'a> AppInfo<'a> {
    /// The app's root folder. Extensions treat it as read-only.
    pub fn root(&self) -> &'a Path {
        // SAFETY: the host keeps the context alive for the call, which `'a` stands for.
        Path::new(unsafe { (self.raw.functions.app_root())(self.raw.this) }.as_str())
    }

    /// Which worker process this is, from 0.
    pub fn worker_index(&self) -> u32 {
        // SAFETY: as in `root`.
        unsafe { (self.raw.functions.worker_index())(self.raw.this) }
    }

    /// Registers a counter, which `/metrics` shows as `<extension>_<name>`. Names and labels are Prometheus' own:
    /// letters, digits and underscores, a counter's name ending in `_total`. The same name with other labels is
    /// the same metric. A function-level extension's has a label `function` as well.
    ///
    /// # Errors
    /// A name or a label that Prometheus does not take; a name that is another kind of metric already; a host
    /// older than API 1.1.
    pub fn counter(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Result<Counter> {
        let counter = self.raw.functions.counter().ok_or_else(too_old)?;
        let labels = pairs(labels);
        // SAFETY: as in `root`; the host copies the texts.
        let made = unsafe { counter(self.raw.this, metric(name, help, &labels)) };
        made.into_result().map(Counter::new).map_err(Error::from_abi)
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
        let histogram = self.raw.functions.histogram().ok_or_else(too_old)?;
        let labels = pairs(labels);
        // SAFETY: as in `root`; the host copies the texts and the bounds.
        let made = unsafe {
            histogram(
                self.raw.this,
                metric(name, help, &labels),
                RSlice::from_slice(bounds),
            )
        };
        made.into_result().map(Histogram::new).map_err(Error::from_abi)
    }

    pub(crate) fn function(&self) -> Option<Function<'a>> {
        // SAFETY: as in `root`.
        unsafe { (self.raw.functions.function())(self.raw.this) }
            .into_option()
            .map(Function::new)
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

/// What the host's table does not have.
pub(crate) fn too_old() -> Error {
    Error::msg("this needs a host with extension API 1.1 or newer")
}

/// A function of the app.
#[derive(Clone, Copy)]
pub struct Function<'a> {
    raw: abi::Function,
    borrowed: PhantomData<&'a ()>,
}

impl<'a> Function<'a> {
    pub(crate) fn new(raw: abi::Function) -> Self {
        Function {
            raw,
            borrowed: PhantomData,
        }
    }

    /// Its name.
    pub fn name(&self) -> &'a str {
        // SAFETY: the host keeps the function alive for the call, which `'a` stands for.
        unsafe { (self.raw.functions.name())(self.raw.this) }.as_str()
    }

    /// Its folder. Extensions treat it as read-only.
    pub fn directory(&self) -> &'a Path {
        // SAFETY: as in `name`.
        Path::new(unsafe { (self.raw.functions.directory())(self.raw.this) }.as_str())
    }

    /// The binding type of its trigger: "httpTrigger", "timerTrigger", …
    pub fn trigger(&self) -> &'a str {
        // SAFETY: as in `name`.
        unsafe { (self.raw.functions.trigger())(self.raw.this) }.as_str()
    }

    /// For an HTTP trigger, the route template with the app's prefix: "api/hello/{name}".
    pub fn route(&self) -> Option<&'a str> {
        // SAFETY: as in `name`.
        unsafe { (self.raw.functions.route())(self.raw.this) }
            .into_option()
            .map(|text| text.as_str())
    }
}
