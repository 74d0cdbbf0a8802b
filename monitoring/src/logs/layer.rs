//! Writes events as lines.

use std::io::Write as _;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::LogForm;
use super::fields::Fields;
use super::line::Line;

/// Writes every event as one line. All that a line holds of messages and fields was redacted before.
///
/// There should be one of them in a subscriber: all of them would share what they keep of a span.
#[derive(Debug)]
pub struct LogLayer<W> {
    form: LogForm,
    colored: bool,
    writer: W,
}

impl<W> LogLayer<W> {
    /// A layer that writes lines of a form, without colours.
    pub fn new(form: LogForm, writer: W) -> Self {
        Self { form, colored: false, writer }
    }

    /// Has the lines for people show levels in colours, or not.
    pub fn colored(self, colored: bool) -> Self {
        Self { colored, ..self }
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().replace(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        let mut function = None;
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(known) = span.extensions().get::<Fields>() {
                fields.extend(known);
            }
            function = Some(span.name());
        }
        // A span may have a field of this name; only the event's is the line's message.
        fields.take_message();
        event.record(&mut fields);
        let message = fields.take_message();
        let line = Line { metadata: event.metadata(), message, function, fields };
        let text = match self.form {
            LogForm::Human => line.human(self.colored),
            LogForm::Json => line.json(),
        };
        // There is nowhere to report it when the log itself cannot be written.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(text.as_bytes());
    }
}
