//! Data between triggers, runner and extensions.

use bytes::Bytes;

use super::{BlobContent, BodyStream, HttpRequest, HttpResponse};

/// The value of an input binding, of an output binding, or a return value: the cases of the language-worker protocol's
/// `TypedData`.
#[derive(Debug, Clone, Default)]
pub enum Data {
    /// No data.
    #[default]
    None,
    /// Text.
    String(String),
    /// JSON, as text.
    Json(String),
    /// Bytes. They may own a mapping ([`Bytes::from_owner`]), so that shared memory needs no copy.
    Bytes(Bytes),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
    /// An HTTP request: the `http` of an input.
    Request(Box<HttpRequest>),
    /// An HTTP response: the `http` of a result.
    Response(Box<HttpResponse>),
    /// Bytes that are read while they arrive.
    Stream(BodyStream),
    /// A blob, which is read when it is needed.
    Blob(Box<BlobContent>),
    /// A collection of texts.
    Strings(Vec<String>),
    /// A collection of byte strings.
    ByteStrings(Vec<Bytes>),
    /// A collection of whole numbers.
    Ints(Vec<i64>),
    /// A collection of floating-point numbers.
    Doubles(Vec<f64>),
    /// Where the data are, which the function opens itself: the `model_binding_data` of an input.
    Reference(Box<DataReference>),
    /// A collection of them.
    References(Vec<DataReference>),
}

/// What says where data are, for a client of Azure's own library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataReference {
    /// The version of the content's form.
    pub version: String,
    /// What has made it: "AzureStorageBlobs".
    pub source: String,
    /// The MIME type of the content.
    pub content_type: String,
    /// What only the library for this source knows.
    pub content: Bytes,
}

impl Data {
    /// Whether there is no data.
    pub fn is_none(&self) -> bool {
        matches!(self, Data::None)
    }

    /// Returns the HTTP request, if this is one.
    pub fn request(&self) -> Option<&HttpRequest> {
        match self {
            Data::Request(request) => Some(request),
            _ => None,
        }
    }
}

/// The data of a call's input bindings.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// The data of the trigger.
    pub trigger: Data,
    /// The data of the other input bindings, by the binding's name.
    pub others: Vec<(String, Data)>,
}

impl Inputs {
    /// Returns inputs with only the trigger's data.
    pub fn of_trigger(data: Data) -> Self {
        Inputs {
            trigger: data,
            others: Vec::new(),
        }
    }
}
