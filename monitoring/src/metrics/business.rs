//! What users make of the prompts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use super::declare::Declarations;
use super::durations::Bounds;
use super::labels::{label_set, open};
use super::name::families;
use super::series::Series;

label_set!(ObjectiveLabels { objective: open });
label_set!(VariantLabels { experiment: open, variant: open });
label_set!(RatingLabels { rating: closed });

families! {
    PROMPT_FITNESS_SCORE: Histogram<ObjectiveLabels> = "prompt_fitness_score",
        "Mean validation scores of candidates when it was decided what becomes of them, 0 to 1";
    USER_SESSIONS_ACTIVE: Gauge = "user_sessions_active",
        "User sessions under way";
    AB_TEST_ASSIGNMENTS: Counter<VariantLabels> = "ab_test_assignments",
        "Users who were given a variant of an experiment";
    AB_TEST_CONVERSIONS: Counter<VariantLabels> = "ab_test_conversions",
        "Users of a variant who did what the experiment is for";
    PROMPT_FEEDBACK: Counter<RatingLabels> = "prompt_feedback",
        "Ratings that users gave to answers";
}

/// Bounds of scores between 0 and 1.
const SCORES: &[f64] = &[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0];

/// What a user says of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rating {
    /// It was good.
    Positive,
    /// It was neither.
    Neutral,
    /// It was bad.
    Negative,
}

/// What users make of the prompts. The engine reports fitness; sessions, experiments and feedback are reported by the
/// service that puts the prompts to use.
#[derive(Debug)]
pub struct BusinessMetrics {
    fitness: Series<ObjectiveLabels, Histogram, Bounds>,
    sessions: Gauge,
    assignments: Series<VariantLabels, Counter>,
    conversions: Series<VariantLabels, Counter>,
    feedback: Series<RatingLabels, Counter>,
}

/// A user's session; it ends when this is dropped.
#[derive(Debug)]
pub struct Session(Gauge);

impl Drop for Session {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl BusinessMetrics {
    pub(super) fn declare(declare: &mut Declarations) -> Self {
        Self {
            fitness: declare.histograms(names::PROMPT_FITNESS_SCORE, SCORES),
            sessions: declare.gauge(names::USER_SESSIONS_ACTIVE),
            assignments: declare.counters(names::AB_TEST_ASSIGNMENTS),
            conversions: declare.counters(names::AB_TEST_CONVERSIONS),
            feedback: declare.counters(names::PROMPT_FEEDBACK),
        }
    }

    /// Notes the mean score of a settled candidate.
    pub fn fitness(&self, objective: &str, score: f64) {
        self.fitness.get(&ObjectiveLabels { objective: open(objective) }).observe(score);
    }

    /// Notes that a session begins.
    pub fn session(&self) -> Session {
        self.sessions.inc();
        Session(self.sessions.clone())
    }

    /// Notes that a user was given a variant.
    pub fn assigned(&self, experiment: &str, variant: &str) {
        self.assignments.get(&variant_labels(experiment, variant)).inc();
    }

    /// Notes that a user of a variant did what the experiment is for.
    pub fn converted(&self, experiment: &str, variant: &str) {
        self.conversions.get(&variant_labels(experiment, variant)).inc();
    }

    /// Notes a rating.
    pub fn feedback(&self, rating: Rating) {
        let rating = match rating {
            Rating::Positive => "positive",
            Rating::Neutral => "neutral",
            Rating::Negative => "negative",
        };
        self.feedback.get(&RatingLabels { rating: rating.into() }).inc();
    }
}

fn variant_labels(experiment: &str, variant: &str) -> VariantLabels {
    VariantLabels { experiment: open(experiment), variant: open(variant) }
}
