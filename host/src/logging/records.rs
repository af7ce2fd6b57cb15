//! Takes the records of this process, and hands each on as a text in the format of the log.

use std::cell::RefCell;
use std::fmt;

use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::about::About;
use super::{Format, json, text};

/// The layer.
pub(super) struct Records<W> {
    format: Format,
    has_colours: bool,
    write: W,
}

impl<W: Fn(&About, &str, &str) + Send + Sync + 'static> Records<W> {
    /// Returns a layer that calls `write` with each record: what is known of it, its text, and its text to show, which has
    /// colours if they are wanted. Both end with a line break.
    pub(super) fn new(format: Format, has_colours: bool, write: W) -> Self {
        Records {
            format,
            has_colours: has_colours && format == Format::Text,
            write,
        }
    }

    fn write(&self, event: &Event<'_>, line: &mut String) -> fmt::Result {
        line.clear();
        let about = match self.format {
            Format::Text => text::write(event, line)?,
            Format::Json => json::write(event, line)?,
        };
        if self.has_colours {
            (self.write)(&about, line, &text::coloured(line, *event.metadata().level()));
        } else {
            (self.write)(&about, line, line);
        }
        Ok(())
    }
}

thread_local! {
    /// The text of the last record of this thread, for its room.
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The longest text whose room is kept.
const KEPT: usize = 16 << 10;

impl<S: Subscriber, W: Fn(&About, &str, &str) + Send + Sync + 'static> Layer<S> for Records<W> {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        // A record that cannot be formatted is left out: nobody can be told.
        let _ = LINE.try_with(|line| match line.try_borrow_mut() {
            Ok(mut line) => {
                let written = self.write(event, &mut line);
                line.shrink_to(KEPT);
                written
            }
            // What this record has is logged while it is formatted.
            Err(_) => self.write(event, &mut String::new()),
        });
    }
}
