//! Data of bindings: what triggers, functions and hooks exchange. The set of cases is that of the language-worker
//! protocol's `TypedData`.

use abi_stable::StableAbi;
use abi_stable::std_types::{RSlice, RStr, RVec};

/// Data of a binding or a return value. Texts and bytes are borrowed, numbers are by value, and only collections
/// allocate.
///
/// A struct with a number for its kind, not an enum, so that later versions may add kinds.
#[repr(C)]
#[derive(StableAbi, Clone)]
pub struct Data<'a> {
    kind: u8,
    /// The bits of an `i64` or an `f64`.
    number: u64,
    /// Texts (UTF-8) and bytes.
    bytes: RSlice<'a, u8>,
    /// The items of a collection.
    items: RVec<Data<'a>>,
}

/// Nothing.
pub const DATA_NONE: u8 = 0;
/// Text.
pub const DATA_TEXT: u8 = 1;
/// JSON text.
pub const DATA_JSON: u8 = 2;
/// Bytes.
pub const DATA_BYTES: u8 = 3;
/// A signed integer.
pub const DATA_INT: u8 = 4;
/// A floating-point number.
pub const DATA_DOUBLE: u8 = 5;
/// A whole HTTP message; the bytes are its body.
pub const DATA_HTTP: u8 = 6;
/// A whole HTTP message whose body is a stream.
pub const DATA_HTTP_STREAM: u8 = 7;
/// A stream.
pub const DATA_STREAM: u8 = 8;
/// A list of texts.
pub const DATA_TEXTS: u8 = 9;
/// A list of bytes.
pub const DATA_BYTES_LIST: u8 = 10;
/// A list of integers.
pub const DATA_INTS: u8 = 11;
/// A list of floating-point numbers.
pub const DATA_DOUBLES: u8 = 12;

impl<'a> Data<'a> {
    fn new(kind: u8) -> Self {
        Data {
            kind,
            number: 0,
            bytes: RSlice::EMPTY,
            items: RVec::new(),
        }
    }

    fn with_bytes(kind: u8, bytes: &'a [u8]) -> Self {
        Data {
            bytes: RSlice::from_slice(bytes),
            ..Data::new(kind)
        }
    }

    fn with_items(kind: u8, items: impl Iterator<Item = Data<'a>>) -> Self {
        Data {
            items: items.collect(),
            ..Data::new(kind)
        }
    }

    /// Nothing.
    pub fn none() -> Self {
        Data::new(DATA_NONE)
    }

    /// Text.
    pub fn text(text: &'a str) -> Self {
        Data::with_bytes(DATA_TEXT, text.as_bytes())
    }

    /// JSON text.
    pub fn json(text: &'a str) -> Self {
        Data::with_bytes(DATA_JSON, text.as_bytes())
    }

    /// Bytes.
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Data::with_bytes(DATA_BYTES, bytes)
    }

    /// A signed integer.
    pub fn int(value: i64) -> Self {
        Data {
            number: value.cast_unsigned(),
            ..Data::new(DATA_INT)
        }
    }

    /// A floating-point number.
    pub fn double(value: f64) -> Self {
        Data {
            number: value.to_bits(),
            ..Data::new(DATA_DOUBLE)
        }
    }

    /// A whole HTTP message with this body; `None` if the body is a stream.
    pub fn http(body: Option<&'a [u8]>) -> Self {
        match body {
            Some(body) => Data::with_bytes(DATA_HTTP, body),
            None => Data::new(DATA_HTTP_STREAM),
        }
    }

    /// A stream.
    pub fn stream() -> Self {
        Data::new(DATA_STREAM)
    }

    /// A list of texts.
    pub fn texts(texts: impl IntoIterator<Item = &'a str>) -> Self {
        Data::with_items(DATA_TEXTS, texts.into_iter().map(Data::text))
    }

    /// A list of bytes.
    pub fn bytes_list(items: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Data::with_items(DATA_BYTES_LIST, items.into_iter().map(Data::bytes))
    }

    /// A list of integers.
    pub fn ints(values: impl IntoIterator<Item = i64>) -> Self {
        Data::with_items(DATA_INTS, values.into_iter().map(Data::int))
    }

    /// A list of floating-point numbers.
    pub fn doubles(values: impl IntoIterator<Item = f64>) -> Self {
        Data::with_items(DATA_DOUBLES, values.into_iter().map(Data::double))
    }

    /// One of the `DATA_…` constants, or a number that only a newer version knows.
    pub fn kind(&self) -> u8 {
        self.kind
    }

    /// The value of a `DATA_INT`.
    pub fn as_int(&self) -> i64 {
        self.number.cast_signed()
    }

    /// The value of a `DATA_DOUBLE`.
    pub fn as_double(&self) -> f64 {
        f64::from_bits(self.number)
    }

    /// The bytes of texts and bytes, and of an HTTP message's body; otherwise empty.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes.as_slice()
    }

    /// The text, if the bytes are UTF-8.
    pub fn as_text(&self) -> Option<RStr<'a>> {
        str::from_utf8(self.as_bytes()).ok().map(RStr::from_str)
    }

    /// The items of a collection; otherwise empty.
    pub fn items(&self) -> &[Data<'a>] {
        &self.items
    }
}
