//! What `receive` and `send` in Python call: the Rust side of `funcdock.asgi.Exchange`.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::events::Sent;
use super::exchange::Exchange;
use super::websocket_events;
use crate::calls::Call;
use crate::forks;
use crate::output;

/// The Rust side of `funcdock.asgi.Exchange`.
#[pyclass(frozen, module = "funcdock")]
pub(crate) struct RawExchange(pub(super) Arc<Exchange>);

#[pymethods]
impl RawExchange {
    /// The call for the log records of its task.
    #[getter]
    fn for_logs(&self) -> Call {
        self.0.for_logs()
    }

    /// Returns the next event of the request, or the future of one.
    fn receive<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.0.receive(py)
    }

    /// Takes an event of the response; returns a future if the app has to wait before it sends more.
    fn send<'py>(&self, event: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.0.is_websocket {
            let sent = websocket_events::Sent::parse(event)?;
            return self.0.send_over_websocket(event.py(), sent);
        }
        match Sent::parse(event)? {
            Sent::Start(head) => self.0.send_head(head).map(|()| None),
            Sent::Body { body, more } => self.0.send_body(event.py(), body, more),
        }
    }

    fn returned(&self, py: Python<'_>) -> PyResult<()> {
        forks::end_call_of_child(py, None);
        output::flush(py);
        self.0.ended(py, None)
    }

    fn raised(&self, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, error) = (error.py(), PyErr::from_value(error.clone()));
        forks::end_call_of_child(py, Some(&error));
        output::flush(py);
        self.0.ended(py, Some(error))
    }

    /// Handles the end of the task.
    fn ended(&self, py: Python<'_>, _task: &Bound<'_, PyAny>) -> PyResult<()> {
        self.0.task_ended(py)
    }
}
