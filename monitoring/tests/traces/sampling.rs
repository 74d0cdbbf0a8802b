//! Which spans are kept, and that each is counted once.

use std::time::Duration;

use evohub_monitoring::traces::{SpanCounts, TraceContext, TraceProtocol, sampled_trace_id, set_parent};

use super::collector::{Collector, by_name};
use super::delivery::traced;

/// A job of evaluations, each with a call; each seventh call fails.
fn evaluations(count: usize) {
    let _job = tracing::info_span!("job").entered();
    let _generation = tracing::info_span!("generation").entered();
    for number in 0..count {
        let evaluation = tracing::info_span!("evaluate_prompt");
        // The call is made by somebody else, who gets a message.
        let message = evaluation.in_scope(TraceContext::current);
        let call = tracing::info_span!("llm_api_call", number = number as i64);
        set_parent(&call, &message);
        call.in_scope(|| {
            if number % 7 == 0 {
                tracing::error!("no answer");
            }
        });
        evaluation.in_scope(|| tracing::info_span!("calculate_fitness").in_scope(|| ()));
    }
}

#[test]
fn with_a_ratio_of_zero_the_failed_ones_are_kept_alone() {
    let collector = Collector::start();
    let mut config = collector.config(TraceProtocol::Http);
    config.sample_ratio = 0.0;
    config.keep_failed = true;
    let counts = traced(config, |_| {
        evaluations(70);
        let evaluation = tracing::info_span!("evaluate_prompt").entered();
        assert_eq!(sampled_trace_id(), None, "nobody knows yet whether it is kept");
        drop(evaluation);
    });
    assert_eq!(counts, SpanCounts { exported: 2 + 10 * 3, sampled_out: 60 * 3 + 1, ..SpanCounts::default() });
    let received = collector.received();
    let names = by_name(&received);
    assert_eq!((names["evaluate_prompt"], names["llm_api_call"], names["calculate_fitness"]), (10, 10, 10));
    let generation = received.named("generation");
    for span in &received.spans {
        assert_eq!(span.flags & 1, 1, "it says of itself that it was kept: {span:?}");
        match span.name.as_str() {
            "evaluate_prompt" => assert_eq!(span.parent_span_id, generation.span_id),
            "llm_api_call" | "calculate_fitness" => {
                let parent = received.spans.iter().find(|parent| parent.span_id == span.parent_span_id);
                assert_eq!(parent.unwrap().name, "evaluate_prompt");
            }
            _ => {}
        }
    }
}

#[test]
fn the_slow_ones_are_kept() {
    for (limit, kept) in [(Duration::ZERO, 5), (Duration::from_secs(3_600), 0)] {
        let collector = Collector::start();
        let mut config = collector.config(TraceProtocol::Http);
        config.sample_ratio = 0.0;
        config.keep_slower_than = Some(limit);
        let counts = traced(config, |_| evaluations(5));
        assert_eq!((counts.exported, counts.total()), (2 + kept * 3, 17));
        assert_eq!(collector.received().spans.len() as u64, counts.exported);
    }
}

#[test]
fn what_happens_inside_follows_the_lot() {
    let collector = Collector::start();
    let mut config = collector.config(TraceProtocol::Http);
    config.sample_ratio = 0.5;
    config.batch.queue = 4_096;
    let counts = traced(config, |_| evaluations(1_000));
    assert_eq!((counts.total(), counts.lost()), (3_002, 0));
    let received = collector.received();
    let names = by_name(&received);
    let kept = names["evaluate_prompt"];
    // Far beyond ten standard deviations it would be no lot.
    assert!((300..=700).contains(&kept), "{kept}");
    assert_eq!((names["llm_api_call"], names["calculate_fitness"]), (kept, kept));
    assert_eq!(counts.exported as usize, 2 + 3 * kept);
}

#[test]
fn a_caller_who_samples_nothing_is_obeyed() {
    let collector = Collector::start();
    let mut config = collector.config(TraceProtocol::Http);
    config.keep_failed = true;
    let counts = traced(config, |_| {
        let job = tracing::info_span!("job");
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
        set_parent(&job, &TraceContext::from_headers(parent, None).unwrap());
        job.in_scope(|| tracing::info_span!("evaluate_prompt").in_scope(|| tracing::error!("no answer")));
    });
    assert_eq!(counts, SpanCounts { sampled_out: 2, ..SpanCounts::default() });
    assert!(collector.received().spans.is_empty());
}

#[test]
fn what_is_open_at_the_end_and_what_comes_late_is_judged_by_what_is_known() {
    let collector = Collector::start();
    let mut config = collector.config(TraceProtocol::Http);
    config.sample_ratio = 0.0;
    config.keep_failed = true;
    let counts = traced(config, |_| {
        let failed = tracing::info_span!("evaluate_prompt", number = 1);
        let late = failed.in_scope(|| tracing::info_span!("late"));
        failed.in_scope(|| tracing::info_span!("early").in_scope(|| tracing::error!("no answer")));
        let inside = late.in_scope(|| tracing::info_span!("inside"));
        drop(failed);
        drop((inside, late));
        // The next one is never closed, but what failed in it is known.
        let open = tracing::info_span!("evaluate_prompt", number = 2);
        open.in_scope(|| tracing::info_span!("call").in_scope(|| tracing::error!("no answer")));
        let fine = tracing::info_span!("evaluate_prompt", number = 3);
        fine.in_scope(|| tracing::info_span!("call").in_scope(|| ()));
        std::mem::forget((open, fine));
    });
    assert_eq!(counts, SpanCounts { exported: 5, sampled_out: 1, ..SpanCounts::default() });
    assert_eq!(collector.received().names(), ["call", "early", "evaluate_prompt", "inside", "late"]);
}
