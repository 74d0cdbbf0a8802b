//! What is particular to one algorithm in generations.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::child::Child;
use super::duel::Duel;
use crate::candidate::{Candidate, CandidateId};
use crate::context::Context;
use crate::finals::{Finals, best_score};
use crate::race::RaceConfig;
use crate::rng::RunRng;
use crate::variation::VariationContext;
use crate::variation::rewrite::Rewrite;

/// What an algorithm in generations leaves to [`super::Generational`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// How a child's measurement is broken off early.
    pub(crate) race: RaceConfig,
    /// Part of the evaluations kept for the finals, 0 to 0.9.
    pub(crate) finals: f64,
    /// Children nearer than this to anybody known are not measured, 0 to 1.
    pub(crate) min_distance: f64,
}

impl Rules {
    pub(crate) fn new(race: RaceConfig, finals: f64) -> Self {
        Self { race, finals, min_distance: 0.0 }
    }
}

/// One algorithm in generations: how many children there are, how each is made, against whom it is measured, and
/// who stays. All chance comes from the generator that is handed in, and what a method decides depends on nothing
/// but what it is given: then the run does not depend on the order in which results arrive.
pub(crate) trait Scheme: Debug + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What it leaves to the driver.
    fn rules(&self) -> Rules;

    /// Looks at how the run is set up, once, before anything is measured.
    fn begin(&mut self, _context: &Context<'_>) {}

    /// Children of the next generation.
    fn brood(&self, cohort: &Cohort<'_>) -> usize;

    /// Whether it has tried all that it wants to, whatever the budget would pay for.
    fn is_complete(&self, _cohort: &Cohort<'_>) -> bool {
        false
    }

    /// Begins the child with this place in its generation, from 0. `None` when this draw brought nobody; it is
    /// repeated a few times.
    fn conceive(&self, place: usize, cohort: &Cohort<'_>, rng: &mut RunRng) -> Option<Conception>;

    /// The question about a first parent that was run on these train cases. Unless an algorithm says otherwise the
    /// model is to reflect on what came of it.
    ///
    /// # Errors
    /// A short stable name of the reason why there is nothing to ask.
    fn inquire(
        &self,
        conception: &Conception,
        cases: &[u32],
        cohort: &Cohort<'_>,
    ) -> Result<String, &'static str> {
        let examples = cohort.context.examples(conception.parents[0], cases);
        if examples.is_empty() {
            return Err("unmeasurable");
        }
        Ok(Rewrite::Reflect.question(&[&conception.draft], &conception.component, &examples))
    }

    /// Goes on with a child whose question number `step`, from 0, was answered with this text. Unless an algorithm
    /// says otherwise the text is the component that was asked for, and the child is made. Draft and note may be
    /// changed for the steps to come.
    ///
    /// # Errors
    /// A short stable name of the reason why no child can come of it.
    fn develop(
        &self,
        conception: &mut Conception,
        _step: u32,
        text: String,
        _cohort: &Cohort<'_>,
        _rng: &mut RunRng,
    ) -> Result<Made, &'static str> {
        conception.with_text(text).map(Made::Candidate)
    }

    /// What is taken off each score of a candidate: 0 unless an algorithm has a price for something.
    fn handicap(&self, _candidate: &Candidate, _context: &Context<'_>) -> f64 {
        0.0
    }

    /// Whom a child, which is made by now, must beat to be worth measuring further: it falls once `needed` of them are
    /// surely better.
    fn rivals(&self, _conception: &Conception, _cohort: &Cohort<'_>) -> Rivals {
        Rivals::default()
    }

    /// Whether a child is surely worse than a rival: unless an algorithm says otherwise, in its scores.
    fn yields(&self, duel: &Duel<'_>) -> bool {
        self.rules().race.is_hopeless(duel.scores, duel.reference, duel.reference.len())
    }

    /// Who makes up the population from now on, the best first. `newcomers` were measured on all ranked cases, in
    /// the order of their conception; migrants of other islands have no conception.
    fn select(&mut self, newcomers: &[Newcomer], cohort: &Cohort<'_>) -> Vec<CandidateId>;

    /// The finals, with so many evaluations left (`None`: as many as it takes): unless an algorithm says otherwise
    /// among those of the population with the best scores.
    fn finals(&self, left: Option<u64>, cohort: &Cohort<'_>) -> Finals {
        Finals::new(cohort.population, left, cohort.context)
    }

    /// The choice among candidates that were all measured on these cases: unless an algorithm says otherwise the best
    /// score.
    fn choose(&self, among: &[CandidateId], cases: &[u32], context: &Context<'_>) -> Option<CandidateId> {
        best_score(among, cases, context)
    }
}

/// Members of the population that a child is compared with while it is measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rivals {
    /// Who they are.
    pub(crate) ids: Vec<CandidateId>,
    /// How many of them must be surely better for the child to fall; with none it never does.
    pub(crate) needed: usize,
}

