//! Takes events of `tracing` into the book.

use std::{fmt, sync::Arc};

use pulse_core::Clock;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use crate::{book::Book, line::Line};

/// Writes every event into a [`Book`].
pub struct BookLayer {
    book: Arc<Book>,
    clock: Arc<dyn Clock>,
}

impl BookLayer {
    /// A layer over `book`.
    pub fn new(book: Arc<Book>, clock: Arc<dyn Clock>) -> Self {
        Self { book, clock }
    }
}

impl<S: Subscriber> Layer<S> for BookLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let level = match *metadata.level() {
            tracing::Level::TRACE => "trace",
            tracing::Level::DEBUG => "debug",
            tracing::Level::INFO => "info",
            tracing::Level::WARN => "warn",
            tracing::Level::ERROR => "error",
        };
        let mut fields = Fields(Line::new(level, self.clock.now(), metadata.target()));
        event.record(&mut fields);
        self.book.push(fields.0.finish());
    }
}

struct Fields(Line);

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.value(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.value(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.value(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.value(field.name(), value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.text(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.0.text(field.name(), &text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.text(field.name(), &format!("{value:?}"));
    }
}
