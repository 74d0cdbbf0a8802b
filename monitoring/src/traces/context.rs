//! How a trace goes on in a message: the W3C trace context.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use opentelemetry::Context;
pub use opentelemetry::trace::TraceId;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceState};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tracing::dispatcher::{self, Dispatch};
use tracing::span::{Id, Span};
use tracing_opentelemetry::{OpenTelemetrySpanExt, get_otel_context};
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan;

use super::TraceError;
use super::passage::leaves_out;

/// Whether a layer that exports spans was ever built. Without one there is no context to look for.
static LAYERS: AtomicBool = AtomicBool::new(false);

pub(super) fn note_layer() {
    LAYERS.store(true, Relaxed);
}

/// The place in a trace from which a message comes, for the message to carry.
///
/// In JSON it is an object with the keys `traceparent` and `tracestate` as W3C Trace Context defines them, without
/// those that say nothing. What is not understood when it is read counts as nothing: a message is worth more than its
/// trace.
#[derive(Clone, PartialEq)]
pub struct TraceContext(SpanContext);

impl TraceContext {
    /// That of the current span. Empty where spans are not exported; then it costs next to nothing.
    pub fn current() -> Self {
        if leaves_out() {
            return Self::left_out();
        }
        current_span_context().map_or_else(Self::default, |span| Self::of(&span, span.trace_state().clone()))
    }

    /// Of a span that is left out and has no place in its trace: whoever goes on from it is left out as well. That the
    /// trace is not named does not matter, as nobody will see it.
    fn left_out() -> Self {
        let (trace, span) = (TraceId::from(1_u128), SpanId::from(1_u64));
        Self(SpanContext::new(trace, span, TraceFlags::default(), true, TraceState::NONE))
    }

    /// That of the headers of a request.
    ///
    /// # Errors
    /// When one of them is not what W3C Trace Context says.
    pub fn from_headers(traceparent: &str, tracestate: Option<&str>) -> Result<Self, TraceError> {
        let span = parse(traceparent.trim())
            .map_err(|problem| TraceError::Context { header: "traceparent", problem })?;
        let state = match tracestate.map(str::trim).filter(|state| !state.is_empty()) {
            Some(state) => TraceState::from_str(state).map_err(|_| TraceError::Context {
                header: "tracestate",
                problem: "it is no list of the form name=value,name=value",
            })?,
            None => TraceState::NONE,
        };
        Ok(Self::of(&span, state))
    }

    /// Whether there is no trace to go on with.
    pub fn is_empty(&self) -> bool {
        !self.0.is_valid()
    }

    /// The header `traceparent`; `None` when it is empty.
    pub fn traceparent(&self) -> Option<String> {
        let span = &self.0;
        let flags = span.trace_flags() & TraceFlags::SAMPLED;
        (!self.is_empty()).then(|| format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id()))
    }

    /// The header `tracestate`; `None` when there is nothing in it.
    pub fn tracestate(&self) -> Option<String> {
        let state = self.0.trace_state().header();
        (!self.is_empty() && !state.is_empty()).then_some(state)
    }

    fn of(span: &SpanContext, state: TraceState) -> Self {
        Self(SpanContext::new(span.trace_id(), span.span_id(), span.trace_flags(), true, state))
    }
}

impl Default for TraceContext {
    fn default() -> Self {
        Self(SpanContext::NONE)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_tuple("TraceContext");
        self.traceparent().iter().chain(self.tracestate().iter()).for_each(|header| {
            shown.field(header);
        });
        shown.finish()
    }
}

#[derive(Serialize, Deserialize)]
struct Headers {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tracestate: Option<String>,
}

impl Serialize for TraceContext {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Headers { traceparent: self.traceparent(), tracestate: self.tracestate() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TraceContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Headers { traceparent, tracestate } = Headers::deserialize(deserializer)?;
        let Some(traceparent) = traceparent else { return Ok(Self::default()) };
        let both = Self::from_headers(&traceparent, tracestate.as_deref());
        Ok(both.or_else(|_| Self::from_headers(&traceparent, None)).unwrap_or_default())
    }
}

/// Has a span go on with the trace that a message came from. Call it before the span is entered and before spans are
/// made inside it; later it has no effect. Does nothing with an empty context.
pub fn set_parent(span: &Span, context: &TraceContext) {
    if !context.is_empty() {
        // Fails where the span is not exported.
        let _ = span.set_parent(Context::new().with_remote_span_context(context.0.clone()));
    }
}

