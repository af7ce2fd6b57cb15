//! How a call ended, as the test says it.

use std::cell::RefCell;
use std::time::Duration;

use abi_stable::std_types::{ROption, RStr, Tuple2};

use super::data::TestData;
use super::response::TestResponse;
use crate::driver::{Refusal, table};
use crate::{OutcomeKind, Response, abi};

/// What a function returned: an HTTP [`Response`], [`TestData`] and what converts into it (text, bytes, a number), or
/// nothing (`()`).
#[derive(Debug, Clone, PartialEq)]
pub struct Returned {
    data: TestData,
    response: TestResponse,
}

impl Returned {
    /// An HTTP response whose body is a stream. The test ends it with [`Call::stream_ended`](super::Call::stream_ended).
    pub fn streaming(response: Response) -> Self {
        Returned {
            data: TestData::Http(None),
            response: TestResponse {
                streams: true,
                ..TestResponse::new(response)
            },
        }
    }
}

impl From<Response> for Returned {
    fn from(response: Response) -> Self {
        Returned {
            data: TestData::Http(Some(response.body.clone())),
            response: TestResponse::new(response),
        }
    }
}

/// As a host answers an HTTP request with it.
impl From<TestData> for Returned {
    fn from(data: TestData) -> Self {
        const TEXT: &str = "text/plain; charset=utf-8";
        let (content_type, body) = match &data {
            TestData::None => {
                return Returned {
                    data,
                    response: TestResponse::new(Response::new(204)),
                };
            }
            TestData::Bytes(bytes) => ("application/octet-stream", bytes.clone()),
            TestData::Text(text) => (TEXT, text.clone().into()),
            TestData::Json(text) => ("application/json", text.clone().into()),
            other => (TEXT, format!("{other:?}").into()),
        };
        let response = Response::new(200).header("content-type", content_type);
        Returned {
            response: TestResponse::new(response.body(body)),
            data,
        }
    }
}

macro_rules! from {
    ($($type:ty)*) => {
        $(impl From<$type> for Returned {
            fn from(value: $type) -> Self {
                TestData::from(value).into()
            }
        })*
    };
}

from! { () &str String Vec<u8> i64 f64 serde_json::Value }

/// How a call ended.
pub(super) struct TestOutcome {
    kind: u8,
    /// `None` if no HTTP request made the call.
    response: Option<RefCell<TestResponse>>,
    /// Type, message, traceback.
    exception: Option<[String; 3]>,
    extension: Option<String>,
    returned: Option<TestData>,
    pub(super) outputs: Vec<(String, TestData)>,
    /// `None` if the function was not called.
    pub(super) function_time: Option<Duration>,
}

impl TestOutcome {
    fn new(kind: u8, response: TestResponse) -> Self {
        TestOutcome {
            kind,
            response: Some(RefCell::new(response)),
            exception: None,
            extension: None,
            returned: None,
            outputs: Vec::new(),
            function_time: None,
        }
    }

    fn with_status(kind: u8, status: u16) -> Self {
        TestOutcome::new(kind, TestResponse::new(Response::new(status)))
    }

    pub(super) fn returned(value: Returned) -> Self {
        TestOutcome {
            returned: Some(value.data),
            ..TestOutcome::new(abi::OUTCOME_RETURNED, value.response)
        }
    }

    pub(super) fn raised(type_name: String, message: String) -> Self {
        let traceback = format!("Traceback (most recent call last):\n{type_name}: {message}\n");
        TestOutcome {
            exception: Some([type_name, message, traceback]),
            ..TestOutcome::with_status(abi::OUTCOME_RAISED, 500)
        }
    }

    pub(super) fn timed_out() -> Self {
        TestOutcome::with_status(abi::OUTCOME_TIMED_OUT, 504)
    }

    pub(super) fn cancelled() -> Self {
        TestOutcome::with_status(abi::OUTCOME_CANCELLED, 503)
    }

    pub(super) fn answered(extension: &str, response: Response) -> Self {
        TestOutcome {
            extension: Some(extension.to_owned()),
            ..TestOutcome::new(abi::OUTCOME_ANSWERED, TestResponse::new(response))
        }
    }

    pub(super) fn refused(extension: &str, refusal: Refusal) -> Self {
        TestOutcome {
            extension: Some(extension.to_owned()),
            exception: Some([refusal.type_name.to_owned(), refusal.message, String::new()]),
            ..TestOutcome::with_status(abi::OUTCOME_REFUSED, 500)
        }
    }

    /// Without a response, if no HTTP request made the call.
    pub(super) fn for_trigger(mut self, is_http: bool) -> Self {
        self.response = self.response.filter(|_| is_http);
        self
    }

    pub(super) fn kind(&self) -> OutcomeKind {
        OutcomeKind::from_abi(self.kind)
    }

    /// Whether the body of the response is a stream.
    pub(super) fn is_streamed(&self) -> bool {
        let response = self.response.as_ref();
        response.is_some_and(|response| response.borrow().streams)
    }

    /// The response; `None` if no HTTP request made the call.
    pub(super) fn response(&self) -> Option<Response> {
        let cell = self.response.as_ref()?;
        Some(cell.borrow().response.clone())
    }

    pub(super) fn raw(&self) -> abi::Outcome<'_> {
        // SAFETY: the table is one for this type, and the value is borrowed as long as the context.
        unsafe { abi::Outcome::new(OUTCOME, std::ptr::from_ref(self).cast()) }
    }
}

table! {
    OUTCOME: OutcomeFns, OutcomeFnsRef of TestOutcome {
        fn kind(outcome) -> u8 { outcome.kind }
        fn exception(outcome) -> ROption<abi::Exception<'static>> {
            let exception = outcome.exception.as_ref();
            exception
                .map(|[type_name, message, traceback]| abi::Exception {
                    type_name: RStr::from_str(type_name),
                    message: RStr::from_str(message),
                    traceback: RStr::from_str(traceback),
                })
                .into()
        }
        fn extension(outcome) -> ROption<RStr<'static>> {
            outcome.extension.as_deref().map(RStr::from_str).into()
        }
        fn return_value(outcome) -> ROption<abi::Data<'static>> {
            outcome.returned.as_ref().map(TestData::raw).into()
        }
        fn output(outcome, name: RStr<'_>) -> ROption<abi::Data<'static>> {
            let found = outcome.outputs.iter().find(|(known, _)| *known == name.as_str());
            found.map(|(_, data)| data.raw()).into()
        }
        fn output_at(outcome, index: usize) -> ROption<Tuple2<RStr<'static>, abi::Data<'static>>> {
            let output = outcome.outputs.get(index);
            output.map(|(name, data)| Tuple2(RStr::from_str(name), data.raw())).into()
        }
        fn status(outcome) -> ROption<u16> {
            let response = outcome.response.as_ref();
            response.map(|response| response.borrow().response.status).into()
        }
        fn function_ns(outcome) -> ROption<u64> {
            let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
            outcome.function_time.map(nanoseconds).into()
        }
        fn is_streamed(outcome) -> bool { outcome.is_streamed() }
        fn response(outcome) -> ROption<abi::HttpResponse<'static>> {
            outcome.response.as_ref().map(TestResponse::raw).into()
        }
    }
}
