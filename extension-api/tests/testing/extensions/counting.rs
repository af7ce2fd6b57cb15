//! An object for function code.

use std::sync::atomic::{AtomicI64, Ordering};

use funcdock_extension_api::{Exception, methods};

#[derive(Default)]
pub(super) struct Counter {
    value: AtomicI64,
}

impl Drop for Counter {
    fn drop(&mut self) {
        tracing::debug!("counted to {}", self.value.load(Ordering::Relaxed));
    }
}

#[methods]
impl Counter {
    /// Counts on, by 1 unless said otherwise.
    fn increment(&self, by: Option<i64>) -> i64 {
        let by = by.unwrap_or(1);
        self.value.fetch_add(by, Ordering::Relaxed) + by
    }

    fn burst(&self) {
        panic!("counter burst");
    }

    #[getter]
    fn value(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }

    #[setter]
    fn set_value(&self, value: i64) {
        self.value.store(value, Ordering::Relaxed);
    }

    #[getter]
    fn set_up(&self) -> bool {
        true
    }

    #[setter]
    fn set_set_up(&self, _is: bool) {}

    fn r#match(&self) -> &str {
        "a keyword of Rust's only"
    }

    fn __enter__(&self) {}

    fn __exit__(&self, exception: Option<Exception<'_>>) -> bool {
        exception.is_some_and(|exception| {
            tracing::info!("exit by {}", exception.type_name);
            exception.type_name == "KeyError"
        })
    }
}
