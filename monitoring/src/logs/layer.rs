//! Writes events as lines.

use std::cell::Cell;
use std::io::Write as _;
use std::sync::OnceLock;

use opentelemetry::trace::SpanContext;
use tracing::dispatcher::{Dispatch, WeakDispatch};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::LogForm;
use super::fields::{Fields, Recorded};
use super::line::Line;
use crate::traces::span_context_at;

thread_local! {
    static LINES: Cell<u64> = const { Cell::new(0) };
}

/// How many lines this thread has written, to tell whether something was logged.
pub(super) fn lines_of_this_thread() -> u64 {
    LINES.get()
}

/// Writes every event as one line. All that a line holds of messages and fields was redacted before.
///
/// There should be one of them in a subscriber: all of them would share what they keep of a span.
#[derive(Debug)]
pub struct LogLayer<W> {
    form: LogForm,
    colored: bool,
    writer: W,
    /// The subscriber that this layer is part of, to ask it for the trace.
    subscriber: OnceLock<WeakDispatch>,
}

impl<W> LogLayer<W> {
    /// A layer that writes lines of a form, without colours.
    pub fn new(form: LogForm, writer: W) -> Self {
        Self { form, colored: false, writer, subscriber: OnceLock::new() }
    }

    /// Has the lines for people show levels in colours, or not.
    pub fn colored(self, colored: bool) -> Self {
        Self { colored, ..self }
    }

    /// The exported span around an event, if the sampling keeps it.
    fn traced(&self, event: &Event<'_>) -> Option<SpanContext> {
        if event.is_root() {
            return None;
        }
        let subscriber = self.subscriber.get()?.upgrade()?;
        span_context_at(&subscriber, event.parent()).filter(SpanContext::is_sampled)
    }
}

impl<S, W> Layer<S> for LogLayer<W>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        // There is one subscriber for a layer.
        let _ = self.subscriber.set(subscriber.downgrade());
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut recorded = Recorded::with_capacity(attributes.fields().len());
        attributes.record(&mut recorded);
        span.extensions_mut().replace(recorded);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(recorded) = span.extensions_mut().get_mut::<Recorded>() {
            values.record(recorded);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut recorded = Recorded::default();
        event.record(&mut recorded);
        let own = recorded.redacted();
        let message = own.take_message();
        let critical = *event.metadata().level() == Level::ERROR && own.take_critical();
        let mut fields = Fields::default();
        let mut function = None;
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            let known = span.extensions().get::<Recorded>().is_some_and(|recorded| match recorded.known() {
                Some(known) => {
                    fields.extend(known);
                    true
                }
                None => false,
            });
            if !known && let Some(recorded) = span.extensions_mut().get_mut::<Recorded>() {
                fields.extend(recorded.redacted());
            }
            function = Some(span.name());
        }
        // A span may have a field of this name; only the event's is the line's message.
        fields.take_message();
        fields.extend(own);
        let trace = self.traced(event);
        let line = Line { metadata: event.metadata(), critical, message, function, trace, fields };
        let text = match self.form {
            LogForm::Human => line.human(self.colored),
            LogForm::Json => line.json(),
        };
        LINES.set(LINES.get() + 1);
        // There is nowhere to report it when the log itself cannot be written.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(text.as_bytes());
    }
}
