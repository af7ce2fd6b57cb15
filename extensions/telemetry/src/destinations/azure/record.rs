//! Log records as Application Insights' envelopes: messages, or exceptions if they have one. Their properties have the
//! names that Azure Functions gives them, so that queries for an app there work for one here.

use std::borrow::Cow;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::data::{Attributes, MAX_MESSAGE, MAX_NAME, MAX_PROPERTY, cut, cut_text};
use super::envelope::{Identity, time};
use super::exception::exception;
use super::schema::{Data, Envelope, Exception, Message};
use crate::conventions::{FUNCTION, INVOCATION_ID};
use crate::encode::json::Hex;

/// Makes the envelope of a record of this logger.
pub(super) fn of_record<'a>(logger: &'a str, record: &'a LogRecord, identity: &'a Identity) -> Envelope<'a> {
    let mut attributes = Attributes::new(&record.attributes);
    let function = attributes.take(&[FUNCTION]);
    let mut tags = identity.tags();
    if !record.trace_id.is_empty() {
        tags.insert("ai.operation.id", Hex(&record.trace_id).to_string().into());
    }
    if !record.span_id.is_empty() {
        tags.insert("ai.operation.parentId", Hex(&record.span_id).to_string().into());
    }
    if let Some(function) = &function {
        tags.insert("ai.operation.name", cut_text(function.clone(), MAX_NAME));
    }
    let category = match &function {
        Some(function) => format!("Function.{function}.User").into(),
        None => Cow::Borrowed("Function"),
    };
    let (severity_level, level) = severity(record.severity_number);
    let known = [
        ("InvocationId", attributes.take(&[INVOCATION_ID])),
        ("Category", Some(category)),
        ("LogLevel", Some(level.into())),
        ("LoggerName", Some(logger.into())),
        ("HostInstanceId", Some(identity.instance.as_str().into())),
        ("ProcessId", Some(std::process::id().to_string().into())),
    ];
    let text = text(record);
    let (name, mut data) = if attributes.get(&["exception.type"]).is_some() {
        let mut exception = exception(attributes, severity_level);
        if !text.is_empty() {
            let text = cut(text, MAX_PROPERTY);
            exception.properties.insert("FormattedMessage".into(), text);
        }
        (
            "Microsoft.ApplicationInsights.Exception",
            Data::Exception(exception),
        )
    } else {
        let message = Message {
            ver: 2,
            // Application Insights refuses an empty text.
            message: cut(if text.is_empty() { "n/a" } else { text }, MAX_MESSAGE),
            severity_level: Some(severity_level),
            properties: attributes.into_properties(),
        };
        ("Microsoft.ApplicationInsights.Message", Data::Message(message))
    };
    if let Data::Exception(Exception { properties, .. }) | Data::Message(Message { properties, .. }) =
        &mut data
    {
        // They win over fields of `extra`.
        for (key, value) in known {
            if let Some(value) = value {
                properties.insert(key.into(), cut_text(value, MAX_PROPERTY));
            }
        }
    }
    Envelope {
        ver: 1,
        name,
        time: time(record.time_unix_nano),
        sample_rate: 100.0,
        i_key: &identity.key,
        tags,
        data,
    }
}

fn text(record: &LogRecord) -> &str {
    match record.body.as_ref().and_then(|body| body.value.as_ref()) {
        Some(Value::StringValue(text)) => text,
        _ => "",
    }
}

/// Returns Application Insights' severity and .NET's name for a `SeverityNumber` of OTLP.
fn severity(number: i32) -> (u8, &'static str) {
    match number {
        21.. => (4, "Critical"),
        17..=20 => (3, "Error"),
        13..=16 => (2, "Warning"),
        9..=12 => (1, "Information"),
        5..=8 => (0, "Debug"),
        _ => (0, "Trace"),
    }
}

#[cfg(test)]
mod tests;
