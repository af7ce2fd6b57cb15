//! Application Insights' telemetry items, as its ingestion endpoint takes them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::data::Properties;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Envelope<'a> {
    pub(super) ver: u8,
    pub(super) name: &'static str,
    pub(super) time: String,
    pub(super) sample_rate: f64,
    pub(super) i_key: &'a str,
    pub(super) tags: Tags<'a>,
    pub(super) data: Data<'a>,
}

pub(super) type Tags<'a> = BTreeMap<&'static str, Cow<'a, str>>;

#[derive(Serialize)]
#[serde(tag = "baseType", content = "baseData")]
pub(super) enum Data<'a> {
    #[serde(rename = "RequestData")]
    Request(Operation<'a>),
    #[serde(rename = "RemoteDependencyData")]
    Dependency(Operation<'a>),
    #[serde(rename = "ExceptionData")]
    Exception(Exception<'a>),
    #[serde(rename = "MessageData")]
    Message(Message<'a>),
}

/// A request or a dependency; each has fields that the other does not have.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Operation<'a> {
    pub(super) ver: u8,
    pub(super) id: String,
    pub(super) name: Cow<'a, str>,
    pub(super) duration: String,
    pub(super) success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) response_code: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) url: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) result_code: Option<Cow<'a, str>>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Properties::is_empty")]
    pub(super) properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exception<'a> {
    pub(super) ver: u8,
    pub(super) exceptions: [ExceptionDetails<'a>; 1],
    pub(super) severity_level: u8,
    #[serde(skip_serializing_if = "Properties::is_empty")]
    pub(super) properties: Properties<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExceptionDetails<'a> {
    pub(super) type_name: Cow<'a, str>,
    pub(super) message: Cow<'a, str>,
    pub(super) has_full_stack: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stack: Option<Cow<'a, str>>,
    /// The innermost call first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) parsed_stack: Vec<Frame<'a>>,
}

/// A call on a stack.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Frame<'a> {
    /// 0 for the innermost call.
    pub(super) level: usize,
    pub(super) method: Cow<'a, str>,
    pub(super) file_name: Cow<'a, str>,
    pub(super) line: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message<'a> {
    pub(super) ver: u8,
    pub(super) message: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) severity_level: Option<u8>,
    #[serde(skip_serializing_if = "Properties::is_empty")]
    pub(super) properties: Properties<'a>,
}
