//! Every figure against what really happened: the job's own records, and what the model server was asked.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use evohub::evolution::{Outcome, RunEvent};
use evohub::store::{JobId, Totals};
use evohub::{JobEvent, JobResult, JobSpec, Toolbox};

use crate::folder::{Folder, films};
use crate::node::{Node, Told};
use crate::server::{Asked, Reply, Server};

/// What a job did, by its own account.
struct Done {
    result: JobResult,
    totals: Totals,
    events: Vec<JobEvent>,
}

/// Runs the folder's job with a change of what it says.
async fn run(node: &Node, folder: &Folder, change: impl FnOnce(&mut JobSpec)) -> Done {
    let Told { events, result } = node.run_changed(folder, change).await;
    let totals = node.store.totals(&JobId(result.job.clone())).await.unwrap();
    Done { result, totals, events }
}

/// No attempt is made again below the actors, so that every failure is one of an evaluation.
fn without_retries(spec: &mut JobSpec) {
    let provider = spec.providers.get_mut("lab").unwrap();
    (provider.max_retries, provider.breaker_failures) = (0, 1_000);
}

/// The page, summed up over whatever labels are not named.
struct Page(String);

impl Page {
    /// The sum of all series of this name that have these labels; 0 where there is none.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let wanted: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let values = self.0.lines().filter_map(|line| {
            let line = line.split(" # ").next()?;
            let (series, value) = line.rsplit_once(' ')?;
            let (family, set) = series.split_once('{').unwrap_or((series, ""));
            (family == name && wanted.iter().all(|label| set.contains(label.as_str())))
                .then(|| value.parse::<f64>().unwrap())
        });
        values.sum()
    }

    fn is(&self, name: &str, labels: &[(&str, &str)], expected: u64) {
        assert_eq!(self.sum(name, labels), expected as f64, "{name}{labels:?}\n{}", self.0);
    }
}

/// Fails at the first asking of some requests, in three ways, and says how often it did so.
#[derive(Default)]
struct Failing {
    server: AtomicUsize,
    limited: AtomicUsize,
    cut: AtomicUsize,
}

impl Failing {
    fn reply(&self, asked: &Asked, is_first: bool) -> Reply {
        // By what is asked, not by when: the same requests fail in every order of arrival.
        let number: u32 = asked.last().bytes().map(u32::from).sum();
        match number % 11 {
            0 if is_first => {
                self.server.fetch_add(1, Ordering::SeqCst);
                Reply::Status(500)
            }
            1 if is_first => {
                self.limited.fetch_add(1, Ordering::SeqCst);
                Reply::Status(429)
            }
            2 if is_first => {
                self.cut.fetch_add(1, Ordering::SeqCst);
                Reply::Close
            }
            _ => films(asked),
        }
    }
}

/// A server whose student fails at the first asking of some requests.
fn failing_server(failing: &Arc<Failing>) -> Server {
    let failing = Arc::clone(failing);
    let seen = std::sync::Mutex::new(BTreeMap::<Vec<(String, String)>, usize>::new());
    Server::start(move |asked| {
        if asked.model == "teacher" {
            return films(asked);
        }
        let mut seen = seen.lock().unwrap();
        let times = seen.entry(asked.turns.clone()).or_default();
        *times += 1;
        failing.reply(asked, *times == 1)
    })
}

