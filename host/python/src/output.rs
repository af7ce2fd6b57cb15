//! What functions print is out when their calls end: see `funcdock.output`. The host keeps the last lines, as it keeps log
//! records.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};

use funcdock::logging::{Printed, remember_printed};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::calls::{self, Call};
use crate::text::lossy;

/// The longest line that is kept whole, in bytes.
const LONGEST: usize = 64 << 10;

/// Something was printed since the last flush, without the end of its line.
static PRINTED: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// The lines that this thread prints, to stdout and to stderr.
    static BEGUN: RefCell<[Line; 2]> = const { RefCell::new([Line::new(Printed::Stdout), Line::new(Printed::Stderr)]) };
}

/// A line that has begun.
struct Line {
    to: Printed,
    text: String,
    /// The call that has begun it.
    call: Option<Call>,
}

impl Line {
    const fn new(to: Printed) -> Self {
        Line {
            to,
            text: String::new(),
            call: None,
        }
    }

    /// Has the host keep the line, and begins another one.
    fn end(&mut self) {
        let function = self.call.take().map(|call| call.function());
        remember_printed(self.to, function.as_deref(), self.text.trim_end_matches('\n'));
        self.text.clear();
        self.text.shrink_to(LONGEST);
    }
}

/// Replaces the standard streams. Attached.
pub(crate) fn install(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let note = wrap_pyfunction!(note, module.py())?;
    module.call_method1("install", (note,))?;
    Ok(())
}

/// Takes note of text that was printed: by this call, if that is an asynchronous one.
#[pyfunction]
fn note(text: &Bound<'_, PyString>, task: Option<&Bound<'_, Call>>, is_stderr: bool) {
    let text = lossy(text);
    if !text.contains('\n') {
        PRINTED.store(true, Ordering::Relaxed);
    }
    BEGUN.with_borrow_mut(|begun| {
        let begun = &mut begun[usize::from(is_stderr)];
        for piece in text.split_inclusive('\n') {
            if begun.text.is_empty() {
                begun.call = task.map(|task| task.get().clone()).or_else(calls::current);
            }
            begun.text.push_str(piece);
            if piece.ends_with('\n') || begun.text.len() > LONGEST {
                begun.end();
            }
        }
    });
}

/// Writes what was printed. Attached, at the end of each call: costs nothing if nothing was printed.
pub(crate) fn flush(py: Python<'_>) {
    // Relaxed: what this thread has printed, it has marked itself.
    if PRINTED.load(Ordering::Relaxed) {
        PRINTED.store(false, Ordering::Relaxed);
        BEGUN.with_borrow_mut(|begun| {
            for line in begun.iter_mut().filter(|line| !line.text.is_empty()) {
                line.end();
            }
        });
        let flushed = py
            .import(intern!(py, "funcdock.output"))
            .and_then(|module| module.call_method0(intern!(py, "flush")));
        if let Err(error) = flushed {
            tracing::debug!("what a function has printed cannot be flushed: {error}");
        }
    }
}