/// The id of the current trace if the current span is kept by the sampling, such as for an exemplar. It prints as 32
/// hexadecimal digits.
pub fn sampled_trace_id() -> Option<TraceId> {
    current_span_context().filter(SpanContext::is_sampled).map(|span| span.trace_id())
}

fn current_span_context() -> Option<SpanContext> {
    if !LAYERS.load(Relaxed) {
        return None;
    }
    dispatcher::get_default(|dispatch| span_context_at(dispatch, None))
}

/// The exported span that is the one given (or the current one), or the nearest around it.
///
/// The caller must hold none of the span's extensions.
pub(crate) fn span_context_at(dispatch: &Dispatch, id: Option<&Id>) -> Option<SpanContext> {
    if !LAYERS.load(Relaxed) {
        return None;
    }
    let registry = dispatch.downcast_ref::<Registry>()?;
    let current = if id.is_none() { dispatch.current_span().id().cloned() } else { None };
    let innermost = registry.span(id.or(current.as_ref())?)?;
    innermost.scope().find_map(|span| {
        let context = get_otel_context(&span.id(), dispatch)?;
        let span = context.span().span_context().clone();
        span.is_valid().then_some(span)
    })
}

/// `version-trace-span-flags`; later versions may have more parts.
fn parse(traceparent: &str) -> Result<SpanContext, &'static str> {
    const FORM: &str =
        "it is not of the form 00-<32 hexadecimal digits>-<16 of them>-<2 of them>, in lower case";
    let mut parts = traceparent.split('-');
    let mut number = |digits: usize| {
        let part = parts.next().filter(|part| part.len() == digits)?;
        let is_hex = part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_hex.then(|| u128::from_str_radix(part, 16).ok())?
    };
    let numbers = (number(2), number(32), number(16), number(2));
    let (Some(version), Some(trace), Some(span), Some(flags)) = numbers else { return Err(FORM) };
    if version == 0xff || version == 0 && parts.next().is_some() {
        return Err(FORM);
    }
    // They are no longer than the digits they were read from.
    let (span, flags) = (SpanId::from(span as u64), TraceFlags::new(flags as u8) & TraceFlags::SAMPLED);
    let context = SpanContext::new(TraceId::from(trace), span, flags, true, TraceState::NONE);
    if context.is_valid() { Ok(context) } else { Err("its ids are zero") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn headers_and_json_are_what_went_in() {
        let context = TraceContext::from_headers(PARENT, Some("a=1,b=2")).unwrap();
        assert_eq!(context.traceparent().as_deref(), Some(PARENT));
        assert_eq!(context.tracestate().as_deref(), Some("a=1,b=2"));
        let json = serde_json::to_string(&context).unwrap();
        assert_eq!(json, format!(r#"{{"traceparent":"{PARENT}","tracestate":"a=1,b=2"}}"#));
        assert_eq!(serde_json::from_str::<TraceContext>(&json).unwrap(), context);
    }

    #[test]
    fn nothing_is_an_empty_object() {
        assert!(TraceContext::default().is_empty() && TraceContext::current().is_empty());
        assert_eq!(serde_json::to_string(&TraceContext::default()).unwrap(), "{}");
        for json in ["{}", r#"{"traceparent":"x"}"#, r#"{"tracestate":"a=1"}"#, r#"{"traceparent":null}"#] {
            assert!(serde_json::from_str::<TraceContext>(json).unwrap().is_empty(), "{json}");
        }
        let json = format!(r#"{{"traceparent":"{PARENT}","tracestate":"?"}}"#);
        let context: TraceContext = serde_json::from_str(&json).unwrap();
        assert_eq!((context.traceparent().as_deref(), context.tracestate()), (Some(PARENT), None));
        assert_eq!(sampled_trace_id(), None);
        set_parent(&Span::current(), &context);
    }

    #[test]
    fn says_what_is_wrong_with_a_header() {
        for header in [
            "",
            "00",
            "00-0-0-0",
            "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01",
            "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        ] {
            let error = TraceContext::from_headers(header, None).unwrap_err().to_string();
            assert!(error.starts_with("traceparent is not understood"), "{header}: {error}");
        }
        let later = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more";
        assert_eq!(TraceContext::from_headers(later, None).unwrap().traceparent().as_deref(), Some(PARENT));
        let error = TraceContext::from_headers(PARENT, Some("no list")).unwrap_err().to_string();
        assert!(error.starts_with("tracestate is not understood"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_understood_or_refused(text in "[0-9a-f-]{0,60}|.{0,60}") {
            if let Ok(context) = TraceContext::from_headers(&text, None) {
                prop_assert!(text.contains(&context.traceparent().unwrap()[3..52]));
            }
        }
    }
}