impl Rivals {
    /// The first of a population.
    pub(crate) fn first_of(population: &[CandidateId]) -> Self {
        Self { ids: population.first().copied().into_iter().collect(), needed: 1 }
    }

    /// The last of a population that is full: who stays must beat it.
    pub(crate) fn last_of(population: &[CandidateId], full: usize) -> Self {
        match population.last() {
            Some(&last) if population.len() >= full => Self { ids: vec![last], needed: 1 },
            _ => Self::default(),
        }
    }
}

/// A child that has just been measured on all ranked cases, or a migrant.
#[derive(Debug, Clone)]
pub(crate) struct Newcomer {
    /// Who it is.
    pub(crate) id: CandidateId,
    /// Its mean on the ranked cases less the handicap.
    pub(crate) fitness: f64,
    /// How it came to be; `None` for a seed or a migrant.
    pub(crate) conception: Option<Conception>,
}

/// How a child comes to be.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub(crate) struct Conception {
    /// Whom it is made from.
    pub(crate) parents: Vec<CandidateId>,
    /// The operator that makes it.
    pub(crate) operator: String,
    /// What a question's answer is put into.
    pub(crate) draft: Candidate,
    /// The component that questions are about.
    pub(crate) component: String,
    /// What the algorithm wants to remember of it.
    pub(crate) note: String,
    /// What has been made of it so far.
    pub(crate) made: Made,
}

/// How far a child has come.
#[derive(Debug, Clone, Serialize, serde::Deserialize)]
pub(crate) enum Made {
    /// It is there.
    Candidate(Candidate),
    /// The reflection model is asked.
    Question(String),
    /// The first parent is run on these train cases, then the reflection model is asked about what came of it.
    Reflection(Vec<u32>),
}

impl Conception {
    /// A child that is there at once.
    pub(crate) fn of(parents: Vec<CandidateId>, operator: impl Into<String>, candidate: Candidate) -> Self {
        Self {
            parents,
            operator: operator.into(),
            draft: candidate.clone(),
            component: String::new(),
            note: String::new(),
            made: Made::Candidate(candidate),
        }
    }

    /// The draft with this text for the component in question.
    ///
    /// # Errors
    /// When no component would have text.
    pub(crate) fn with_text(&self, text: String) -> Result<Candidate, &'static str> {
        self.draft.with_component(&self.component, text).map_err(|_| "empty")
    }
}

/// What a scheme sees: a population that is measured, and the children on their way.
pub(crate) struct Cohort<'a> {
    pub(crate) context: &'a Context<'a>,
    /// The population, the best first.
    pub(crate) population: &'a [CandidateId],
    /// Means on the ranked cases less the handicap, parallel to the population.
    pub(crate) fitness: &'a [f64],
    /// Generations completed.
    pub(crate) generation: u32,
    pub(super) children: &'a BTreeMap<u64, Child>,
}

impl Cohort<'_> {
    /// A candidate of the population or its ancestry.
    pub(crate) fn candidate(&self, id: CandidateId) -> Option<&Candidate> {
        self.context.ledger.candidate(id)
    }

    /// How many children can be made and measured on all ranked cases before the finals, for which this part of the
    /// budget is kept.
    pub(crate) fn affordable(&self, finals: f64) -> usize {
        affordable(finals, self.context)
    }

    /// Population and newcomers with their fitness, in this order.
    pub(crate) fn with<'b>(
        &'b self,
        newcomers: &'b [Newcomer],
    ) -> impl Iterator<Item = (CandidateId, f64)> + 'b {
        let members = self.population.iter().copied().zip(self.fitness.iter().copied());
        members.chain(newcomers.iter().map(|newcomer| (newcomer.id, newcomer.fitness)))
    }

    /// Whether nobody like it was born or is on its way.
    pub(crate) fn is_new(&self, candidate: &Candidate) -> bool {
        let known = self.context.ledger.born(candidate.id()).is_some();
        !known && !self.children.values().any(|child| child.candidate() == Some(candidate))
    }

    /// What operators may look at.
    pub(crate) fn variation(&self) -> VariationContext<'_> {
        VariationContext { train: self.context.train, difficulty: &[], limits: self.context.settings.limits }
    }
}

/// How many candidates can be measured on all ranked cases before the finals, for which this part of the budget is
/// kept.
pub(super) fn affordable(finals: f64, context: &Context<'_>) -> usize {
    left_to_search(finals, context).checked_div(context.ranked().len()).unwrap_or(usize::MAX)
}

/// Evaluations that are left before the finals, for which this part of the budget is kept.
pub(super) fn left_to_search(finals: f64, context: &Context<'_>) -> usize {
    if context.account.spent_share() > 1.0 - finals {
        return 0;
    }
    let Some(most) = context.account.budget().evaluations else { return usize::MAX };
    let search = (most as f64 * (1.0 - finals)) as u64;
    search.saturating_sub(context.account.evaluations()) as usize
}
