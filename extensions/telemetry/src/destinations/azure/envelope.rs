//! Spans as Application Insights' envelopes: requests, dependencies, and their events as exceptions and messages.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use humantime::format_rfc3339_micros;
use opentelemetry::Key;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_sdk::Resource;

use super::data::{Attributes, MAX_MESSAGE, MAX_NAME, Properties, cut, cut_text};
use super::dependency::{self, MESSAGING, METHOD, STATUS};
use super::exception::exception;
use super::schema::{Data, Envelope, Message, Operation, Tags};
use crate::conventions::INVOCATION_ID;
use crate::encode::json::Hex;

/// The limits of Application Insights, in characters.
const MAX_URL: usize = 2048;
const MAX_DATA: usize = 8192;
const MAX_ROLE: usize = 256;
const MAX_IP: usize = 46;
/// The attribute in which samplers of Microsoft's SDKs say how many percent of the traces they keep.
const SAMPLE_RATE: &str = "_MS.sampleRate";
/// The property in which the portal looks for links, as in Microsoft's SDKs; it has no room for more.
const LINKS: &str = "_MS.links";
const MAX_LINKS: usize = 100;
const SDK_VERSION: &str = concat!("funcdock:", env!("CARGO_PKG_VERSION"));
/// The severity of an error.
const ERROR: u8 = 3;

/// What is the same in every envelope.
pub(super) struct Identity {
    pub(super) key: String,
    role: String,
    pub(super) instance: String,
}

impl Identity {
    pub(super) fn new(key: &str, resource: &Resource) -> Self {
        let attribute = |name: &'static str| Some(resource.get(&Key::from_static_str(name))?.to_string());
        let service = attribute("service.name").unwrap_or_default();
        let role = match attribute("service.namespace") {
            Some(namespace) => format!("{namespace}.{service}"),
            None => service,
        };
        let instance = attribute("service.instance.id")
            .or_else(|| attribute("host.name"))
            .or_else(|| nix::unistd::gethostname().ok()?.into_string().ok())
            .unwrap_or_default();
        Identity {
            key: key.to_owned(),
            role: cut(&role, MAX_ROLE).into_owned(),
            instance: cut(&instance, MAX_ROLE).into_owned(),
        }
    }

    /// Returns the tags of every envelope.
    pub(super) fn tags(&self) -> Tags<'_> {
        Tags::from([
            ("ai.cloud.role", Cow::Borrowed(self.role.as_str())),
            ("ai.cloud.roleInstance", Cow::Borrowed(self.instance.as_str())),
            ("ai.internal.sdkVersion", Cow::Borrowed(SDK_VERSION)),
        ])
    }
}

/// What a span's events inherit from it.
pub(super) struct Context<'a> {
    tags: Tags<'a>,
    sample_rate: f64,
    /// Those of an exception that a function raised.
    of_function: Option<Properties<'a>>,
}

/// Makes the envelope of a span.
pub(super) fn of_span<'a>(span: &'a Span, identity: &'a Identity) -> (Envelope<'a>, Context<'a>) {
    let mut attributes = Attributes::new(&span.attributes);
    let sample_rate = attributes
        .take(&[SAMPLE_RATE])
        .and_then(|rate| rate.parse().ok())
        .filter(|rate| *rate > 0.0 && *rate <= 100.0)
        .unwrap_or(100.0);
    let mut tags = identity.tags();
    tags.insert("ai.operation.id", Cow::Owned(Hex(&span.trace_id).to_string()));
    let mut operation = Operation {
        ver: 2,
        id: Hex(&span.span_id).to_string(),
        duration: duration(span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano)),
        ..Operation::default()
    };
    let is_request = matches!(span.kind(), SpanKind::Server | SpanKind::Consumer);
    let mut invocation = None;
    if is_request {
        invocation = attributes.take(&[INVOCATION_ID]);
        request(&mut operation, &mut tags, span, &mut attributes);
    } else {
        dependency(&mut operation, span, &mut attributes);
    }
    operation.properties = attributes.into_properties();
    let of_function = invocation.map(|invocation| {
        operation
            .properties
            .insert("InvocationId".into(), invocation.clone());
        Properties::from([
            ("InvocationId".into(), invocation),
            ("Category".into(), format!("Function.{}", span.name).into()),
            ("LogLevel".into(), "Error".into()),
        ])
    });
    add_rest(&mut operation.properties, span);
    let mut of_events = tags.clone();
    of_events.insert("ai.operation.parentId", Cow::Owned(operation.id.clone()));
    if !span.parent_span_id.is_empty() {
        let parent = Hex(&span.parent_span_id).to_string();
        tags.insert("ai.operation.parentId", Cow::Owned(parent));
    }
    let (name, data) = if is_request {
        ("Microsoft.ApplicationInsights.Request", Data::Request(operation))
    } else {
        let data = Data::Dependency(operation);
        ("Microsoft.ApplicationInsights.RemoteDependency", data)
    };
    let envelope = Envelope {
        ver: 1,
        name,
        time: time(span.start_time_unix_nano),
        sample_rate,
        i_key: &identity.key,
        tags,
        data,
    };
    let context = Context {
        tags: of_events,
        sample_rate,
        of_function,
    };
    (envelope, context)
}

