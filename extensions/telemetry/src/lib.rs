//! What tracing needs apart from a host: spans, metrics and log records, from their making to a backend.
//!
//! It is a library, not an extension: it knows neither the extension API nor Python. The extension `opencensus` adds
//! hooks and a companion, and has the feature `documented` on, which tells users what each of the [`Settings`] does.
//!
//! OpenTelemetry's crates give the model: ids, flags, resources, values, the messages of OTLP. What is here is what they
//! do not do: a span is encoded once, as OTLP has it, into the batch that the exporter's thread sends. Each span is
//! counted once, as exported or as lost, and memory is bounded. The decision records 6, 9 and 10 have the figures.
//!
//! Modules in the order in which a span passes them; each imports only modules above it:
//!
//! | module | what it is for |
//! |---|---|
//! | [`signal`], `scope` | the kinds of telemetry, and the name that all of it carries |
//! | [`context`] | what others need to know of a span: ids, flags, `tracestate` |
//! | [`sampling`] | which traces are recorded |
//! | [`propagation`] | a caller's headers as a context, and a context as headers |
//! | [`encode`] | OTLP's encoding, field by field, and its values as JSON |
//! | [`settings`] | the settings of host.json and OpenTelemetry's variables, checked |
//! | [`resource`] | who makes the telemetry |
//! | [`conventions`] | what a function's span says about its call |
//! | [`export`] | queue, thread and counters in front of an exporter |
//! | [`span`] | one span, from start to end |
//! | `transport` | requests over HTTP, retries |
//! | [`destinations`] | one exporter a file: console, file, OTLP, Zipkin, Application Insights |
//! | [`logs`], [`metrics`] | the two other signals |

pub mod context;
pub mod conventions;
mod credentials;
pub mod destinations;
pub mod encode;
pub mod export;
pub mod logs;
pub mod metrics;
pub mod propagation;
pub mod resource;
pub mod sampling;
mod scope;
pub mod settings;
pub mod signal;
pub mod span;
#[cfg(test)]
mod testing;
mod transport;

pub use settings::Settings;
