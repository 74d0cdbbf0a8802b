//! Pages of a process that works steadily, for tests.

use std::fmt::Write as _;

use evohub::target::Page;

use super::reading::Reading;

/// When the process started, in seconds since 1970.
pub(super) const START: f64 = 1_700_000_000.0;

/// What a process says so many seconds after its start: it measures ten evaluations a second, one of which fails.
pub(super) fn page(second: u64) -> String {
    let mut page = String::new();
    let mut put = |line: &str| {
        let _ = writeln!(page, "{line}");
    };
    put("# TYPE evohub_build info");
    put("evohub_build_info{version=\"0.1.0\",revision=\"8b3fbee\",rustc=\"rustc 1.95.0\"} 1");
    put(&format!("process_start_time_seconds {START:?}"));
    put(&format!("process_cpu_seconds_total {}", second as f64 * 1.5));
    put("process_resident_memory_bytes 134217728");
    put("process_open_fds 34");
    put("process_max_fds 1024");
    put("tokio_runtime_workers 2");
    put("tokio_runtime_alive_tasks 57");
    put("tokio_runtime_global_queue_depth 0");
    put("evolution_jobs{state=\"running\"} 1");
    put("evolution_jobs{state=\"done\"} 2");
    put("evolution_jobs{state=\"failed\"} 0");
    put(&format!("evolution_generations_completed_total {}", second / 10));
    put(&format!("evolution_best_fitness {:?}", 1.0 - 0.5 / (1.0 + second as f64 / 40.0)));
    put(&format!("evolution_mean_fitness {:?}", 0.9 - 0.5 / (1.0 + second as f64 / 60.0)));
    put(&format!("evolution_population_diversity {:?}", 0.2 + 0.6 / (1.0 + second as f64 / 30.0)));
    put("evolution_population_size 24");
    put(&format!("evolution_candidates_total{{operator=\"reflect\",outcome=\"accepted\"}} {}", second / 10));
    put(&format!("evolution_candidates_total{{operator=\"merge\",outcome=\"rejected\"}} {}", second / 5));
    put(&format!("prompt_evaluations_total{{outcome=\"success\"}} {}", second * 9));
    put(&format!("prompt_evaluations_total{{outcome=\"failed\"}} {second}"));
    put(&format!("prompt_evaluations_total{{outcome=\"cached\"}} {}", second * 3));
    put(&format!("prompt_evaluations_failed_total{{error_type=\"timeout\"}} {}", second - second / 4));
    put(&format!("prompt_evaluations_failed_total{{error_type=\"rate_limited\"}} {}", second / 4));
    put(&format!("evaluation_cache_hits_total{{tier=\"store\"}} {}", second * 3));
    put(&format!("evaluation_cache_misses_total{{tier=\"store\"}} {}", second * 9));
    put(&format!("evaluations_saved_total{{by=\"racing\"}} {}", second * 6));
    // Half of them take up to half a second, all but one in ten up to two.
    put(&format!("evaluation_duration_seconds_bucket{{le=\"0.5\"}} {}", second * 5));
    put(&format!(
        "evaluation_duration_seconds_bucket{{le=\"2.0\"}} {} # {{trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"}} 1.75",
        second * 9
    ));
    put(&format!("evaluation_duration_seconds_bucket{{le=\"+Inf\"}} {}", second * 10));
    put(&format!("evaluation_duration_seconds_sum {:?}", second as f64 * 7.5));
    put(&format!("evaluation_duration_seconds_count {}", second * 10));
    for (model, share) in [("student", 10), ("teacher", 1)] {
        let model_labels = format!("provider=\"lab\",model=\"{model}\"");
        put(&format!("llm_api_calls_total{{{model_labels},outcome=\"success\"}} {}", second * share));
        put(&format!("llm_api_calls_total{{{model_labels},outcome=\"timeout\"}} {}", second * share / 10));
        put(&format!("llm_api_cost_dollars_total{{{model_labels}}} {:?}", second as f64 * 0.001));
        put(&format!("llm_tokens_total{{{model_labels},direction=\"input\"}} {}", second * share * 100));
        put(&format!("llm_tokens_total{{{model_labels},direction=\"cached\"}} {}", second * share * 50));
        put(&format!("llm_tokens_total{{{model_labels},direction=\"output\"}} {}", second * share * 10));
        put(&format!("llm_api_duration_seconds_bucket{{{model_labels},le=\"0.5\"}} {}", second * share));
        put(&format!("llm_api_duration_seconds_bucket{{{model_labels},le=\"+Inf\"}} {}", second * share));
        put(&format!("llm_api_duration_seconds_sum{{{model_labels}}} {:?}", (second * share) as f64 * 0.25));
        put(&format!("llm_api_retries_total{{{model_labels},error_type=\"timeout\"}} {}", second / 20));
        put(&format!("llm_api_in_flight{{{model_labels}}} {}", share / 2));
    }
    put("llm_api_limit{provider=\"lab\",kind=\"concurrency\"} 16");
    put("llm_api_limit{provider=\"lab\",kind=\"tokens_per_minute\"} 100000");
    for (actor, depth, alive) in
        [("evaluator", 7, 8), ("journal", 1, 1), ("orchestrator", 0, 1), ("population", 0, 2)]
    {
        put(&format!("actors_alive{{actor=\"{actor}\"}} {alive}"));
        put(&format!("actor_mailbox_depth{{actor=\"{actor}\"}} {depth}"));
        put(&format!("actor_messages_total{{actor=\"{actor}\",message=\"evaluate\"}} {}", second * 10));
        put(&format!("actor_mailbox_wait_seconds_bucket{{actor=\"{actor}\",le=\"0.001\"}} {}", second * 10));
        put(&format!("actor_mailbox_wait_seconds_bucket{{actor=\"{actor}\",le=\"+Inf\"}} {}", second * 10));
        put(&format!("actor_handle_seconds_bucket{{actor=\"{actor}\",le=\"0.25\"}} {}", second * 10));
        put(&format!("actor_handle_seconds_bucket{{actor=\"{actor}\",le=\"+Inf\"}} {}", second * 10));
    }
    put("actor_restarts_total{actor=\"population\",cause=\"panic\"} 2");
    put("actor_dead_letters_total{actor=\"journal\"} 3");
    put(&format!("http_requests_total{{method=\"GET\",route=\"/metrics\",status=\"200\"}} {second}"));
    put(&format!("http_requests_total{{method=\"GET\",route=\"/health\",status=\"503\"}} {}", second / 10));
    put("trace_spans_total{outcome=\"exported\"} 120");
    put("trace_spans_total{outcome=\"dropped\"} 2");
    put("# EOF");
    page
}

/// The same, read.
pub(super) fn reading(second: u64) -> Reading {
    Reading::from(&page(second).parse::<Page>().unwrap())
}
