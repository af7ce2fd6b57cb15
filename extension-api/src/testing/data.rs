//! Data of bindings that the test makes up.

use crate::abi;

/// Data of an input or output binding, an entry of a trigger's metadata, or a return value. Owned, otherwise as
/// [`Data`](crate::Data).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TestData {
    /// Nothing.
    None,
    /// Text.
    Text(String),
    /// JSON text.
    Json(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// A whole HTTP message, of which this is the body; `None` if the body is a stream.
    Http(Option<Vec<u8>>),
    /// A stream.
    Stream,
    /// A list of texts.
    Texts(Vec<String>),
    /// A list of bytes.
    BytesList(Vec<Vec<u8>>),
    /// A list of integers.
    Ints(Vec<i64>),
    /// A list of floating-point numbers.
    Doubles(Vec<f64>),
}

impl TestData {
    pub(super) fn raw(&self) -> abi::Data<'_> {
        match self {
            TestData::None => abi::Data::none(),
            TestData::Text(text) => abi::Data::text(text),
            TestData::Json(text) => abi::Data::json(text),
            TestData::Bytes(bytes) => abi::Data::bytes(bytes),
            TestData::Int(value) => abi::Data::int(*value),
            TestData::Double(value) => abi::Data::double(*value),
            TestData::Http(body) => abi::Data::http(body.as_deref()),
            TestData::Stream => abi::Data::stream(),
            TestData::Texts(texts) => abi::Data::texts(texts.iter().map(String::as_str)),
            TestData::BytesList(items) => abi::Data::bytes_list(items.iter().map(Vec::as_slice)),
            TestData::Ints(values) => abi::Data::ints(values.iter().copied()),
            TestData::Doubles(values) => abi::Data::doubles(values.iter().copied()),
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident,)*) => {
        $(impl From<$type> for TestData {
            fn from(value: $type) -> Self {
                TestData::$variant(value.into())
            }
        })*
    };
}

from! {
    &str => Text,
    String => Text,
    Vec<u8> => Bytes,
    i64 => Int,
    f64 => Double,
}

impl From<()> for TestData {
    fn from((): ()) -> Self {
        TestData::None
    }
}

/// JSON text.
impl From<serde_json::Value> for TestData {
    fn from(value: serde_json::Value) -> Self {
        TestData::Json(value.to_string())
    }
}
