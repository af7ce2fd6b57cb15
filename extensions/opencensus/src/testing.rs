//! What unit tests share.

use std::sync::LazyLock;

use funcdock_telemetry::conventions::TracedFunction;
use funcdock_telemetry::encode::Limits;
use funcdock_telemetry::propagation::{Caller, HeaderList, Propagators};

/// A function.
pub(crate) static HELLO: LazyLock<TracedFunction> = LazyLock::new(|| {
    let function = TracedFunction {
        name: "hello",
        faas_name: "hello",
        trigger: "http",
        ..TracedFunction::default()
    };
    function.encoded(Limits::default())
});

/// Returns the caller that these headers name, in the default formats, without empty headers.
pub(crate) fn caller(headers: &[(&str, &str)]) -> Caller {
    let headers = headers.iter().filter(|(_, value)| !value.is_empty());
    let headers = headers.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Propagators::default().extract(&HeaderList::new(headers), |_| {})
}
