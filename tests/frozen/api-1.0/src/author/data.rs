//! Data of bindings: what triggers and functions exchange.

use crate::abi;

/// Data of a binding, an entry of a trigger's metadata, or what the function returned.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Data<'a> {
    /// Nothing.
    None,
    /// Text.
    Text(&'a str),
    /// JSON text.
    Json(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An integer.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// A whole HTTP message, of which this is the body; `None` if the body is a stream. The message itself is
    /// [`Invocation::http_request`](crate::Invocation::http_request) or
    /// [`Invocation::response`](crate::Invocation::response).
    Http(Option<&'a [u8]>),
    /// A stream, which hooks do not read.
    Stream,
    /// A list of texts.
    Texts(Vec<&'a str>),
    /// A list of bytes.
    BytesList(Vec<&'a [u8]>),
    /// A list of integers.
    Ints(Vec<i64>),
    /// A list of floating-point numbers.
    Doubles(Vec<f64>),
}

impl<'a> Data<'a> {
    pub(crate) fn from_abi(data: abi::Data<'a>) -> Self {
        let items = data.items().iter();
        match data.kind() {
            abi::DATA_NONE => Data::None,
            // Text that is not UTF-8 against the contract is still bytes.
            abi::DATA_TEXT => text(&data).map_or(Data::Bytes(data.as_bytes()), Data::Text),
            abi::DATA_JSON => text(&data).map_or(Data::Bytes(data.as_bytes()), Data::Json),
            abi::DATA_INT => Data::Int(data.as_int()),
            abi::DATA_DOUBLE => Data::Double(data.as_double()),
            abi::DATA_HTTP => Data::Http(Some(data.as_bytes())),
            abi::DATA_HTTP_STREAM => Data::Http(None),
            abi::DATA_STREAM => Data::Stream,
            abi::DATA_TEXTS => Data::Texts(items.filter_map(text).collect()),
            abi::DATA_BYTES_LIST => Data::BytesList(items.map(abi::Data::as_bytes).collect()),
            abi::DATA_INTS => Data::Ints(items.map(abi::Data::as_int).collect()),
            abi::DATA_DOUBLES => Data::Doubles(items.map(abi::Data::as_double).collect()),
            // A kind that only a newer host knows.
            _ => Data::Bytes(data.as_bytes()),
        }
    }
}

fn text<'a>(data: &abi::Data<'a>) -> Option<&'a str> {
    data.as_text().map(|text| text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_crosses_the_border() {
        let cases = [
            (abi::Data::none(), Data::None),
            (abi::Data::text("a"), Data::Text("a")),
            (abi::Data::json("{}"), Data::Json("{}")),
            (abi::Data::bytes(&[0, 255]), Data::Bytes(&[0, 255])),
            (abi::Data::int(i64::MIN), Data::Int(i64::MIN)),
            (abi::Data::double(-0.5), Data::Double(-0.5)),
            (abi::Data::http(Some(b"body")), Data::Http(Some(b"body"))),
            (abi::Data::http(None), Data::Http(None)),
            (abi::Data::stream(), Data::Stream),
            (abi::Data::texts(["a", "b"]), Data::Texts(vec!["a", "b"])),
            (
                abi::Data::bytes_list([&b"a"[..], b""]),
                Data::BytesList(vec![b"a", b""]),
            ),
            (abi::Data::ints([1, -1]), Data::Ints(vec![1, -1])),
            (abi::Data::doubles([1.5]), Data::Doubles(vec![1.5])),
            (abi::Data::texts([]), Data::Texts(Vec::new())),
        ];
        for (data, expected) in cases {
            assert_eq!(Data::from_abi(data), expected);
        }
    }
}
