//! Data of bindings.

use funcdock_extension_api::abi;

use crate::model::{Body, Data, DataReference};

/// Borrows data for an extension. Only collections allocate.
pub(super) fn borrow(data: &Data) -> abi::Data<'_> {
    match data {
        Data::None => abi::Data::none(),
        Data::String(text) => abi::Data::text(text),
        Data::Json(text) => abi::Data::json(text),
        Data::Bytes(bytes) => abi::Data::bytes(bytes),
        Data::Int(value) => abi::Data::int(*value),
        Data::Double(value) => abi::Data::double(*value),
        Data::Request(request) => abi::Data::http(body(&request.body)),
        Data::Response(response) => abi::Data::http(body(&response.body)),
        Data::Stream(_) | Data::Blob(_) => abi::Data::stream(),
        Data::Reference(reference) => borrow_reference(reference),
        Data::References(all) => abi::Data::bytes_list(all.iter().map(|reference| &*reference.content)),
        Data::Strings(texts) => abi::Data::texts(texts.iter().map(String::as_str)),
        Data::ByteStrings(items) => abi::Data::bytes_list(items.iter().map(AsRef::as_ref)),
        Data::Ints(values) => abi::Data::ints(values.iter().copied()),
        Data::Doubles(values) => abi::Data::doubles(values.iter().copied()),
    }
}

/// Borrows the content of a reference, which is JSON for most sources.
fn borrow_reference(reference: &DataReference) -> abi::Data<'_> {
    let is_json = reference.content_type == "application/json";
    match std::str::from_utf8(&reference.content) {
        Ok(text) if is_json => abi::Data::json(text),
        _ => abi::Data::bytes(&reference.content),
    }
}

/// Returns the bytes of a body; `None` for a stream.
pub(super) fn body(body: &Body) -> Option<&[u8]> {
    body.bytes().map(AsRef::as_ref)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;
    use crate::model::{BodyStream, HttpResponse};

    fn stream() -> BodyStream {
        let frames = http_body_util::Empty::<Bytes>::new();
        BodyStream::new(http_body_util::BodyExt::map_err(frames, |never| match never {}))
    }

    fn response(body: Body) -> Data {
        Data::Response(Box::new(HttpResponse {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body,
        }))
    }

    fn reference(content_type: &str, content: &'static [u8]) -> Data {
        Data::Reference(Box::new(DataReference {
            version: "1.0".into(),
            source: "AzureStorageBlobs".into(),
            content_type: content_type.into(),
            content: content.into(),
        }))
    }

    #[test]
    fn every_kind_of_data_crosses_the_border() {
        let cases = [
            (Data::None, abi::DATA_NONE, &b""[..]),
            (Data::String("text".into()), abi::DATA_TEXT, b"text"),
            (Data::Json("{}".into()), abi::DATA_JSON, b"{}"),
            (Data::Bytes("bytes".into()), abi::DATA_BYTES, b"bytes"),
            (Data::Int(-1), abi::DATA_INT, b""),
            (Data::Double(0.5), abi::DATA_DOUBLE, b""),
            (response("body".into()), abi::DATA_HTTP, b"body"),
            (response(Body::Stream(stream())), abi::DATA_HTTP_STREAM, b""),
            (Data::Stream(stream()), abi::DATA_STREAM, b""),
            (reference("application/json", b"{}"), abi::DATA_JSON, b"{}"),
            (
                reference("application/octet-stream", b"{}"),
                abi::DATA_BYTES,
                b"{}",
            ),
            (reference("application/json", b"\xff"), abi::DATA_BYTES, b"\xff"),
        ];
        for (data, kind, bytes) in cases {
            let borrowed = borrow(&data);
            assert_eq!((borrowed.kind(), borrowed.as_bytes()), (kind, bytes), "{data:?}");
        }
        assert_eq!(borrow(&Data::Int(-1)).as_int(), -1);
        assert_eq!(borrow(&Data::Double(0.5)).as_double(), 0.5);
    }

    #[test]
    fn collections_cross_the_border_item_by_item() {
        let texts = Data::Strings(vec!["a".into(), "b".into()]);
        let texts = borrow(&texts);
        assert_eq!(
            (texts.kind(), texts.items()[1].as_bytes()),
            (abi::DATA_TEXTS, &b"b"[..])
        );
        let items = Data::ByteStrings(vec!["a".into(), Bytes::new()]);
        let items = borrow(&items);
        assert_eq!((items.kind(), items.items().len()), (abi::DATA_BYTES_LIST, 2));
        let Data::Reference(one) = reference("application/json", b"{}") else {
            panic!("not a reference");
        };
        let references = Data::References(vec![*one]);
        let references = borrow(&references);
        assert_eq!(
            (references.kind(), references.items()[0].as_bytes()),
            (abi::DATA_BYTES_LIST, &b"{}"[..])
        );
        let ints = borrow(&Data::Ints(vec![1, -1])).items()[1].as_int();
        let doubles = borrow(&Data::Doubles(vec![0.5])).items()[0].as_double();
        assert_eq!((ints, doubles), (-1, 0.5));
    }
}