fn request<'a>(
    operation: &mut Operation<'a>,
    tags: &mut Tags<'a>,
    span: &'a Span,
    attributes: &mut Attributes<'a>,
) {
    let code = attributes.take(&STATUS);
    let failed = code
        .as_deref()
        .is_some_and(|code| matches!(code.parse(), Ok(400_u16..)));
    operation.success = !has_failed(span) && !failed;
    operation.response_code = Some(code.map_or(Cow::Borrowed("0"), |code| cut_text(code, MAX_NAME)));
    // A function's requests have its name, as in the Functions host; others have their route.
    let name = match attributes.get(&METHOD) {
        Some(method) if attributes.get(&["faas.name"]).is_none() => {
            match attributes.get(&["http.route", "url.path"]) {
                Some(route) => Cow::Owned(format!("{method} {route}")),
                None => Cow::Borrowed(span.name.as_str()),
            }
        }
        _ => Cow::Borrowed(span.name.as_str()),
    };
    operation.name = cut_text(name, MAX_NAME);
    tags.insert("ai.operation.name", operation.name.clone());
    let client = attributes.take(&[
        "client.address",
        "http.client_ip",
        "network.peer.address",
        "net.peer.ip",
    ]);
    if let Some(client) = client {
        tags.insert("ai.location.ip", cut_text(client, MAX_IP));
    }
    if attributes.get(&MESSAGING).is_some() || attributes.get(&["az.namespace"]).is_some() {
        operation.source = dependency::destination(attributes).map(|source| cut_text(source, MAX_NAME));
    }
    operation.url = dependency::url(attributes).map(|url| cut_text(url, MAX_URL));
}

fn dependency<'a>(operation: &mut Operation<'a>, span: &'a Span, attributes: &mut Attributes<'a>) {
    let call = dependency::dependency(span.kind(), attributes);
    let name = call.name.map_or(Cow::Borrowed(span.name.as_str()), Cow::Owned);
    let cut = |text: Option<Cow<'a, str>>, limit| text.map(|text| cut_text(text, limit));
    operation.success = !has_failed(span);
    operation.name = cut_text(name, MAX_NAME);
    operation.kind = cut(Some(call.kind), MAX_NAME);
    operation.target = cut(call.target, MAX_NAME);
    operation.data = cut(call.data, MAX_DATA);
    operation.result_code = cut(call.result_code, MAX_NAME).or(Some(Cow::Borrowed("0")));
}

/// Adds what has no field: the status' text, links, and the numbers of dropped items.
fn add_rest<'a>(properties: &mut Properties<'a>, span: &'a Span) {
    if let Some(status) = span.status.as_ref().filter(|status| !status.message.is_empty()) {
        properties.insert("otel.status_description".into(), cut(&status.message, MAX_DATA));
    }
    let links: Vec<String> = span.links.iter().take(MAX_LINKS).map(link).collect();
    if !links.is_empty() {
        properties.insert(LINKS.into(), format!("[{}]", links.join(",")).into());
    }
    let further_links = span.links.len() - links.len();
    for (key, dropped) in [
        ("otel.dropped_attributes_count", span.dropped_attributes_count),
        ("otel.dropped_events_count", span.dropped_events_count),
        (
            "otel.dropped_links_count",
            span.dropped_links_count + further_links as u32,
        ),
    ] {
        if dropped > 0 {
            properties.insert(key.into(), dropped.to_string().into());
        }
    }
}

fn link(link: &Link) -> String {
    let (trace, span) = (Hex(&link.trace_id), Hex(&link.span_id));
    format!(r#"{{"operation_Id":"{trace}","id":"{span}"}}"#)
}

/// Makes the envelope of a span's event.
pub(super) fn of_event<'a>(event: &'a Event, context: &Context<'a>, identity: &'a Identity) -> Envelope<'a> {
    let mut attributes = Attributes::new(&event.attributes);
    let (name, data) = if event.name == "exception" {
        let mut exception = exception(attributes, ERROR);
        exception
            .properties
            .extend(context.of_function.clone().unwrap_or_default());
        let data = Data::Exception(exception);
        ("Microsoft.ApplicationInsights.Exception", data)
    } else {
        let message = match event.name.as_str() {
            // Application Insights refuses an empty text.
            "" => attributes.take(&["message"]).unwrap_or(Cow::Borrowed("event")),
            name => Cow::Borrowed(name),
        };
        let data = Data::Message(Message {
            ver: 2,
            message: cut_text(message, MAX_MESSAGE),
            severity_level: None,
            properties: attributes.into_properties(),
        });
        ("Microsoft.ApplicationInsights.Message", data)
    };
    Envelope {
        ver: 1,
        name,
        time: time(event.time_unix_nano),
        sample_rate: context.sample_rate,
        i_key: &identity.key,
        tags: context.tags.clone(),
        data,
    }
}

fn has_failed(span: &Span) -> bool {
    span.status
        .as_ref()
        .is_some_and(|status| status.code() == StatusCode::Error)
}

/// Formats a duration as `d.hh:mm:ss.ffffff`.
fn duration(nanos: u64) -> String {
    let micros = nanos / 1000;
    let seconds = micros / 1_000_000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    format!(
        "{}.{:02}:{:02}:{:02}.{:06}",
        hours / 24,
        hours % 24,
        minutes % 60,
        seconds % 60,
        micros % 1_000_000
    )
}

pub(super) fn time(unix_nanos: u64) -> String {
    format_rfc3339_micros(SystemTime::UNIX_EPOCH + Duration::from_nanos(unix_nanos)).to_string()
}

#[cfg(test)]
mod tests;
