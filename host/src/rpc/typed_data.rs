//! Data of bindings as the protocol has them.

use funcdock_rpc::messages::typed_data::Data as Typed;
use funcdock_rpc::messages::{
    CollectionBytes, CollectionDouble, CollectionSInt64, CollectionString, ModelBindingData, TypedData,
};

use super::http_data;
use crate::model::{Data, DataReference};

/// Returns the data that the host sent.
pub(super) fn from_host(data: TypedData) -> Data {
    match data.data {
        None => Data::None,
        Some(Typed::String(text)) => Data::String(text),
        Some(Typed::Json(text)) => Data::Json(text),
        Some(Typed::Bytes(bytes) | Typed::Stream(bytes)) => Data::Bytes(bytes),
        Some(Typed::Int(number)) => Data::Int(number),
        Some(Typed::Double(number)) => Data::Double(number),
        Some(Typed::Http(http)) => Data::Request(Box::new(http_data::request(*http))),
        Some(Typed::CollectionBytes(all)) => Data::ByteStrings(all.bytes),
        Some(Typed::CollectionString(all)) => Data::Strings(all.string),
        Some(Typed::CollectionDouble(all)) => Data::Doubles(all.double),
        Some(Typed::CollectionSint64(all)) => Data::Ints(all.sint64),
        Some(Typed::ModelBindingData(data)) => Data::Reference(Box::new(reference(data))),
        Some(Typed::CollectionModelBindingData(all)) => {
            Data::References(all.model_binding_data.into_iter().map(reference).collect())
        }
    }
}

fn reference(data: ModelBindingData) -> DataReference {
    DataReference {
        version: data.version,
        source: data.source,
        content_type: data.content_type,
        content: data.content,
    }
}

/// Returns the data for the host; `None` if there is none. A body that is a stream was read before.
pub(super) fn to_host(data: Data) -> Option<TypedData> {
    let typed = match data {
        Data::None | Data::Stream(_) | Data::Blob(_) | Data::Request(_) => return None,
        // No function can put them out.
        Data::Reference(_) | Data::References(_) => return None,
        Data::String(text) => Typed::String(text),
        Data::Json(text) => Typed::Json(text),
        Data::Bytes(bytes) => Typed::Bytes(bytes),
        Data::Int(number) => Typed::Int(number),
        Data::Double(number) => Typed::Double(number),
        Data::Response(response) => Typed::Http(Box::new(http_data::response(*response))),
        Data::Strings(string) => Typed::CollectionString(CollectionString { string }),
        Data::ByteStrings(bytes) => Typed::CollectionBytes(CollectionBytes { bytes }),
        Data::Ints(sint64) => Typed::CollectionSint64(CollectionSInt64 { sint64 }),
        Data::Doubles(double) => Typed::CollectionDouble(CollectionDouble { double }),
    };
    Some(TypedData { data: Some(typed) })
}