#[test]
fn the_figures_of_a_job_that_fails_in_known_ways_are_exact() {
    let failing = Arc::new(Failing::default());
    let server = failing_server(&failing);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let folder = Folder::with_job(&server);
        let node = Node::start(&folder, Toolbox::default()).await;
        let metrics = Arc::clone(node.metrics());
        let Done { result, totals, events } = run(&node, &folder, without_retries).await;
        assert_eq!(result.status, "done", "{result:?}");
        let page = Page(metrics.encode());
        let count = |counter: &AtomicUsize| counter.load(Ordering::SeqCst) as u64;
        let (server_failed, limited, cut) =
            (count(&failing.server), count(&failing.limited), count(&failing.cut));
        assert!(server_failed > 0 && limited > 0 && cut > 0, "{server_failed} {limited} {cut}");

        // Evaluations.
        let failed = server_failed + limited + cut;
        page.is("prompt_evaluations_total", &[("outcome", "success")], totals.evaluations);
        page.is("prompt_evaluations_total", &[("outcome", "cached")], 0);
        page.is("prompt_evaluations_total", &[("outcome", "failed")], failed);
        for (error_type, expected) in
            [("server", server_failed), ("rate_limited", limited), ("connection", cut)]
        {
            page.is("prompt_evaluations_failed_total", &[("error_type", error_type)], expected);
            page.is("llm_api_calls_total", &[("outcome", error_type)], expected);
        }
        page.is("prompt_evaluations_failed_total", &[], failed);
        let retried = events.iter().filter(|event| matches!(event, JobEvent::Retried { .. })).count() as u64;
        assert_eq!(retried, failed);
        page.is("evaluation_duration_seconds_count", &[], totals.evaluations + failed);
        page.is("evaluation_queue_wait_seconds_count", &[], totals.evaluations + failed);
        page.is("evaluation_cache_hits_total", &[], 0);
        page.is("evaluation_cache_misses_total", &[], totals.evaluations);
        page.is("evaluations_saved_total", &[("by", "cache")], 0);
        let saved = page.sum("evaluations_saved_total", &[]);
        assert_eq!(saved, result.saved.early_rejection as f64);

        // Calls, as the records and the server counted them.
        page.is("llm_api_calls_total", &[("outcome", "success")], totals.model_calls);
        page.is("llm_api_calls_total", &[], server.count() as u64);
        let students = server.requests().iter().filter(|asked| asked.model == "student").count() as u64;
        page.is("llm_api_calls_total", &[("model", "student")], students);
        page.is("llm_tokens_total", &[("direction", "input")], totals.input_tokens);
        page.is("llm_tokens_total", &[("direction", "output")], totals.output_tokens);
        let dollars = page.sum("llm_api_cost_dollars_total", &[]);
        assert!((dollars - totals.dollars).abs() < 1e-9, "{dollars} {}", totals.dollars);
        page.is("llm_api_duration_seconds_count", &[], totals.model_calls);
        page.is("llm_overhead_seconds_count", &[("cause", "work")], totals.model_calls);
        page.is("llm_api_retries_total", &[], 0);
        page.is("llm_api_in_flight", &[], 0);

        // The search.
        let happened = |what: fn(&RunEvent) -> bool| {
            let is = |event: &&JobEvent| matches!(event, JobEvent::Island { event, .. } if what(event));
            events.iter().filter(is).count() as u64
        };
        let generations = happened(|event| matches!(event, RunEvent::GenerationCompleted(_)));
        assert!(generations > 0);
        page.is("evolution_generations_completed_total", &[], generations);
        let settled = happened(
            |event| matches!(event, RunEvent::CandidateSettled { outcome, .. } if *outcome != Outcome::Open),
        );
        page.is("evolution_candidates_total", &[], settled);
        page.is("evolution_jobs", &[("state", "done")], 1);
        page.is("evolution_jobs", &[], 1);

        // The actors.
        for actor in ["job", "population", "generation", "journal", "supervisor", "evaluator"] {
            page.is("actor_mailbox_depth", &[("actor", actor)], 0);
            page.is("actor_restarts_total", &[("actor", actor)], 0);
            let begun = page.sum("actor_messages_total", &[("actor", actor)]);
            assert_eq!(page.sum("actor_handle_seconds_count", &[("actor", actor)]), begun, "{actor}");
            assert_eq!(page.sum("actor_mailbox_wait_seconds_count", &[("actor", actor)]), begun, "{actor}");
        }
        let proposals = server.count() as u64 - students;
        page.is("actor_messages_total", &[("actor", "evaluator"), ("message", "propose")], proposals);
        page.is("journal_batch_size_sum", &[], totals.evaluations + proposals);
        page.is("journal_lag_seconds_count", &[], totals.evaluations + proposals);

        // The same job again costs nothing, and says so.
        let asked = server.count();
        let again = run(&node, &folder, without_retries).await;
        assert_eq!((server.count(), again.totals.model_calls), (asked, 0));
        let page = Page(metrics.encode());
        page.is("prompt_evaluations_total", &[("outcome", "success")], totals.evaluations);
        page.is("prompt_evaluations_total", &[("outcome", "cached")], totals.evaluations);
        page.is("evaluation_cache_hits_total", &[("tier", "store")], totals.evaluations);
        page.is("evaluations_saved_total", &[("by", "cache")], totals.evaluations);
        page.is("llm_api_calls_total", &[], asked as u64);
        page.is("evolution_jobs", &[("state", "done")], 2);

        node.end().await;
        // The children end a moment after the root.
        while Page(metrics.encode()).sum("actors_alive", &[]) > 0.0 {
            tokio::task::yield_now().await;
        }
        let page = Page(metrics.encode());
        page.is("actor_dead_letters_total", &[], 0);
        page.is("evolution_population_size", &[], 0);
    });
}

#[test]
fn attempts_below_the_actors_are_counted_as_retries() {
    let failing = Arc::new(Failing::default());
    let server = failing_server(&failing);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let folder = Folder::with_job(&server);
        let node = Node::start(&folder, Toolbox::default()).await;
        let metrics = Arc::clone(node.metrics());
        let Done { totals, .. } = run(&node, &folder, |_| {}).await;
        let page = Page(metrics.encode());
        for (error_type, counter) in
            [("server", &failing.server), ("rate_limited", &failing.limited), ("connection", &failing.cut)]
        {
            let expected = counter.load(Ordering::SeqCst) as u64;
            page.is("llm_api_retries_total", &[("error_type", error_type)], expected);
        }
        page.is("llm_api_calls_total", &[], totals.model_calls);
        page.is("prompt_evaluations_total", &[("outcome", "failed")], 0);
        let retries = page.sum("llm_api_retries_total", &[]);
        assert_eq!(server.count() as f64, totals.model_calls as f64 + retries);
        node.end().await;
    });
}
